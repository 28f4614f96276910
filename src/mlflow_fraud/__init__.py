"""A fraud team's loop from data to a live model."""

__version__ = "0.1.0"
