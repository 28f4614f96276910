"""What the batch engine is measured against computes the same."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

from benchmarks import collection, contestants, decision, freshness, monitoring, open_loop, selective, serving, state
from benchmarks.freshness_page import picture, text_of
from benchmarks.in_pandas import PandasFeatures, Way
from benchmarks.monitoring_page import Alarm, Watched
from benchmarks.monitoring_page import picture as monitoring_picture
from benchmarks.monitoring_page import text_of as monitoring_text
from benchmarks.policies import Model
from benchmarks.selective_page import WAYS
from benchmarks.selective_page import text_of as selective_text
from benchmarks.serving_page import Load
from benchmarks.table import some_cards
from benchmarks.watched_years import BLOCK, DAYS, redrawn, year_of
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.training import Settled
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.settings import load_params
from tests.conftest import make_period, make_transactions


@pytest.mark.parametrize("way", get_args(Way))
def test_the_features_in_pandas_are_those_of_the_engine(way: Way, schema: FeatureSchema) -> None:
    history = make_transactions(3000)
    ours = model_matrix(build_features(history, schema), schema)
    theirs = PandasFeatures(history, schema, way).all()
    for place, name in enumerate(schema.names):
        np.testing.assert_allclose(theirs[name], ours[:, place], rtol=1e-5, atol=1e-3, err_msg=name)


def test_windows_of_busy_entities_without_hops_are_the_same_in_pandas(schema: FeatureSchema) -> None:
    params = state.without_hops(schema.params)
    without = FeatureSchema(params=params, contract=schema.contract, categories=schema.categories)
    history = make_transactions(1000)
    ours, theirs = build_features(history, without), PandasFeatures(history, without, "native").all()
    names = [name for name in without.names if name not in schema.names]
    assert len(names) > 6
    for name in names:
        np.testing.assert_allclose(theirs[name], ours[name].to_numpy(), rtol=1e-5, atol=1e-3, err_msg=name)


def test_the_bench_of_the_past_finds_cards_at_rest_below_a_kilobyte() -> None:
    shipped = load_params().features.model_copy(update={"row": (), "ratios": ()})
    busy, at_rest = state.cost_of(state.schema_of(state.only(shipped, "card")), 300)
    assert busy is not None
    assert at_rest < 1024 < busy
    assert 0.8 * busy < state.grown_by(state.schema_of(state.only(shipped, "card")), 5_000) < 1.5 * busy
    assert state.of_categories(state.schema_of(state.only(shipped, "category")), 3_000) < 40_000


def load(name: str, *, kept_up: bool = True, refused: int = 0) -> Load:
    seen = open_loop.Seen(100 - refused, refused, 1, 1.0, 1.0, 2.0, kept_up)
    return Load(name, 1000, 0.5, seen)


def test_who_did_not_keep_up_with_fewer_requests_leaves_its_place_in_the_table_to_nobody() -> None:
    others = ["MLflow", "FastAPI"]
    behind = serving.at_a_rate([load("FastAPI")], 1_000, others)
    assert behind.ours == "did not keep up with fewer"
    assert behind.baseline == "MLflow: did not keep up with fewer; FastAPI: p50 1.0 ms, p99 2.0 ms, 0.50 ms of CPU"
    assert serving.at_a_rate([], 1_000, others).ours == "did not keep up with fewer"
    ahead = serving.at_a_rate([load("ours", refused=7), load("FastAPI")], 1_000, others)
    assert (ahead.ours, ahead.ratio) == ("p50 1.0 ms, p99 2.0 ms, 0.50 ms of CPU, 7 refused", "- · 1.0 x the CPU")


def test_what_is_asked_on_a_connection_that_was_closed_is_refused_and_waited_for_by_nobody() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async def asked() -> open_loop.Seen:
        async with await asyncio.start_server(closing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            requests = [open_loop.request_of(b"", port, "/")] * (2 * open_loop.CONNECTIONS)
            return await asyncio.wait_for(open_loop.send(requests, port, 0), timeout=20)

    seen = asyncio.run(asked())
    assert (seen.answered, seen.refused) == (open_loop.CONNECTIONS, open_loop.CONNECTIONS)


def test_what_is_asked_in_the_first_half_second_is_answered_and_its_waits_do_not_count() -> None:
    asked_by_now, held, all_asked = count(1), list[float](), asyncio.Event()

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            came, number = perf_counter(), next(asked_by_now)
            if number == 20:
                all_asked.set()
            if number <= open_loop.beginning(20):  # held until long after the others
                await all_asked.wait()
                await asyncio.sleep(1)
                held.append(perf_counter() - came)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async def asked() -> open_loop.Seen:
        async with await asyncio.start_server(answering, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await open_loop.send([open_loop.request_of(b"", port, "/")] * 20, port, 20)

    seen = asyncio.run(asked())
    assert (seen.answered, len(held)) == (20, 10)
    assert seen.p99 < min(held) * 1e3


def test_some_cards_come_with_all_their_rows() -> None:
    history = make_transactions(3000)
    some = some_cards(history, 1000)
    assert 800 < len(some) < 1200
    assert len(history.filter(history["card"].is_in(some["card"].unique().implode()))) == len(some)


@pytest.mark.slow
def test_the_bench_of_the_verdict_goes_through_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    decision.main(["--small"])
    said = capsys.readouterr().out
    for title in (
        "Rules for a guardrail",
        "A refresh is refused",
        "A change is proven better",
        "A year of nightly looks",
    ):
        assert f"### {title}" in said
    assert "nan" not in said


def test_two_contestants_of_the_bench_are_equal_but_not_the_same() -> None:
    """Each card has another fit's scores, and all of one card's rows have the same fit's."""
    period = make_period([0, 1] * 30, cards=np.repeat(np.arange(20), 3).tolist())
    scores = np.repeat(np.arange(5, dtype=np.float32)[:, None], 60, axis=1)
    pool = contestants.Pool(period, np.arange(0, 61, 3), {"good": scores})
    draw, rows = np.random.default_rng(0), np.arange(60)
    ours, theirs = (contestants.fits_by_card(draw, pool, "good", rows).reshape(20, 3) for _ in range(2))
    assert (ours == ours[:, :1]).all()
    assert 0 < (ours != theirs).any(axis=1).sum() < 20
    np.testing.assert_array_equal(contestants.rows_of(pool, np.array([1, 4])), [3, 4, 5, 12, 13, 14])


def test_the_bench_of_collection_refuses_what_is_broken_and_lets_in_what_is_good(contract: Contract) -> None:
    found = list(collection.outcomes(collection.Plan(((60, 1),), weeks=2), contract))
    refused = {kind.name: [each.refused for each in found if each.kind == kind.name] for kind in collection.KINDS}
    assert refused.pop("good") == [False, False]
    assert set(map(tuple, refused.values())) == {(True, True)}
    page = collection.table(found)
    assert "| good | 0 of 2 refused | 0 of 2 refused |" in page


@pytest.mark.slow
def test_the_bench_of_freshness_goes_through_all_of_it() -> None:
    plan = freshness.Plan(seeds=1, detailed=1, payments_a_year=40_000, windows=2)
    stories = [freshness.tell_story(load_params(), plan, (freshness.FIRST_SEED, name)) for name in freshness.SCENARIOS]
    said = text_of(stories, plan.payments_a_year, freshness.EVERY_DAYS, freshness.LABEL_DAYS)
    for title in (
        "new-pattern",
        "stable",
        "A poisoned refresh",
        "How many blocks",
        "How many twin days",
        "On how many",
    ):
        assert f"# {title}" in said
    assert all(0 < story.mean(way, "average_precision") <= 1 for story in stories for way in story.metrics)
    assert picture(stories).startswith(b"\x89PNG")


def test_a_challenger_of_the_bench_enters_by_its_chain_and_a_champion_by_its_file_on_rows_it_has_not_learned() -> None:
    """As `enter_challenger` and `enter_champion` have it."""
    business: Any = SimpleNamespace(at=np.arange(4.0), score=lambda until, rows: np.full(int(rows.sum()), 0.9))
    honest, cuts = np.array([np.nan, 0.1, 0.2, 0.3]), np.array([np.nan, 0.6, 0.6, 0.7])
    model = Model(2.0, Settled(Calibration(method="none"), Cutoff(0.5), {}), honest, cuts)
    rows = np.ones(4, np.bool_)
    entered, spoken = model.enters(business, rows), model.speaks(business, rows)
    np.testing.assert_array_equal(entered, [[0.9, 0.1, 0.2, 0.3], [0.5, 0.6, 0.6, 0.7]])
    np.testing.assert_array_equal(spoken, [[np.nan, 0.1, 0.9, 0.9], [np.nan, 0.6, 0.5, 0.5]])


def test_the_bench_of_selective_labels_goes_through_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of alerts alone recall is 1, of looked-into rows too much, and weights bring it back to what is true."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(12_000, 2)).astype(np.float32)
    fraud = draw.random(len(x)) < 1 / (1 + np.exp(5 - 1.5 * x[:, 0] - 1.5 * x[:, 1]))
    truth = make_period(fraud.astype(int).tolist(), cards=draw.integers(0, 300, len(x)).tolist())
    business = selective.Business(x, np.arange(len(x)) // 2000, truth, trees=8)
    monkeypatch.setattr(selective, "open_business", lambda *_: business)
    plan = replace(selective.SMALL, windows=6, review_share=0.2)
    story = selective.tell_story(load_params(), plan, 1)
    told = {way: np.mean([each.told["recall"] for each in story.found if each.way == way]) for way in WAYS}
    everything, silence, bare, weighted = (told[way] for way in WAYS)
    assert silence == 1
    assert bare > everything + 0.1
    assert abs(weighted - everything) < 0.1
    assert {way: len(rounds) for way, rounds in story.rounds.items()} == dict.fromkeys(WAYS, 3)
    page = selective_text([story, story], "two of them", 0.2, 4, selective.MEMORY)
    assert page.count("| looked into, weighted |") == 2
    assert "nan" not in page


@pytest.mark.slow
def test_the_bench_of_monitoring_goes_through_all_of_it_and_on_from_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new kind is noticed after its labels; a redrawn year has days of the one that came, its first block first."""
    monkeypatch.setattr(monitoring, "KEPT", tmp_path)
    monkeypatch.setattr(monitoring, "PAYMENTS", 40_000)
    monkeypatch.setattr(monitoring, "REDRAWN", 1)
    params = load_params()
    watched = [monitoring.watch_year(params, (1, scenario)) for scenario in monitoring.SCENARIOS]
    files = sorted(tmp_path.iterdir())
    made = [file.stat().st_mtime_ns for file in files]
    assert [monitoring.watch_year(params, (1, scenario)) for scenario in monitoring.SCENARIOS] == watched
    assert [file.stat().st_mtime_ns for file in files] == made
    page = monitoring_text(watched, params.monitor, 40_000, monitoring.LABEL_DAYS)
    for said in ("| stable |", "| seasonal |", "| with labels |", "| without a label |"):
        assert said in page
    assert monitoring_picture(watched, monitoring.LABEL_DAYS).startswith(b"\x89PNG")
    noticed = [alarm.day for alarm in watched[-1].years[0] if alarm.labelled]
    assert monitoring.LABEL_DAYS < noticed[0] < 120
    year = year_of(params, tmp_path, 40_000, (1, "seasonal"))
    again = redrawn(year, np.random.default_rng(0))
    assert (len(again.expected), again.at.max() < DAYS) == (DAYS, True)
    np.testing.assert_array_equal(again.at[again.at < BLOCK], year.at[year.at < BLOCK])
    np.testing.assert_array_equal(again.counts["amount"][:BLOCK], year.counts["amount"][:BLOCK])


def test_of_years_it_is_counted_how_many_alarm_and_how_soon() -> None:
    soon, late = [Alarm(20, "5 of the newest 5 bursts of fraud were missed")], [Alarm(60, "drift above 0.25")]
    watched = Watched(1, "new-pattern", [soon, late, []])
    assert watched.alarms() == pytest.approx(2 / 3)
    assert watched.noticed(44, labelled=True) == pytest.approx(1 / 3)
    assert (watched.noticed(44, labelled=False), watched.noticed(60, labelled=False)) == (0, pytest.approx(1 / 3))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="a process cannot be told which core to take here")
def test_a_server_has_the_first_core_and_who_measures_it_stays_where_it_was() -> None:
    """Their client was on the server's own core once, and a table of features was said to be scored on all cores."""
    before = os.sched_getaffinity(0)

    @contextmanager
    def server() -> Iterator[set[int]]:
        yield os.sched_getaffinity(0)

    with serving.started(server()) as cores, serving.started(server()):
        assert cores == {min(before)}
        assert os.sched_getaffinity(0) == before
