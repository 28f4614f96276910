"""What a person does with the record of payments."""
