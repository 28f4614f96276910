"""Metrics and their values as a verdict says them."""

from __future__ import annotations


def named(metric: str) -> str:
    """Return a metric's name in words.

    >>> named("f1"), named("expected_cost")
    ('F1', 'expected cost')
    """
    return "F1" if metric == "f1" else metric.replace("_", " ")


def number(value: float) -> str:
    """Return a number with three digits after the point, or after its first zeros where it is small.

    >>> number(0.75), number(0.00042), number(412.5)
    ('0.750', '0.00042', '412.500')
    """
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def signed(value: float) -> str:
    """Return a number with its sign.

    >>> signed(0.75), signed(-0.05)
    ('+0.750', '-0.050')
    """
    return ("+" if value >= 0 else "") + number(value)
