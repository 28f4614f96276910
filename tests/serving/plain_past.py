"""What a service should know and answer, told the plain way: two lists, looked through anew for every answer.

No engine is asked, so that both may be held to it. A feature here is one line of `FEATURES`; a release that the state
machine promotes has some of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
Feature = Callable[["PlainPast", Row], float | None]

SEVERAL_CARDS = 3


@dataclass
class PlainPast:
    """Each transaction once, as it came first, and all that was told of it since, in the order in which it was told."""

    rows: dict[str, Row] = field(default_factory=dict)
    labels: dict[str, list[tuple[int, datetime]]] = field(default_factory=dict)
    corrections: dict[str, list[tuple[Row | None, datetime]]] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        """Know a transaction from now on."""
        self.rows.setdefault(row["event_id"], row)

    def learn(self, event_id: str, label: int, arrived: datetime) -> None:
        """Know a label from now on."""
        told = self.labels.setdefault(event_id, [])
        if (label, arrived) not in told:
            told.append((label, arrived))

    def correct(self, event_id: str, instead: Row | None, observed: datetime) -> None:
        """Know from now on that a transaction is another one, or none, from after a moment on."""
        told = self.corrections.setdefault(event_id, [])
        if (instead, observed) not in told:
            told.append((instead, observed))

    def seen(self, row: Row, at: datetime) -> Row | None:
        """Return what a transaction is to one at a moment."""
        return _newest([(row, datetime.min), *self.corrections.get(row["event_id"], [])], at)

    @property
    def now(self) -> datetime:
        """The newest time that several cards have reached."""
        newest: dict[int, datetime] = {}
        for row in self.rows.values():
            newest[row["card"]] = max(row["event_time"], newest.get(row["card"], row["event_time"]))
        return sorted(newest.values())[-SEVERAL_CARDS]

    def before(self, row: Row, by: str, days: int | None = None) -> list[Row]:
        """Return what came strictly before `row` and is of the same card or the like; 0 days reach to midnight."""
        at = row["event_time"]
        versions = (self.seen(each, at) for each in self.rows.values() if each[by] == row[by])
        alike = [each for each in versions if each and each["event_time"] < at]
        if days is not None:
            alike = [each for each in alike if each["event_time"] >= _begin(row["event_time"], days)]
        return sorted(alike, key=lambda each: (each["event_time"], each["event_id"]))

    def arrived(self, row: Row, by: str, days: int) -> list[int]:
        """Return the labels of the same merchant or the like that arrived before `row`, the newest of each payment."""
        at = row["event_time"]
        mine = [told for event_id, told in self.labels.items() if self.rows[event_id][by] == row[by]]
        newest = [_newest([((label, when), when) for label, when in told], at) for told in mine]
        return [label for label, when in filter(None, newest) if _begin(at, days) <= when]

    def score(self, row: Row, by: str, days: int) -> int | None:
        """Return how far the amount is from the usual ones, in whole thousandths of their spread."""
        amounts = [each["amount"] for each in self.before(row, by, days)]
        if len(amounts) < 2:
            return None
        mean = sum(amounts) / len(amounts)
        spread = math.sqrt(max(sum(amount * amount for amount in amounts) / len(amounts) - mean * mean, 0.0))
        return math.floor((row["amount"] - mean) / spread * 1000 + 0.5) if spread else None

    def features(self, names: list[str], row: Row) -> list[float | None]:
        """Return the features of `row` by name."""
        return [FEATURES[name](self, row) for name in names]


def _newest(told: list[tuple[Any, datetime]], at: datetime) -> Any:
    """Return what was told for the newest moment before `at`, of two for the same moment the later one, or None."""
    before = [(when, number) for number, (_, when) in enumerate(told) if when < at]
    return told[max(before)[1]][0] if before else None


def _begin(at: datetime, days: int) -> datetime:
    return at - timedelta(days=days) if days else at.replace(hour=0, minute=0, second=0)


def _over(upper: float, lower: float | None) -> float | None:
    return upper / lower if lower else None


def _last(past: list[Row], back: int) -> Row | None:
    return past[-back] if len(past) >= back else None


def _seconds_since(past: PlainPast, row: Row, back: int) -> float | None:
    last = _last(past.before(row, "card"), back)
    return (row["event_time"] - last["event_time"]).total_seconds() if last else None


def _scores_of_the_card(past: PlainPast, row: Row) -> list[int]:
    found = [past.score(each, "category", 3) for each in past.before(row, "card", 3)]
    return [score for score in found if score is not None]


def _largest_score(past: PlainPast, row: Row) -> float | None:
    scores = _scores_of_the_card(past, row)
    return max(scores) / 1000 if scores else None


def _largest_amount(past: PlainPast, row: Row) -> float | None:
    return max((each["amount"] for each in past.before(row, "card", 3)), default=None)


def _own_score(past: PlainPast, row: Row) -> float | None:
    score = past.score(row, "category", 3)
    return None if score is None else score / 1000


def _last_amount(past: PlainPast, row: Row) -> float | None:
    last = _last(past.before(row, "card"), 1)
    return last["amount"] if last else None


FEATURES: dict[str, Feature] = {
    "amount": lambda past, row: row["amount"],
    "count_by_card_today": lambda past, row: len(past.before(row, "card", 0)),
    "amount_sum_by_card_today": lambda past, row: sum(each["amount"] for each in past.before(row, "card", 0)),
    "count_by_card_3d": lambda past, row: len(past.before(row, "card", 3)),
    "amount_sum_by_card_3d": lambda past, row: sum(each["amount"] for each in past.before(row, "card", 3)),
    "amount_max_by_card_3d": _largest_amount,
    "distinct_merchant_by_card_3d": lambda past, row: len({each["merchant"] for each in past.before(row, "card", 3)}),
    "amount_score_by_category_3d_max_by_card_3d": _largest_score,
    "seconds_since_last_by_card": lambda past, row: _seconds_since(past, row, 1),
    "amount_of_last_by_card": _last_amount,
    "seconds_since_last_2_by_card": lambda past, row: _seconds_since(past, row, 2),
    "amount_score_by_category_3d": _own_score,
    "amount_over_amount_max_by_card_3d": lambda past, row: _over(row["amount"], _largest_amount(past, row)),
    "labels_by_merchant_10d": lambda past, row: len(past.arrived(row, "merchant", 10)),
    "frauds_by_merchant_10d": lambda past, row: sum(past.arrived(row, "merchant", 10)),
    "count_by_merchant_10d": lambda past, row: len(past.before(row, "merchant", 10)),
    "labels_by_card_10d": lambda past, row: len(past.arrived(row, "card", 10)),
}

WATCHED = {
    "row": ["amount"],
    "windows": [
        {"by": ["card"], "spans": ["today", "3d"], "take": ["count", "sum"]},
        {"by": ["card"], "spans": ["3d"], "take": ["max"]},
        {"by": ["card"], "spans": ["3d"], "take": ["distinct"], "of": "merchant"},
        {"by": ["card"], "spans": ["3d"], "take": ["max"], "of": "amount_score_by_category_3d"},
    ],
    "last": [
        {"by": ["card"], "take": ["seconds", "amount"]},
        {"by": ["card"], "take": ["seconds"], "back": 2},
    ],
    "scores": [{"by": ["category"], "span": "3d"}],
    "ratios": [["amount", "amount_max_by_card_3d"]],
    "labels": [{"by": ["merchant"], "spans": ["10d"], "take": ["labels", "frauds"]}],
}
"""One of each kind of definition, as `params.yaml` would ask for it."""

OTHERS = {
    "row": ["amount"],
    "windows": [{"by": ["merchant"], "spans": ["10d"], "take": ["count"]}],
    "labels": [{"by": ["card"], "spans": ["10d"], "take": ["labels"]}],
}
"""Features with another past: what a release needs that is not made of the same."""

SHORT = {"row": ["amount"], "windows": [{"by": ["card"], "spans": ["3d"], "take": ["count", "sum", "max"]}]}
"""Of labels and of the days before these three it needs nothing, so a start leaves out most of what is recorded."""
