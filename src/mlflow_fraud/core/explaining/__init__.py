"""The reasons of a score, in a person's words."""
