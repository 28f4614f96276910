"""Whether what is live is still good: its windows, how far they moved, the rule for retraining."""
