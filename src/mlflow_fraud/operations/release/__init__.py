"""Challenger against champion, and what the verdict says put live."""
