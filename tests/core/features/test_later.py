"""Corrected payments and changed labels: both engines see them as the rule says, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.features import arrivals, clock, past, silence, totals
from mlflow_fraud.core.features import online as online_engine
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features
from mlflow_fraud.core.features.definitions import ARRIVAL, FeatureParams
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.online import LATENESS, CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.core.features.by_the_rule import ByTheRule, Correction, Payment, Told
from tests.core.features.test_features import make_row

T = TypeVar("T")

BEGIN = datetime(2020, 3, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRUSTED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
OFTEN = settings(TRUSTED, max_examples=100)

STATISTICS = ["count", "sum", "mean", "min", "max", "std"]
DEFINITIONS: dict[str, Any] = {
    "row": ["amount", "night"],
    "windows": [
        {"by": by, "spans": spans, "take": take, "of": of, "only": only}
        for by, spans, of, only, take in (
            (["card"], ["today", "3d"], "amount", "any", STATISTICS),
            (["card"], ["30d"], "amount", "large", STATISTICS),
            (["category"], ["3d"], "amount", "night", ["count", "max"]),
            (["card"], ["today", "3d"], "city_pop", "any", STATISTICS),
            (["card"], ["today", "3d"], "amount_score_by_category_3d", "any", STATISTICS),
            (["category"], ["30d"], "amount_score_by_card_today", "large", ["count", "mean", "min"]),
            (["card"], ["today", "3d"], "category", "any", ["distinct"]),
            (["merchant"], ["3d"], "city_pop", "large", ["distinct"]),
            (["card", "category"], ["today"], "amount", "any", ["sum", "min"]),
        )
    ]
    + [
        {"by": by, "spans": spans, "take": take, "of": of, "only": only, "hop": hop}
        for by, spans, of, only, take, hop in (
            (["category"], ["2d", "4d"], "amount", "any", STATISTICS, "1d"),
            (["merchant", "category"], ["6h"], "city_pop", "large", ["count", "sum", "max"], "1h"),
            (["card"], ["3d"], "amount", "night", ["mean", "min"], "3d"),
        )
    ],
    "last": [
        {"by": ["card"], "take": ["seconds", "amount", "category", "city_pop", "amount_score_by_card_today"]},
        {"by": ["card"], "take": ["seconds", "amount", "amount_score_by_category_3d"], "back": 2},
        {"by": ["card", "category"], "take": ["amount"], "back": 2},
    ],
    "scores": [
        {"by": ["category"], "span": "3d"},
        {"by": ["card"], "span": "today"},
        {"by": ["card"], "span": "30d"},
        {"by": ["category"], "span": "2d", "hop": "12h"},
    ],
    "ratios": [["amount", "amount_mean_by_card_3d"], ["amount_score_by_card_30d", "amount_max_by_card_3d"]],
    "labels": [
        {"by": ["merchant"], "spans": ["today", "3d"], "take": ["labels", "frauds", "fraud_rate"]},
        {"by": ["card", "category"], "spans": ["30d"], "take": ["fraud_rate"]},
    ],
}


SERVED = "amount_score_by_category_2d_hop_12h"
IN_ORDER: dict[str, Any] = {
    **DEFINITIONS,
    "windows": [
        *DEFINITIONS["windows"],
        {"by": ["card"], "spans": ["today", "3d"], "take": STATISTICS, "of": SERVED},
    ],
    "last": [
        *DEFINITIONS["last"],
        {"by": ["card"], "take": [SERVED]},
        {"by": ["card", "category"], "take": [SERVED], "back": 2},
    ],
}
"""Scores of hops are never worked out again: what looks at them is the same where all is told in the order it came."""


@pytest.fixture(scope="module")
def in_order(everything: FeatureSchema) -> FeatureSchema:
    params = FeatureParams.model_validate(IN_ORDER)
    return FeatureSchema(
        params=params, contract=everything.contract, categories=everything.categories, label_delay_days=2
    )


@pytest.fixture(scope="module")
def everything(schema: FeatureSchema) -> FeatureSchema:
    params = FeatureParams.model_validate(DEFINITIONS)
    return FeatureSchema(params=params, contract=schema.contract, categories=schema.categories, label_delay_days=2)


silences = st.sampled_from([None, 0, 2, 30])
"""After how many days silence is a label, or that it is none."""


@pytest.fixture(scope="module")
def after(everything: FeatureSchema) -> dict[int | None, FeatureSchema]:
    """Everything, for each of the silences."""
    return {days: everything.model_copy(update={"silence_days": days}) for days in (None, 0, 2, 30)}


def instants(days: int) -> st.SearchStrategy[datetime]:
    """Return few instants, so that ties and gaps are common, midnights among them; now and then any other."""
    return st.one_of(
        st.integers(0, 40).map(lambda number: BEGIN + number * days * DAY / 40),
        st.integers(0, days * 86_400).map(lambda second: BEGIN + timedelta(seconds=second)),
    )


amounts = st.one_of(st.integers(1, 100), st.integers(15_000, 25_000))
populations = st.one_of(st.none(), st.integers(0, 3))
categories = st.sampled_from(["travel", "home"])


class Stream(NamedTuple):
    """Payments in time order; corrections and labels in the order in which they are told."""

    payments: list[Payment]
    corrections: list[Correction]
    labels: list[Told]


def exactly(values: st.SearchStrategy[T], number: int) -> st.SearchStrategy[list[T]]:
    """Return lists of so many values: where the length is left open, most are short."""
    return st.lists(values, min_size=number, max_size=number)


@st.composite
def streams(draw: st.DrawFn, *, moves: bool = True, ahead: bool = True, days: int = 10, most: int = 24) -> Stream:
    """Draw a stream; with `moves` a correction may be to another category, which features look back by.

    Some payments arrive hours or days after their time, or `ahead`, by a clock that is wrong, before it.
    """
    offsets = st.sampled_from([1, 5, 30, 75, *([-20, -2] if ahead else [])])
    one = st.tuples(instants(days), st.integers(1, 2), amounts, populations, categories)
    drawn = draw(exactly(one, draw(st.integers(1, most))))
    off = draw(st.just({}) | st.dictionaries(st.integers(0, len(drawn) - 1), offsets, min_size=1, max_size=6))
    payments = [
        {
            **make_row(),
            "event_id": f"{number:03}",
            "event_time": at,
            "card": card,
            "amount": amount,
            "city_pop": city_pop,
            "category": category,
            "merchant": "fraud_A" if number % 3 else "fraud_B",
            ARRIVAL: at + off[number] * HOUR if number in off else None,
        }
        for number, (at, card, amount, city_pop, category) in enumerate(drawn)
    ]
    few = st.sampled_from(payments[:: -(-len(payments) // 4)])  # so that one is corrected several times
    corrections = []
    for payment in draw(exactly(few, draw(st.integers(0, 6)))):
        observed = draw(st.one_of(instants(days), st.just(payment["event_time"])))
        change = {"amount": draw(amounts), "city_pop": draw(populations)}
        if moves:
            change["category"] = draw(categories)
        instead = {**payment, **change} if draw(st.booleans()) else None
        corrections.append(Correction(payment["event_id"], instead, observed))
    known = st.tuples(few, st.integers(0, 1), instants(days))
    labels = [
        Told(payment["event_id"], label, arrived)
        for payment, label, arrived in draw(exactly(known, draw(st.integers(0, 8))))
    ]
    return Stream(sorted(payments, key=lambda each: (each["event_time"], each["event_id"])), corrections, labels)


def in_batch(stream: Stream, schema: FeatureSchema) -> np.ndarray:
    return build_features(frame(stream.payments), schema, later(stream)).fill_null(np.nan).to_numpy()


def later(stream: Stream) -> Later:
    kept = [column for column in frame(stream.payments).columns if column != "event_id"]
    blank = dict.fromkeys(kept)
    told = [
        {**(each.instead or blank), "event_id": each.event_id, "observed": each.observed, "reversed": not each.instead}
        for each in stream.corrections
    ]
    forms = {"observed": pl.Datetime("us"), "reversed": pl.Boolean, **frame(stream.payments).schema}
    labels = pl.DataFrame(
        stream.labels, {"event_id": pl.String, "label": pl.Int8, "arrived": pl.Datetime("us")}, orient="row"
    )
    return Later(pl.DataFrame(told, forms), labels)


def frame(payments: Sequence[Payment]) -> pl.DataFrame:
    forms = {"amount": pl.Int64, "event_time": pl.Datetime("us"), "city_pop": pl.Int64, ARRIVAL: pl.Datetime("us")}
    return pl.DataFrame(payments, schema_overrides=forms).sort(TIME_ORDER)


def by_the_rule(stream: Stream, schema: FeatureSchema) -> np.ndarray:
    rule = ByTheRule(schema, *stream)
    return np.array([rule.row(payment) for payment in stream.payments])


class Online:
    """A history to which a stream is told, and what it answered; what is told later is noted in its order."""

    def __init__(self, schema: FeatureSchema, payments: Sequence[Payment]) -> None:
        self.history, self.schema = CardHistory(schema), schema
        self.of = {payment["event_id"]: payment for payment in payments}
        self.corrections: list[Correction] = []
        self.labels: list[Told] = []
        self.answers: dict[str, list[float | None]] = {}

    def come(self, payment: Payment) -> None:
        self.history.update(payment)

    def ask(self, payment: Payment) -> None:
        self.answers[payment["event_id"]] = self.history.read(payment)

    def serve(self, payment: Payment) -> None:
        self.ask(payment)
        self.come(payment)

    def correct(self, told: Correction) -> None:
        self.history.correct(self.of[told.event_id], told.instead, told.observed)
        self.corrections.append(told)

    def learn(self, told: Told) -> None:
        others = [(other.label, other.arrived) for other in self.labels if other.event_id == told.event_id]
        self.history.learn(self.of[told.event_id], told.label, told.arrived, others)
        self.labels.append(told)

    def restart(self) -> None:
        self.history = CardHistory.restore(self.schema, self.history.snapshot())

    @property
    def stream(self) -> Stream:
        """The stream as it was told."""
        return Stream(list(self.of.values()), self.corrections, self.labels)

    @property
    def rows(self) -> np.ndarray:
        return np.array([self.answers[event_id] for event_id in self.of], dtype=np.float32)


Step = Callable[[], None]


def in_time(online: Online, stream: Stream) -> list[Step]:
    """Return what happens in the order of the instants: each payment asked for and taken in, all else when it is seen.

    A payment comes when it arrives. A correction that was observed before its payment comes right after it. Where all
    arrive at their times nothing is left to ask; else each is asked for once more, when those before it have come.
    """
    steps: list[tuple[datetime, int, Step]] = []
    steps += [(arrives(payment), 0, partial(online.serve, payment)) for payment in stream.payments]
    for told in stream.corrections:
        at = max(told.observed, arrives(online.of[told.event_id]))
        steps.append((at, 1, partial(online.correct, told)))
    steps += [(told.arrived, 1, partial(online.learn, told)) for told in stream.labels]
    again = [] if all(payment[ARRIVAL] is None for payment in stream.payments) else stream.payments
    steps += [(datetime.max, 2, partial(online.ask, payment)) for payment in again]
    return [step for _, _, step in sorted(steps, key=itemgetter(0, 1))]


def arrives(payment: Payment) -> datetime:
    return payment[ARRIVAL] or payment["event_time"]


def within_a_day(online: Online, stream: Stream, random: Random) -> list[Step]:
    """Return what happens where all comes at most a day late, or was told before; a payment is asked for after that."""
    steps: list[tuple[datetime, int, Step]] = []
    came = {}
    for payment in stream.payments:
        at = payment["event_time"]
        came[payment["event_id"]] = at + random.choice([0, 0, 1, 7, 24]) * HOUR
        steps.append((came[payment["event_id"]], 0, partial(online.come, payment)))
        steps.append((at + LATENESS, 2, partial(online.ask, payment)))
    for told in stream.corrections:
        at = told.observed + random.choice([-48, -1, 0, 7, 24]) * HOUR
        steps.append((max(at, came[told.event_id]), 1, partial(online.correct, told)))
    for label in stream.labels:
        steps.append((label.arrived + random.choice([-48, 0, 24]) * HOUR, 1, partial(online.learn, label)))
    return [step for _, _, step in sorted(steps, key=itemgetter(0, 1))]


def anyhow(online: Online, stream: Stream, random: Random) -> list[Step]:
    """Return what happens where all comes in any order, corrections after their payments, with questions between."""
    come = [partial(online.come, payment) for payment in stream.payments]
    random.shuffle(come)
    steps: list[Step] = list(come)
    for told in stream.corrections:
        after = next(place for place, step in enumerate(steps) if step.args == (online.of[told.event_id],))  # type: ignore[attr-defined]
        steps.insert(random.randint(after + 1, len(steps)), partial(online.correct, told))
    for step in [partial(online.learn, told) for told in stream.labels]:
        steps.insert(random.randint(0, len(steps)), step)
    asked = [partial(online.ask, payment) for payment in stream.payments]
    for ask in random.sample(asked, len(asked) // 2):
        steps.insert(random.randint(0, len(steps)), ask)
    random.shuffle(asked)
    return [*steps, *asked]


def assert_same(one: np.ndarray, other: np.ndarray, schema: FeatureSchema) -> None:
    for place, name in enumerate(schema.names):
        np.testing.assert_array_equal(one[:, place], other[:, place], err_msg=name)


@pytest.mark.slow
@given(stream=streams(), restart=st.integers(0, 40), days=silences)
@TRUSTED
def test_both_engines_see_them_as_the_rule_says(
    stream: Stream, restart: int, days: int | None, in_order: FeatureSchema
) -> None:
    schema = in_order.model_copy(update={"silence_days": days})
    online = Online(schema, stream.payments)
    for number, step in enumerate(in_time(online, stream)):
        if number == restart:
            online.restart()
        step()
    expected = by_the_rule(online.stream, schema)
    assert_same(in_batch(online.stream, schema), expected, schema)
    assert_same(online.rows, expected, schema)


@pytest.mark.slow
@given(stream=streams(), restart=st.integers(0, 60), random=st.randoms(), days=silences)
@OFTEN
def test_the_order_in_which_they_are_told_does_not_matter(
    stream: Stream, restart: int, random: Random, days: int | None, after: dict[int | None, FeatureSchema]
) -> None:
    schema = after[days]
    online = Online(schema, stream.payments)
    for number, step in enumerate(anyhow(online, stream, random)):
        if number == restart:
            online.restart()
        step()
    assert_same(online.rows, by_the_rule(online.stream, schema), schema)


@pytest.mark.slow
@given(stream=streams(moves=False, ahead=False, days=80, most=48), random=st.randoms(), days=silences)
@OFTEN
def test_what_is_forgotten_is_not_missed_within_a_day(
    stream: Stream, random: Random, days: int | None, after: dict[int | None, FeatureSchema]
) -> None:
    schema = after[days]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "SMALL", 2)
        patch.setattr(past, "SPARE", 5)
        patch.setattr(clock, "STEADY", 2)
        patch.setattr(arrivals, "FEWEST_DROPPED", 0)
        patch.setattr(silence, "FEWEST_DROPPED", 0)
        patch.setattr(online_engine, "FEWEST_CORRECTED", 1)
        patch.setattr(totals, "FEW", 0)
        online = Online(schema, stream.payments)
        for step in within_a_day(online, stream, random):
            step()
    assert_same(online.rows, by_the_rule(online.stream, schema), schema)


NOON = BEGIN + 12 * HOUR


class Story:
    """A few payments of one card, and what a payment of a later time finds of them in both engines."""

    def __init__(self, schema: FeatureSchema) -> None:
        self.schema = schema
        self.told = Stream([], [], [])

    def paid(self, at: datetime, amount: int) -> Payment:
        number = f"{len(self.told.payments):03}"
        payment = {**make_row(), "event_id": number, "event_time": at, "amount": amount, "city_pop": 1}
        self.told.payments.append(payment)
        return payment

    def corrected(self, payment: Payment, observed: datetime, amount: int | None) -> None:
        instead = None if amount is None else {**payment, "amount": amount}
        self.told.corrections.append(Correction(payment["event_id"], instead, observed))

    def labelled(self, payment: Payment, label: int, arrived: datetime) -> None:
        self.told.labels.append(Told(payment["event_id"], label, arrived))

    def found(self, at: datetime, *names: str) -> list[float | None]:
        """Return features of a payment at that time, told to both engines after all else."""
        asked = {**make_row(), "event_id": "asked", "event_time": at, "amount": 1, "city_pop": 1}
        online = Online(self.schema, [*self.told.payments, asked])
        for payment in self.told.payments:
            online.come(payment)
        for correction in self.told.corrections:
            online.correct(correction)
        for label in self.told.labels:
            online.learn(label)
        one = dict(zip(self.schema.names, online.history.read(asked), strict=True))
        stream = Stream(sorted([*self.told.payments, asked], key=itemgetter("event_time")), *self.told[1:])
        other = build_features(frame(stream.payments), self.schema, later(stream))
        row = other.row([p["event_id"] for p in stream.payments].index("asked"), named=True)
        assert [one[name] for name in names] == [row[name] for name in names]
        return [one[name] for name in names]


@pytest.fixture
def story(everything: FeatureSchema) -> Story:
    return Story(everything)


def test_a_reversed_payment_is_no_longer_the_last_one(story: Story) -> None:
    story.paid(NOON, 100)
    story.corrected(story.paid(NOON + HOUR, 900), NOON + 2 * HOUR, None)
    last = ["amount_of_last_by_card", "amount_of_last_2_by_card", "count_by_card_3d"]
    assert story.found(NOON + 2 * HOUR, *last) == [900, 100, 2]
    assert story.found(NOON + 3 * HOUR, *last) == [100, None, 1]


def test_a_corrected_amount_is_seen_at_the_time_of_its_payment(story: Story) -> None:
    story.corrected(story.paid(NOON, 100), NOON + 2 * DAY, 700)
    assert story.found(NOON + 2 * DAY + HOUR, "amount_max_by_card_3d", "amount_sum_by_card_today") == [700, 0]
    assert story.found(NOON + 3 * DAY, "amount_sum_by_card_3d") == [700]
    assert story.found(NOON + 3 * DAY + HOUR, "amount_sum_by_card_3d") == [0]


def test_one_that_comes_late_sees_what_was_known_at_its_time(story: Story) -> None:
    story.corrected(story.paid(NOON, 100), NOON + 2 * HOUR, 700)
    story.paid(NOON + 5 * HOUR, 1)
    assert story.found(NOON + HOUR, "amount_of_last_by_card") == [100]


def test_the_correction_that_was_observed_last_counts_whichever_was_told_last(story: Story) -> None:
    payment = story.paid(NOON, 100)
    story.corrected(payment, NOON + 3 * HOUR, 300)
    story.corrected(payment, NOON + 2 * HOUR, 200)
    story.corrected(payment, NOON + 3 * HOUR, 301)
    amount = "amount_of_last_by_card"
    hours = [story.found(NOON + hour * HOUR, amount)[0] for hour in (1, 2, 3, 4)]
    assert hours == [100, 100, 200, 301]


def test_a_chargeback_that_is_taken_back_counts_as_genuine_from_then_on(story: Story) -> None:
    payment = story.paid(NOON, 100)
    story.labelled(payment, 1, NOON + DAY)
    story.labelled(payment, 0, NOON + 3 * DAY)
    seen = ["labels_by_merchant_3d", "frauds_by_merchant_3d"]
    assert story.found(NOON + 2 * DAY, *seen) == [1, 1]
    assert story.found(NOON + 3 * DAY + HOUR, *seen) == [1, 0]
    assert story.found(NOON + 6 * DAY + HOUR, *seen) == [0, 0]


def test_a_label_that_is_told_between_two_others_counts_until_the_next_one(story: Story) -> None:
    payment = story.paid(NOON, 100)
    for label, days in ((0, 1), (0, 3), (1, 2)):
        story.labelled(payment, label, NOON + days * DAY)
    frauds = [story.found(NOON + days * DAY + HOUR, "frauds_by_merchant_3d")[0] for days in (1, 2, 3)]
    assert frauds == [0, 1, 0]


def test_where_frauds_alone_are_told_those_of_whom_nobody_told_count_as_genuine_once_they_are_old_enough(
    everything: FeatureSchema,
) -> None:
    story = Story(everything.model_copy(update={"silence_days": 2}))
    in_time, late, _ = (story.paid(NOON, amount) for amount in (100, 200, 300))
    story.labelled(in_time, 1, NOON + DAY)
    story.labelled(late, 1, NOON + 4 * DAY)
    seen = ["labels_by_merchant_3d", "frauds_by_merchant_3d"]
    assert story.found(NOON + 2 * DAY, *seen) == [1, 1]
    assert story.found(NOON + 2 * DAY + HOUR, *seen) == [3, 1]
    assert story.found(NOON + 4 * DAY, *seen) == [3, 1]
    assert story.found(NOON + 4 * DAY + HOUR, *seen) == [2, 1]


def test_corrections_and_labels_of_no_payment_change_nothing(story: Story, everything: FeatureSchema) -> None:
    unknown = {**story.paid(NOON, 100), "event_id": "unknown"}
    rows = frame([story.paid(NOON + HOUR, 50), story.told.payments[0]])
    nothing = Stream(
        [], [Correction("unknown", None, NOON), Correction("unknown", unknown, NOON)], [Told("unknown", 1, NOON)]
    )
    own = rows.with_columns(label=pl.lit(None, pl.Int8))
    told = later(nothing._replace(payments=[unknown]))
    assert build_features(rows, everything, told).equals(build_features(own, everything))
    assert build_features(own, everything, Later()).equals(build_features(own, everything))
    history = CardHistory(everything)
    history.correct(unknown, None, NOON)
    assert history.snapshot().events.is_empty()


def test_a_corrected_amount_is_scored_by_what_was_usual_though_that_is_forgotten(everything: FeatureSchema) -> None:
    paid = [(2, NOON, 100), (2, NOON + HOUR, 300), (1, NOON + 2 * HOUR, 200), (1, NOON + 3 * HOUR, 5)]
    paid += [(2, NOON + day * DAY + hour * HOUR, 100 + day) for day in range(2, 90) for hour in (0, 6)]
    payments = [
        {**make_row(), "event_id": f"{number:03}", "event_time": at, "card": card, "amount": amount, "city_pop": None}
        for number, (card, at, amount) in enumerate(paid)
    ]
    asked = {**payments[3], "event_id": "asked", "event_time": NOON + 91 * DAY}
    correction = Correction("002", {**payments[2], "amount": 900}, NOON + 90 * DAY)
    online = Online(everything, payments)
    for payment in payments:
        online.come(payment)
    of_category = next(each for each in online.history._entities if each.past_of(asked).events[0].row["card"] == 2)
    assert of_category.past_of(asked).events[0].at > online.history._event(payments[3]).at
    online.correct(correction)
    expected = ByTheRule(everything, [*payments, asked], [correction], []).row(asked)
    np.testing.assert_array_equal(np.array(online.history.read(asked), np.float32), expected)
    assert expected[everything.names.index("amount_score_by_category_3d_of_last_2_by_card")] == 7


def test_a_correction_is_forgotten_with_its_payment(everything: FeatureSchema) -> None:
    history = CardHistory(everything)
    for day in range(900):
        payment = {**make_row(), "event_id": f"{day:03}", "event_time": BEGIN + day * DAY, "city_pop": None}
        history.update(payment)
        if day < 600:
            history.correct(payment, {**payment, "amount": 1}, payment["event_time"] + HOUR)
    assert len(history._corrected) < 300
    pasts = [each for entity in history._entities for each in entity.pasts.values()]
    assert [each.versions for each in pasts] == [None] * len(pasts)
