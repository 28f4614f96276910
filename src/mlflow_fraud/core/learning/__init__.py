"""How a candidate comes to be: the split, the fit, the protocols, the search, the look for leakage."""
