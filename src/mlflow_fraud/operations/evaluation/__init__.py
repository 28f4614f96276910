"""A candidate judged by a protocol, tuned, looked through for leakage; nothing of it ships."""
