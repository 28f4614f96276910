"""What would have been otherwise, as a table, a page and a file."""

from __future__ import annotations

from dataclasses import replace

from mlflow_fraud.adapters.files import write_json, write_text
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.adapters.what_if_page import markdown_of, render_what_if
from mlflow_fraud.core.learning.training import settle_cutoff
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.whatif.outcome import Flagging, Outcome, outcome_of
from mlflow_fraud.operations.monitoring.figures import Watched
from mlflow_fraud.operations.monitoring.live import live_release
from mlflow_fraud.operations.whatif.asked import Asked
from mlflow_fraud.operations.whatif.recorded import replay_record
from mlflow_fraud.operations.whatif.replay import Replay
from mlflow_fraud.operations.whatif.tested import replay_test
from mlflow_fraud.paths import WHAT_IF
from mlflow_fraud.settings import Params, load_params

PAGE, FILE = WHAT_IF / "report.html", WHAT_IF / "report.json"


def what_if(store: ReleaseStore, asked: Asked, progress: Progress = lambda line: None) -> str:
    """Replay what is asked for, write page and file, and return the tables.

    Raises `SettingsError` where what is asked for cannot be, `DataError` where nothing can be told of it yet. Nothing
    that is live changes.
    """
    params = load_params()
    asked.check(params.costs)
    live = live_release(store, "to hold anything against")
    other = store.named(asked.release) if asked.release not in ("", live.manifest.version) else live
    with_policy = asked.rule is not None
    replay = (
        replay_test(live, other, with_policy=with_policy)
        if asked.test_period
        else replay_record(live, other, params, with_policy=with_policy)
    )
    outcome = replayed(replay, asked, live, params, progress)
    write_json(FILE, {"of": replay.what, **outcome.model_dump(mode="json")})
    write_text(PAGE, render_what_if(replay.what, outcome))
    return f"{markdown_of(replay.what, outcome)}\n{PAGE} has this with a picture, {FILE} everything"


def replayed(replay: Replay, asked: Asked, live: Release, params: Params, progress: Progress) -> Outcome:
    """Return what was and what would have been on the rows of a replay."""
    costs = asked.costs(params.costs)
    return outcome_of(
        replay.period,
        replay.live,
        _instead(replay, asked, params),
        replay.groups,
        Watched(live, params.model_copy(update={"costs": costs})).costs,
        params.compare.bootstrap,
        progress,
    )


def _instead(replay: Replay, asked: Asked, params: Params) -> Flagging:
    """Return the scores of the release that is asked for, with the thresholds that are."""
    other, rule = replay.other, asked.rule
    if asked.threshold is not None:
        return _by(other, Cutoff(asked.threshold), replay.period, "")
    if rule is None:
        return other
    assert replay.honest is not None, "with a policy there is what to settle it on"
    rules = replace(params.judging, threshold=rule, costs=asked.costs(params.costs))
    return _by(other, settle_cutoff(*replay.honest, rules), replay.period, f"{rule.policy}: ")


def _by(other: Flagging, cutoff: Cutoff, period: Period, policy: str) -> Flagging:
    thresholds = cutoff.of_rows(period.amounts, decimals=period.decimals)
    return other._replace(cutoff=f"{policy}{cutoff}", thresholds=thresholds)
