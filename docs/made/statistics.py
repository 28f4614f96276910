"""What may be asked for below `features:`, in words, and the forms in which it is tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from mlflow_fraud.core.features.definitions import LabelStatistic, Only, Statistic

SPANS = ["today", "3d"]
BY = [["card"], ["merchant", "category"]]
SCORE = "amount_score_by_category_3d"
SCORES = [{"by": ["category"], "span": "3d"}]

OF_THE_TRANSACTION = {
    "amount": "the amount, in minor units",
    "hour": "the time of day in hours",
    "weekday": "from 1 for Monday to 7",
    "night": "1 from 22:00 until before 04:00, else 0",
    "age": "years since the birth date",
    "distance": "kilometres between the first two places",
    "category": "a categorical column: the place of the value in the list of those known",
    "city_pop": "a numeric column",
}
OF_A_WINDOW: dict[Statistic, str] = {
    "count": "how many transactions, or how many that have the column",
    "sum": "their sum",
    "mean": "their mean",
    "min": "the smallest",
    "max": "the largest",
    "std": "their standard deviation, where there are two or more",
    "distinct": "how many different values of the column",
}
OF_THE_LAST = {
    "seconds": "the time since then",
    "amount": "its amount",
    "category": "its categorical column",
    "city_pop": "its numeric column",
    SCORE: "its score",
}
OF_LABELS: dict[LabelStatistic, str] = {
    "labels": "how many labels arrived",
    "frauds": "how many of them say fraud",
    "fraud_rate": "the share of them that says fraud",
}


class Asked(NamedTuple):
    """A key of `features:`, what is asked for below it, what that says, and a `features:` that tries it."""

    key: str
    what: str
    says: str
    tried_as: dict[str, Any]


def everything() -> Iterator[Asked]:
    """Yield each statistic, to be tried with each kind of span, column and filter, of one entity and of two together.

    A statistic that has no words here is a `KeyError`.
    """
    for name, says in OF_THE_TRANSACTION.items():
        yield Asked("row", name, says, {"row": [name]})
    for statistic in get_args(Statistic):
        columns = ["merchant", "category"] if statistic == "distinct" else ["amount", "risk", SCORE]
        windows = [
            {"by": ["card"], "spans": SPANS, "take": [statistic], "of": column, "only": only}
            for column in (*columns, "city_pop")
            for only in get_args(Only)
        ]
        windows.append({"by": ["merchant", "category"], "spans": SPANS, "take": [statistic], "of": columns[0]})
        if statistic != "distinct":
            windows += [
                {"by": by, "spans": ["3d"], "take": [statistic], "of": column, "only": only, "hop": hop}
                for by, hop in zip(BY, ("1d", "6h"), strict=True)
                for column in ("amount", "risk", "city_pop")
                for only in get_args(Only)
            ]
        yield Asked("windows", statistic, OF_A_WINDOW[statistic], {"windows": windows, "scores": SCORES})
    for name, says in OF_THE_LAST.items():
        last = [{"by": by, "take": [name], "back": back} for by in BY for back in (1, 3)]
        yield Asked("last", name, says, {"last": last, "scores": SCORES})
    scores = [{"by": by, "span": span} for by in BY for span in SPANS]
    scores.append({"by": BY[0], "span": "3d", "hop": "1d"})
    yield Asked(
        "scores", "{by: …, span: …}", "how many standard deviations the amount is from the mean", {"scores": scores}
    )
    above = {"row": ["amount"], "windows": [{"by": ["card"], "spans": ["3d"], "take": ["mean", "std"]}]}
    ratios = [["amount", "amount_mean_by_card_3d"], ["amount_mean_by_card_3d", "amount_std_by_card_3d"]]
    yield Asked("ratios", "[…, …]", "one feature over another", {**above, "ratios": ratios})
    for statistic in get_args(LabelStatistic):
        labels = [{"by": by, "spans": SPANS, "take": [statistic]} for by in BY]
        yield Asked("labels", statistic, OF_LABELS[statistic], {"labels": labels})
