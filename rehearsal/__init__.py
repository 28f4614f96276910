"""A year of a bank, played through on real servers: `make simulate-year`.

Payments are posted one by one, labels follow weeks later, a new kind of fraud begins, a feed breaks for three days, the
season comes. Nothing is done by hand; what has to hold is held, and drawn beside a model that nobody refreshed.
"""
