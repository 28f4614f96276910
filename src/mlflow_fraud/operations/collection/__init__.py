"""What a service saw and was told comes back as pinned batches and corrections."""
