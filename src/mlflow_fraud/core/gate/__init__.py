"""What a contract lets us say of a batch: rules, the evidence that they look at, and what they find."""
