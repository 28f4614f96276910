"""What would have been otherwise under another threshold, policy or release, on the same payments."""
