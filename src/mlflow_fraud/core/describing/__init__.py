"""A contract for people and editors: drafted from a sample, in words, as a page and as a JSON schema."""
