"""Values in, values out: no file, network, clock or environment is touched in here."""
