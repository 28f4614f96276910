"""What becomes of a retraining: a commit that others have before anything of it goes live."""
