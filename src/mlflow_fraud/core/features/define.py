"""Features from parameters: what the contract cannot give is refused with the reason."""

from __future__ import annotations

from collections import Counter

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    TODAY,
    Feature,
    FeatureParams,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    span_of,
)

CLOCK_FEATURES = ("hour", "weekday", "night")


def define(params: FeatureParams, contract: Contract) -> tuple[Feature, ...]:
    """Return every feature that `params` asks for, in a fixed order.

    Raises `SettingsError` for one that the contract cannot give, with the reason.
    """
    features: list[Feature] = [Row(name) for name in params.row]
    features += [
        Window(w.by, span, take, w.only, w.of, w.hop) for w in params.windows for span in w.spans for take in w.take
    ]
    features += [Labels(each.by, span, take) for each in params.labels for span in each.spans for take in each.take]
    features += [Last(last.by, take, last.back) for last in params.last for take in last.take]
    features += [Score(score.by, score.span, score.hop) for score in params.scores]
    features += [Ratio(upper, lower) for upper, lower in params.ratios]
    _check(features, contract)
    return tuple(features)


def categorical_columns(features: tuple[Feature, ...], contract: Contract) -> tuple[str, ...]:
    """Return the text columns whose values the features encode as numbers."""
    used = [f.name for f in features if isinstance(f, Row)] + [f.take for f in features if isinstance(f, Last)]
    columns = [column for name in dict.fromkeys(used) if (column := contract.column(name))]
    return tuple(column.name for column in columns if column.role == "categorical")


def _check(features: list[Feature], contract: Contract) -> None:
    names = [feature.name for feature in features]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise SettingsError(f"features: {twice[0]} is asked for twice")
    scores = [feature.name for feature in features if isinstance(feature, Score)]
    for feature in features:
        match feature:
            case Row(name):
                _check_row(name, contract)
            case Ratio():
                _check_ratio(feature, names)
            case Last():
                _check_entities(feature, contract)
                takes = ["seconds", AMOUNT, *_columns(contract, "categorical", "numeric"), *scores]
                _require(feature.take, takes, "features.last: cannot take")
            case Window():
                _check_entities(feature, contract)
                _check_window(feature, contract, scores)
            case Score():
                _check_entities(feature, contract)
                _check_span(feature)
            case Labels():
                _check_entities(feature, contract)
                span_of(feature.span)


def _check_row(name: str, contract: Contract) -> None:
    known = [*CLOCK_FEATURES, AMOUNT, *_columns(contract, "categorical", "numeric")]
    known += ["age"] if _columns(contract, "birth_date") else []
    known += ["distance"] if len(contract.places) >= 2 else []
    if name not in known:
        raise SettingsError(f"features.row: {name} cannot be made from {contract.name}, {nearest(name, known)}")


def _check_ratio(ratio: Ratio, names: list[str]) -> None:
    for side in (ratio.upper, ratio.lower):
        if side not in names or "_over_" in side:
            plain = [name for name in names if "_over_" not in name]
            raise SettingsError(f"features.ratios: {side} is not among the features, {nearest(side, plain)}")


def _check_window(window: Window, contract: Contract, scores: list[str]) -> None:
    _check_span(window)
    if window.hop and window.statistic == "distinct":
        raise SettingsError(
            f"features.windows: {window.name}: of a hop sums are kept and no payments, so that nothing tells how many "
            "values differ; take distinct without `hop`"
        )
    if window.hop and window.of in scores:
        raise SettingsError(
            f"features.windows: {window.name}: of a hop sums are kept and no payments, so that nothing tells the score "
            "of one that is corrected; look at a score without `hop`"
        )
    if window.statistic == "distinct":
        known = _columns(contract, "entity", "categorical", "numeric")
        _require(window.of, known, "features.windows: cannot count distinct values of")
    else:
        known = [AMOUNT, *_columns(contract, "numeric"), *scores]
        _require(window.of, known, f"features.windows: cannot take {window.statistic} of")


def _check_span(feature: Window | Score) -> None:
    """Require a span that can be, and with a hop a whole number of them."""
    span = span_of(feature.span)
    if feature.hop is None:
        return
    if TODAY in (feature.span, feature.hop):
        raise SettingsError(f"features: {feature.name}: {TODAY} is no hop and has none; say hours or days for both")
    if span % span_of(feature.hop):
        raise SettingsError(
            f"features: {feature.name}: expected a span that is a whole number of hops of {feature.hop}, "
            f"found {feature.span}"
        )


def _check_entities(feature: Window | Labels | Last | Score, contract: Contract) -> None:
    known = _columns(contract, "entity", "categorical")
    if not feature.by:
        raise SettingsError(f"features: `by` names at least one of {known}, found none")
    for entity in feature.by:
        _require(entity, known, f"features: no entity of {contract.name}:")


def _columns(contract: Contract, *roles: str) -> list[str]:
    return [column.name for column in contract.kept if column.role in roles]


def _require(name: str, known: list[str], complaint: str) -> None:
    if name not in known:
        raise SettingsError(f"{complaint} {name}, {nearest(name, known)}")
