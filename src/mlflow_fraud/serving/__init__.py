"""The scoring service: the newest release behind HTTP, with no training tool imported."""
