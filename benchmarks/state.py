"""What the service's past costs: bytes a card, merchant and category, and the milliseconds of a late payment.

`make bench-state` prints the figures of `docs/serving.md`, in 3 GB of memory, or 14 GB where they are there;
`python -m benchmarks.state 1000` does it of so many. Bytes are those of all that a history holds, looked through object
by object, or where there are too many by how much a process grows. Time is the processor's, so that a busy machine
counts less.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from statistics import median
from types import FunctionType, ModuleType
from typing import Any

import psutil

from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.settings import load_contract, load_params

SIZES = (10_000, 100_000, 1_000_000)
TOGETHER = 100_000
"""Of so many each object is looked at. Of more, so many pay each year, and are at rest when the next ones do."""

ROOM = 14_000
"""So many bytes are to be free for each of more than these, to pay at once: half as many again as they take."""

PAYMENTS, KEPT, CATEGORIES, DAYS, SILENCE = 6, 3, 3, 20, 365
BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001 the data's own local time
SENTINELS, HOURS = 8, 6

LATE = (
    ("1 h late, after 50,000 payments in 6 hours", 50_000, 1.0, 1000, 500),
    ("5.6 h late, after 50,000 payments in 6 hours", 50_000, 5.6, 1000, 500),
    ("5.6 h late, at a merchant of 10,000 payments in 6 hours", 10_000, 5.6, 1000, 1),
    ("6 h late, at a merchant of 20,000 payments in 6 hours", 20_000, 6.0, 1000, 1),
    ("5.6 h late, of a card of 1,000 payments in 6 hours", 1_000, 5.6, 1, 500),
)
"""What the late payment comes after: so many payments in six hours, by how many hours, of cards, at merchants."""

Row = dict[str, Any]


def without_hops(params: FeatureParams) -> FeatureParams:
    """Let all windows and scores end at the instant, under names that say so."""
    said = params.model_dump_json().replace("_hop_1d", "").replace('"hop":"1d"', '"hop":null')
    return FeatureParams.model_validate_json(said)


def only(params: FeatureParams, entity: str) -> FeatureParams:
    """Return what looks back by an entity, alone or with others, and the scores that this looks at."""
    windows = tuple(window for window in params.windows if window.by[0] == entity)
    lasts = tuple(last for last in params.last if last.by[0] == entity)
    looked_at = {window.of for window in windows} | {take for last in lasts for take in last.take}
    scores = [
        s
        for s in params.scores
        if s.by[0] == entity
        or f"amount_score_by_{'_'.join(s.by)}_{s.span}{f'_hop_{s.hop}' if s.hop else ''}" in looked_at
    ]
    kept = {"windows": windows, "last": lasts, "scores": tuple(scores), "ratios": (), "labels": ()}
    return params.model_copy(update=kept)


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


def paying(number: int, year: int = 0, payments: int = PAYMENTS) -> Iterator[Row]:
    """Yield so many payments of each of so many cards, at so many merchants, over twenty days."""
    step = timedelta(days=DAYS) / max(number * payments, 1)
    for count in range(number * payments):
        turn, who = count // number, count % number + year * TOGETHER + SENTINELS
        event = year * 10**7 + count
        yield row(event, begin_of(year) + count * step, who, who, (who + turn) % CATEGORIES)


def silence(number: int, year: int = 0) -> Iterator[Row]:
    """Yield what a few others pay in the year after that, among which all of the cards are looked at."""
    step = timedelta(days=SILENCE) / number
    for count in range(number):
        who, event = count % SENTINELS, 10**9 + year * 10**7 + count
        yield row(event, begin_of(year) + timedelta(days=DAYS) + count * step, who, who, 0)


def begin_of(year: int) -> datetime:
    """Return when the cards of a year begin to pay."""
    return BEGIN + year * timedelta(days=DAYS + SILENCE)


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


def cost_of(schema: FeatureSchema, number: int) -> tuple[float | None, float]:
    """Return the bytes each of so many takes while all pay, None where there is no room, and after a silent year."""
    if number > TOGETHER:
        has_room = psutil.virtual_memory().available > ROOM * number
        return grown_by(schema, number) if has_room else None, at_rest(schema, number)
    history, others = CardHistory(schema), CardHistory(schema)
    empty = size_of(history)
    for each in paying(number):
        history.update(each)
    busy = (size_of(history) - empty) / number
    for each in silence(number):
        history.update(each)
        others.update(each)
    return busy, (size_of(history) - size_of(others)) / number


def grown_by(schema: FeatureSchema, number: int) -> float:
    """Return by how many bytes a process of its own grows for each of so many that pay."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_grown_by, schema.model_dump_json(), number).result()


def _grown_by(schema: str, number: int) -> float:
    history, here = CardHistory(FeatureSchema.model_validate_json(schema)), psutil.Process()
    gc.disable()  # a look at all of them again and again takes longer than the rest
    before = here.memory_info().rss
    for each in paying(number):
        history.update(each)
    return float(here.memory_info().rss - before) / number


def at_rest(schema: FeatureSchema, number: int) -> float:
    """Return the bytes each of so many takes at rest, of whom some pay in one year and the next ones a year later.

    Each pays as often as a card at rest remembers.
    """
    history = CardHistory(schema)
    for year in range(number // TOGETHER):
        for payments in (paying(TOGETHER, year, KEPT), silence(TOGETHER, year)):
            for each in payments:
                history.update(each)
    return size_of(history) / number


def of_categories(schema: FeatureSchema, number: int) -> float:
    """Return the bytes a category takes with so many payments in ninety days."""
    history, step = CardHistory(schema), timedelta(days=90) / number
    for count in range(number):
        history.update(row(count, BEGIN + count * step, count, count, count % CATEGORIES))
    return size_of(history) / CATEGORIES


def late(schema: FeatureSchema, number: int, hours: float, cards: int, merchants: int) -> float:
    """Return the milliseconds of a payment that comes late, and of the next one's look, the middle of twenty."""
    history, step = CardHistory(schema), HOURS * timedelta(hours=1) / number
    for count in range(number):
        history.update(row(count, BEGIN + count * step, count % cards, count % merchants, count % CATEGORIES))
    now, took = BEGIN + number * step, []
    for turn in range(20):
        who, where = turn % cards, turn % merchants
        came = row(10**9 + turn, now - timedelta(hours=hours), who, where, turn % CATEGORIES)
        asked = row(10**9 + 100 + turn, now, who, where, turn % CATEGORIES)
        history.read(came)
        began = time.thread_time()
        history.update(came)
        history.read(asked)
        took.append(time.thread_time() - began)
    return median(took) * 1000


def lines(sizes: tuple[int, ...]) -> Iterator[str]:
    """Yield the two tables, line by line; without hops the smallest size will do."""
    shipped = load_params().features.model_copy(update={"row": (), "ratios": ()})
    kinds = {"without hops": without_hops(shipped), "as shipped": shipped}
    columns = [(kind, size) for kind in kinds for size in sizes if size == min(sizes) or kind == "as shipped"]
    yield "| bytes each | " + " | ".join(f"{kind}, of {size:,}" for kind, size in columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for entity in ("card", "merchant"):
        found = [cost_of(schema_of(only(kinds[kind], entity)), size) for kind, size in columns]
        yield _line(f"a {entity} with six payments in its windows", [busy for busy, _ in found])
        yield _line(f"a {entity} after a year of silence", [silent for _, silent in found])
    found_of = [of_categories(schema_of(only(kinds[kind], "category")), size) for kind, size in columns]
    yield _line("a category with a third of so many payments", found_of)
    yield ""
    yield "| milliseconds of a late payment | " + " | ".join(kinds) + " |"
    yield "| --- |" + " ---: |" * len(kinds)
    for what, number, hours, cards, merchants in LATE:
        each = [f"{late(schema_of(params), number, hours, cards, merchants):.2f}" for params in kinds.values()]
        yield f"| {what} | " + " | ".join(each) + " |"


def _line(what: str, found: Sequence[float | None]) -> str:
    return f"| {what} | " + " | ".join("-" if each is None else f"{each:,.0f}" for each in found) + " |"


if __name__ == "__main__":
    for line in lines(tuple(map(int, sys.argv[1:])) or SIZES):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
