"""What the service's past costs: bytes a card, merchant and category, and the milliseconds of a late payment.

`make bench-state` prints the figures of `docs/serving.md`; `python -m benchmarks.state 1000` does it of so many. Bytes
are those of all that a history holds, looked through object by object. Time is the processor's, so that a busy machine
does not count.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import FunctionType, ModuleType
from typing import Any

from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.settings import load_contract, load_params

SIZES = (10_000, 100_000)
PAYMENTS, CATEGORIES, DAYS, SILENCE = 6, 3, 20, 365
BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001 the data's own local time
SENTINELS, HOURS = 8, 6

Row = dict[str, Any]


def without_hops(params: FeatureParams) -> FeatureParams:
    """Let all windows and scores end at the instant, under names that say so."""
    said = params.model_dump_json().replace("_hop_1d", "").replace('"hop":"1d"', '"hop":null')
    return FeatureParams.model_validate_json(said)


def only(params: FeatureParams, entity: str) -> FeatureParams:
    """Return what looks back by an entity, alone or with others, and the scores that this looks at."""
    ours = {"windows": [w for w in params.windows if w.by[0] == entity], "last": [], "ratios": (), "labels": ()}
    ours["last"] = [last for last in params.last if last.by[0] == entity]
    looked_at = {w.of for w in ours["windows"]} | {take for last in ours["last"] for take in last.take}
    scores = [
        s
        for s in params.scores
        if s.by[0] == entity
        or f"amount_score_by_{'_'.join(s.by)}_{s.span}{f'_hop_{s.hop}' if s.hop else ''}" in looked_at
    ]
    return params.model_copy(update={**{k: tuple(v) for k, v in ours.items()}, "scores": tuple(scores)})


def schema_of(params: FeatureParams) -> FeatureSchema:
    """Return features of the shipped contract."""
    contract = load_contract(load_params().active.contract)
    return FeatureSchema(params=params, contract=contract, categories={})


def row(number: int, at: datetime, card: int, merchant: int, category: int) -> Row:
    """Return a payment, each text a text of its own as a request brings it."""
    return {
        "event_id": f"{number:032x}",
        "event_time": at,
        "card": 4_000_000_000_000_000 + card,
        "merchant": f"fraud_Merchant-{merchant}",
        "category": f"category_{category}",
        "amount": 100 + number * 7919 % 30_000,
        "city_pop": 1000,
    }


def paying(number: int) -> Iterator[Row]:
    """Yield six payments of each of so many cards, at so many merchants, over twenty days."""
    step = timedelta(days=DAYS) / max(number * PAYMENTS, 1)
    for count in range(number * PAYMENTS):
        who, turn = count % number, count // number
        yield row(count, BEGIN + count * step, SENTINELS + who, SENTINELS + who, (who + turn) % CATEGORIES)


def silence(number: int) -> Iterator[Row]:
    """Yield what a few others pay in the year after that, among which all of the cards are looked at."""
    step = timedelta(days=SILENCE) / number
    for count in range(number):
        who = count % SENTINELS
        yield row(10**9 + count, BEGIN + timedelta(days=DAYS) + count * step, who, who, 0)


def size_of(history: CardHistory) -> int:
    """Return the bytes of all that only the history holds: no module, type or function."""
    seen, left, size = set(), [history], 0
    while left:
        found = left.pop()
        if id(found) in seen or isinstance(found, type | ModuleType | FunctionType | FeatureSchema):
            continue
        seen.add(id(found))
        size += sys.getsizeof(found)
        left += gc.get_referents(found)
    return size


def cost_of(schema: FeatureSchema, number: int) -> tuple[float, float]:
    """Return the bytes each of so many takes while it pays, and after a year of silence."""
    history, others = CardHistory(schema), CardHistory(schema)
    empty = size_of(history)
    for each in paying(number):
        history.update(each)
    busy = (size_of(history) - empty) / number
    for each in silence(number):
        history.update(each)
        others.update(each)
    return busy, (size_of(history) - size_of(others)) / number


def of_categories(schema: FeatureSchema, number: int) -> float:
    """Return the bytes a category takes with so many payments in ninety days."""
    history, step = CardHistory(schema), timedelta(days=90) / number
    for count in range(number):
        history.update(row(count, BEGIN + count * step, count, count, count % CATEGORIES))
    return size_of(history) / CATEGORIES


def late(schema: FeatureSchema, number: int, hours: float) -> float:
    """Return the milliseconds of a payment that comes late, and of the next one's look, the longest of twenty."""
    history, step = CardHistory(schema), HOURS * timedelta(hours=1) / number
    for count in range(number):
        history.update(row(count, BEGIN + count * step, count % 1000, count % 500, count % CATEGORIES))
    now, took = BEGIN + number * step, []
    for turn in range(20):
        came = row(10**9 + turn, now - timedelta(hours=hours), turn, turn, turn % CATEGORIES)
        asked = row(10**9 + 100 + turn, now, turn, turn, turn % CATEGORIES)
        history.read(came)
        began = time.thread_time()
        history.update(came)
        history.read(asked)
        took.append(time.thread_time() - began)
    return max(took) * 1000


def lines(sizes: tuple[int, ...]) -> Iterator[str]:
    """Yield the two tables, line by line."""
    shipped = load_params().features.model_copy(update={"row": (), "ratios": ()})
    kinds = {"without hops": without_hops(shipped), "as shipped": shipped}
    yield "| bytes each | " + " | ".join(f"{kind}, of {size:,}" for kind in kinds for size in sizes) + " |"
    yield "| --- |" + " --- |" * (len(kinds) * len(sizes))
    for entity in ("card", "merchant"):
        found = [cost_of(schema_of(only(params, entity)), size) for params in kinds.values() for size in sizes]
        for what, place in (("with six payments in its windows", 0), ("after a year of silence", 1)):
            yield f"| a {entity} {what} | " + " | ".join(f"{each[place]:,.0f}" for each in found) + " |"
    found_of = [of_categories(schema_of(only(p, "category")), size) for p in kinds.values() for size in sizes]
    yield "| a category with a third of so many payments | " + " | ".join(f"{each:,.0f}" for each in found_of) + " |"
    yield ""
    yield "| milliseconds of a late payment, at most | " + " | ".join(kinds) + " |"
    yield "| --- | --- | --- |"
    for hours in (1.0, 5.6):
        each = [f"{late(schema_of(params), 50_000, hours):.2f}" for params in kinds.values()]
        yield f"| {hours:g} h late, after 50,000 payments in {HOURS} hours | " + " | ".join(each) + " |"


if __name__ == "__main__":
    for line in lines(tuple(map(int, sys.argv[1:])) or SIZES):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
