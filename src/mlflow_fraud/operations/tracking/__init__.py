"""MLflow, where more is asked of it than a stage's own run."""
