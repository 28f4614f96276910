"""Which reason a feature belongs to: a code and words, made from its definition by rule.

Spans are not in a code, so a setting that looks back further has the same codes. Words name what was looked at and not
what was found: they are true of a payment whichever way it counted, and hold nothing of anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mlflow_fraud.core.explaining.words import Words, of_column, of_entities, of_many
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    Entities,
    Feature,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
)

_OF_THE_CLOCK = {"hour": "time_of_day", "night": "time_of_day", "weekday": "day_of_week"}
_OF_THE_ROW = {AMOUNT: AMOUNT, "age": "age", "distance": "distance", **_OF_THE_CLOCK}


class Coded(NamedTuple):
    """A code and what a person is told of it."""

    code: str
    words: Words


def coded(feature: Feature, features: Mapping[str, Feature]) -> Coded:
    """Return the reason of a feature; `features` has all of the schema by name, as ratios and scores refer to others.

    >>> card = ("card",)
    >>> coded(Window(card, "24h", "max"), {}).code, coded(Score(card, "30d"), {}).code
    ('earlier_amounts_by_card', 'amount_against_usual_by_card')
    >>> coded(Window(("merchant",), "30d", "count"), {}).words.fr
    'le nombre de paiements précédents pour ce commerçant'
    """
    match feature:
        case Row(name):
            return Coded(_OF_THE_ROW.get(name, f"value_of_{name}"), of_column(name))
        case Score(by):
            return _against_usual(by)
        case Labels(by):
            return _by(
                "experience", by, "what is known of earlier payments", "ce que l'on sait des paiements précédents"
            )
        case Last(by, take):
            return _of_last(by, take, features)
        case Ratio(upper, lower):
            return _of_ratio(features[upper], features[lower], features)
        case Window():
            return _of_window(feature, features)


def _of_window(window: Window, features: Mapping[str, Feature]) -> Coded:
    by, many = window.by, of_many(window.of)
    if window.only == "night":
        return _by("night_payments", by, "earlier payments at night", "les paiements de nuit précédents")
    if window.only == "large":
        return _by("large_payments", by, "earlier large payments", "les paiements élevés précédents")
    if window.statistic == "distinct":
        code = f"different_{window.of}"
        return _by(code, by, f"how many different {many.en} there were", f"la variété récente des {many.fr}")
    if window.of == AMOUNT and window.statistic == "count":
        return _by("payments", by, "the number of earlier payments", "le nombre de paiements précédents")
    return _earlier(by, window.of, features)


def _of_last(by: Entities, take: str, features: Mapping[str, Feature]) -> Coded:
    if take == "seconds":
        return _by("time_since_last", by, "the time since the last payments", "le temps depuis les derniers paiements")
    return _earlier(by, take, features)


def _of_ratio(upper: Feature, lower: Feature, features: Mapping[str, Feature]) -> Coded:
    """Return the reason of the upper one, held against its usual; of the amount, that it is held against its own."""
    if upper == Row(AMOUNT) and isinstance(lower, Window | Last):
        return _against_usual(lower.by)
    return coded(upper, features)


def _earlier(by: Entities, of: str, features: Mapping[str, Feature]) -> Coded:
    """Return the reason of what earlier payments had in a column, or how usual their amounts were."""
    if of == AMOUNT:
        return _by("earlier_amounts", by, "earlier amounts", "les montants précédents")
    if isinstance(features.get(of), Score):
        en, fr = "how usual earlier amounts were", "le caractère habituel des montants précédents"
        return _by("usualness_of_earlier_amounts", by, en, fr)
    many = of_many(of)
    return _by(f"earlier_values_of_{of}", by, f"earlier {many.en}", f"les {many.fr} des paiements précédents")


def _against_usual(by: Entities) -> Coded:
    en, fr = "how the amount compares with what is usual", "le montant par rapport à ce qui est habituel"
    return _by("amount_against_usual", by, en, fr)


def _by(code: str, by: Entities, en: str, fr: str) -> Coded:
    entities = of_entities(by)
    return Coded(f"{code}_by_{'_'.join(by)}", Words(f"{en} for {entities.en}", f"{fr} pour {entities.fr}"))
