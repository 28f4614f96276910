"""When, how often, again after failure: the flows give order, names and retries, and compute nothing."""
