"""The record of what was scored, answered and labelled, in SQLite or PostgreSQL; often called the prediction log."""
