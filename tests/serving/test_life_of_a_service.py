"""Whatever happens to a service in whatever order, it answers what a plain list of what came to it says.

The machine plays requests, restarts and promotions on the real application, with its record and its store in a
folder, and holds every answer to `PlainPast`. An answer's id has the hash of all features, so that one comparison
is one of every bit.

To add a rule: a method with `@rule` that sends something to the service, holds the answer to what `self.past` says,
and then tells `self.past` what the service must know from now on; of what is refused it tells it nothing. What is
known of a new kind becomes a list of its own in `plain_past.py`, and what can be asked of it a feature there.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.instants import micros
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.release.release import GOLDEN_FILE, Release
from mlflow_fraud.serving.app import SCORE_PATH, create_app
from mlflow_fraud.serving.reasoned import FOLLOW
from mlflow_fraud.serving.telling import CORRECTION_PATH, LABEL_PATH
from tests.conftest import make_transactions
from tests.serving.conftest import MakeRelease, Raw, go_live, kept_in, with_file
from tests.serving.plain_past import FEATURES, OTHERS, SHORT, WATCHED, PlainPast, Row

CARDS = [4_000_000_000_000_000 + number for number in range(1, 6)]
SEEN = timedelta(days=11)
"""So long ago a label may have arrived that a window of ten days can see, for a payment that comes a day late."""
INTRUDER = 4_999_999_999_999_999
"""A card whose every payment is ahead of its time: as the only one it moves no clock."""

AN_HOUR = timedelta(hours=1)

Payments = list[tuple[Row, int | None]]

payment = st.fixed_dictionaries(
    {
        "card": st.sampled_from(CARDS),
        "merchant": st.sampled_from(["fraud_M1", "fraud_M2", "fraud_M3"]),
        "category": st.sampled_from(["travel", "misc_net"]),
        "amount": st.integers(100, 900).map(lambda units: units * 7),
    }
)
labels = st.sampled_from([0, 1])
payments = st.lists(st.tuples(payment, st.none() | labels), min_size=1, max_size=4)
"""Payments of one instant, some with a label that is known an hour later."""


@dataclass(frozen=True)
class Promoted:
    """A release that may go live, and what is needed to know its answers beforehand."""

    release: Release
    schema: FeatureSchema
    scorer: Scorer


class Service(RuleBasedStateMachine):
    """A service, what happens to it, and beside it the plain past that its answers are held to."""

    scored = Bundle("scored")

    def __init__(self, recorded: pl.DataFrame, releases: dict[str, Promoted], raw: Raw) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.store = open_store(str(self.folder / "releases"))
        self.releases, self.raw = releases, raw
        with kept_in(self.folder, releases["first"].schema, recorded):
            pass
        self.recorded = recorded.to_dicts()
        self.past = PlainPast()
        for row in self.recorded:
            self.past.take(row)
            self.past.learn(row["event_id"], row["label"], row["event_time"])
        self.sent: set[str] = set()
        """Every transaction that was sent."""
        self.answers: dict[str, Row] = {}
        """What each got, which it gets again."""
        self.live: str | None = None
        self.refused = False
        """Whether the newest release is one that cannot go live."""
        self.loop = asyncio.Runner()
        self._starts()

    def _starts(self) -> None:
        self.process = ExitStack()
        record = self.process.enter_context(kept_in(self.folder))
        self.app = create_app(self.store, record=record, poll_seconds=3600)
        to_it = httpx.ASGITransport(self.app)  # its thread does not run: it polls when the machine says so
        self.client = httpx.AsyncClient(transport=to_it, base_url="http://service")
        self.app.state.model.poll()

    def teardown(self) -> None:
        self.process.close()
        self.loop.close()
        shutil.rmtree(self.folder)

    @initialize(target=scored, first=payment, second=payment, label=labels)
    def a_first_release_goes_live_and_answers(self, first: Row, second: Row, label: int) -> MultipleResults[str]:
        self.a_release_is_promoted("first")
        return self._come([(first, label), (second, None)], self.past.now)

    @rule(target=scored, payments=payments, hours=st.integers(0, 20))
    def payments_come(self, payments: Payments, hours: int) -> MultipleResults[str]:
        return self._come(payments, self.past.now + hours * AN_HOUR)

    @rule(target=scored, payments=payments, hours=st.integers(1, 24))
    def payments_come_late(self, payments: Payments, hours: int) -> MultipleResults[str]:
        return self._come(payments, self.past.now - hours * AN_HOUR)

    @rule(event_id=scored, otherwise=st.none() | payment)
    def a_payment_comes_again(self, event_id: str, otherwise: Row | None) -> None:
        """It gets the answer that it got; one with the same id but other values is refused, and is not kept."""
        self._holds({**self.past.rows[event_id], **(otherwise or {})})

    @rule(number=st.integers(1, 10))
    def a_recorded_payment_comes_again(self, number: int) -> None:
        self._holds(self.recorded[-number])

    @rule(event_ids=st.lists(scored, min_size=1, max_size=4), label=labels, hours=st.integers(-48, 24))
    def labels_come(self, event_ids: list[str], label: int, hours: int) -> None:
        arrived = self.past.now + hours * AN_HOUR
        for event_id in event_ids:
            self._learns(event_id, label, arrived)

    @rule(event_id=scored, amount=st.none() | st.integers(1, 90_000), hours=st.integers(-24, 48))
    def a_payment_is_corrected(self, event_id: str, amount: int | None, hours: int) -> None:
        """Its amount is another one, or it is reversed; neither can be before it was made."""
        row, observed = self.past.rows[event_id], self.past.now + hours * AN_HOUR
        instead = None if amount is None else {**row, "amount": amount}
        body = {
            "id": event_id,
            "observed": f"{observed:%Y-%m-%d %H:%M:%S}",
            "transaction": instead and self.raw(instead),
        }
        status = self._sends(CORRECTION_PATH, body)[0]
        if not self._refuses(status, 422 if observed < row["event_time"] else 200):
            self.past.correct(event_id, instead, observed)

    @rule(event_id=scored, label=labels, payment=payment, wrong=st.sampled_from([{"amt": -1.0}, {"cc_num": "a card"}]))
    def what_cannot_be_is_refused_and_leaves_no_trace(
        self, event_id: str, label: int, payment: Row, wrong: Row
    ) -> None:
        before, years = self._known(), timedelta(days=3000)
        assert self._refuses(self._labels("of nobody", label, self.past.now), 404)
        assert self._refuses(self._labels(event_id, label, self.past.now + years), 422)
        ahead = self._row({**payment, "card": INTRUDER}, self.past.now + years, "ahead")
        assert self._refuses(self._sends(SCORE_PATH, self.raw(ahead))[0], 422)
        nonsense = self.raw(self._row(payment, self.past.now, "nonsense")) | wrong
        assert self._refuses(self._sends(SCORE_PATH, nonsense)[0], 422)
        assert self._known() == before

    @rule(name=st.sampled_from(["first", "better", "of other features", "of short windows", "broken"]))
    def a_release_is_promoted(self, name: str) -> None:
        go_live(self.store, self.releases[name].release)
        self.app.state.model.poll()
        self.refused = name == "broken"
        if not self.refused:
            self.live = name

    @rule()
    def it_starts_again(self) -> None:
        before = self._known()
        self.process.close()
        self._starts()
        if self.refused:
            self.live = None
        assert self.live is None or before in (None, self._known())

    def _known(self) -> object:
        """Return all that the service's own past holds; None where no release is live."""
        current = self.app.state.model.current
        if current is None:
            return None
        events, labels, since, hops = current.history._past.snapshot()
        seen = pl.col("arrived") >= micros(self.past.now - SEEN)  # what no window sees may be forgotten or not
        by_arrival = {by: each.filter(seen).sort(each.columns).to_dicts() for by, each in labels.items()}
        sums = {kind: each.sort(each.columns).to_dicts() for kind, each in hops.sums.items()}
        return events.to_dicts(), by_arrival, since, sums

    @invariant()
    def the_newest_release_that_can_be_trusted_is_live(self) -> None:
        current = self.app.state.model.current
        expected = self.releases[self.live].release.manifest.version if self.live else None
        assert (current.manifest.version if current else None) == expected

    def _come(self, payments: Payments, at: datetime) -> MultipleResults[str]:
        """Send payments of one instant, then what is known of them; return the ids of those that were scored."""
        rows = [self._row(each, at, f"sent-{len(self.sent) + place:03}") for place, (each, _) in enumerate(payments)]
        for row in rows:
            self._holds(row)
        scored = [row["event_id"] for row in rows if row["event_id"] in self.sent]
        for event_id, (_, label) in zip(scored, payments, strict=False):
            if label is not None:
                self._learns(event_id, label, at + AN_HOUR)
        return multiple(*scored)

    def _row(self, payment: Row, at: datetime, event_id: str) -> Row:
        return {**self.recorded[0], **payment, "event_time": at, "event_id": event_id}

    def _holds(self, row: Row) -> None:
        """Send a transaction, hold the answer to the plain past, which then knows it."""
        status, answer = self._sends(SCORE_PATH, self.raw(row))
        known = self.past.rows.get(row["event_id"], row)
        if self._refuses(status, 200 if self.raw(known) == self.raw(row) else 409):
            return
        if row["event_id"] in self.answers:
            assert answer == self.answers[row["event_id"]]
        else:
            expected, features = self._expected(self.releases[self.live], row)
            release, _, digest = answer["prediction_id"].rsplit(".", 2)
            assert {**answer, "prediction_id": f"{release}.{digest}"} == expected, f"expected the features {features}"
            self.answers[row["event_id"]] = answer
        self.past.take(row)
        self.sent.add(row["event_id"])

    def _expected(self, live: Promoted, row: Row) -> tuple[Row, dict[str, float | None]]:
        manifest, features = live.release.manifest, self.past.features(live.schema.names, row)
        values = np.array([features], np.float32)
        probability = float(live.scorer.score(values)[0])
        digest = hashlib.sha256(row["event_id"].encode() + values.tobytes()).hexdigest()[:12]
        answer = {
            "probability": probability,
            "decision": "flag" if probability >= manifest.threshold else "pass",
            "threshold": manifest.threshold,
            "model_version": manifest.version,
            "prediction_id": f"{manifest.version}.{digest}",
            "recorded": True,
            "review": False,
            "reasons": FOLLOW.model_dump() if probability >= manifest.threshold else None,
        }
        return answer, dict(zip(live.schema.names, features, strict=True))

    def _refuses(self, status: int, expected: int) -> bool:
        """Hold the status to what is expected of a service that has a model; return whether it is a refusal."""
        assert status == (expected if self.live else 503)
        return status != 200

    def _learns(self, event_id: str, label: int, arrived: datetime) -> None:
        """Send a label, and let the plain past know it."""
        status = self._labels(event_id, label, arrived)
        early = arrived < self.past.rows[event_id]["event_time"]
        if not self._refuses(status, 422 if early else 200):
            self.past.learn(event_id, label, arrived)

    def _labels(self, event_id: str, label: int, arrived: datetime) -> int:
        body = {"trans_num": event_id, "is_fraud": label, "label_time": f"{arrived:%Y-%m-%d %H:%M:%S}"}
        return self._sends(LABEL_PATH, body)[0]

    def _sends(self, path: str, body: Row) -> tuple[int, Any]:
        response = self.loop.run(self.client.post(path, json=body))
        return response.status_code, response.json()


def that_answers_otherwise(release: Release) -> Release:
    """Return a release that says of its golden rows what its model does not."""
    golden = json.loads(release.files[GOLDEN_FILE])
    golden["scores"][0] += 0.01
    return with_file(release, GOLDEN_FILE, json.dumps(golden).encode())


Play = Callable[[], RuleBasedStateMachine]


@pytest.fixture(scope="module")
def play(schema: FeatureSchema, make_release: MakeRelease, raw: Raw) -> Play:
    """A new service, after a month of few payments, and releases that are promoted in it."""
    recorded = make_transactions(60, cards=len(CARDS), days=15).with_columns(pl.col("event_time").dt.truncate("1h"))

    def of(asked: Row, rounds: int) -> Promoted:
        params = FeatureParams.model_validate(asked)
        features = FeatureSchema(params=params, contract=schema.contract, categories={})
        release = make_release(features, rounds=rounds)
        return Promoted(release, features, load_released(release.manifest, release.files, threads=1))

    releases = {"first": of(WATCHED, 2), "better": of(WATCHED, 3), "of other features": of(OTHERS, 2)}
    releases["of short windows"] = of(SHORT, 2)
    releases["broken"] = replace(releases["better"], release=that_answers_otherwise(releases["better"].release))
    return lambda: Service(recorded.sort(TIME_ORDER), releases, raw)


def test_the_plain_past_knows_every_feature(schema: FeatureSchema) -> None:
    for asked in (WATCHED, OTHERS, SHORT):
        params = FeatureParams.model_validate(asked)
        names = FeatureSchema(params=params, contract=schema.contract, categories={}).names
        assert set(names) <= set(FEATURES)


QUICK = settings(max_examples=14, stateful_step_count=20, phases=[Phase.reuse, Phase.generate])
"""A counterexample of so few steps is read as it is; to make it smaller would take minutes."""


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Keep the refusals that the machine asks for out of the report of a failure."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.usefixtures("_quiet")
def test_a_service_answers_what_a_plain_list_of_what_came_to_it_says(play: Play) -> None:
    run_state_machine_as_test(play, settings=QUICK)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("_quiet")
def test_a_service_answers_so_through_long_lives(play: Play) -> None:
    run_state_machine_as_test(play, settings=settings(max_examples=60, stateful_step_count=50))
