"""The ids of answers: `<version>.<place>.<digest>`, which leads to its row without an index."""

from __future__ import annotations

LARGEST = 2**63 - 1

WITHOUT_PLACE = "prediction NOT LIKE '%.%.%'"
"""Of ids that earlier programs gave, in SQL: `<version>.<digest>`; these have an index."""


def prediction_id(version: str, place: int, digest: str) -> str:
    """Return the id of an answer.

    >>> prediction_id("xgboost-b59ff7e37502", 4095, "09c1b7a4d2e8")
    'xgboost-b59ff7e37502.fff.09c1b7a4d2e8'
    """
    return f"{version}.{place:x}.{digest}"


def place_of(prediction: str) -> int | None:
    """Return the place that an id states, or None where it states none.

    >>> place_of("xgboost-b59ff7e37502.fff.09c1b7a4d2e8"), place_of("xgboost-b59ff7e37502.09c1b7a4d2e8b0c3")
    (4095, None)
    """
    match prediction.rsplit(".", 2):
        case [_, place, _] if place and not set(place) - set("0123456789abcdef"):
            return min(int(place, 16), LARGEST)
    return None
