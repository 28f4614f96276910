"""What a transaction is: its columns, the forms of their values, their bounds and times."""
