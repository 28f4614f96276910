"""What only shows when a batch is held against time, its label and the batches before it."""
