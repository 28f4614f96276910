"""What if: the record or the test period, replayed under another threshold, policy or release."""
