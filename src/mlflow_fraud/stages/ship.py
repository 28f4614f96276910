"""What would go live: the candidate that validation chose, judged as a practice and fitted on the newest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.core.contract.contract import BATCH
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.labels import LABEL_TIME
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.choosing import select
from mlflow_fraud.core.learning.split import BETWEEN, PARTS, borders
from mlflow_fraud.core.learning.training import Assessment, Scored, Settled
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import intervals
from mlflow_fraud.core.measuring.metrics import told
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.measuring.threshold import thresholds_of
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.core.release.twin import Twin
from mlflow_fraud.paths import SCHEMA, SHIPPED, TRANSACTIONS, model_folder, part_file
from mlflow_fraud.settings import Params, load_params
from mlflow_fraud.stages.chain import Chain, Link, Recipe, Rows, blocks_of, twin_of
from mlflow_fraud.stages.fit import Judged
from mlflow_fraud.stages.judged import write_honest, write_judged
from mlflow_fraud.stages.lineage import HONEST, write_lineage
from mlflow_fraud.stages.logged import track_if_possible
from mlflow_fraud.stages.progress import watched
from mlflow_fraud.stages.run import run_stage, say
from mlflow_fraud.stages.shipped import Shipping, write_shipping
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained


class Practice(NamedTuple):
    """The file that would go live, how it was settled and judged, and the honest scores of the test rows.

    `test` has `event_id`, `event_time`, `probability` and `threshold`, in the order of the test rows.
    """

    link: Link
    test: pl.DataFrame
    blocks: tuple[datetime, ...]
    twin: Twin | None


def ship() -> None:
    """Write `data/models/shipped/` and log the run; promotion trains nothing."""
    params, schema = load_params(), read_schema(read_json(SCHEMA), where=str(SCHEMA))
    chosen = choose(params)
    with watched(SHIPPED) as progress:
        made = _practised(chosen, params, schema, progress) if params.active.refit == "all" else _as_trained(chosen)
        _write(chosen, made, params, schema, progress)
    track_if_possible(SHIPPED, git_sha=git_repo.code_state())


def choose(params: Params) -> TrainedCandidate:
    """Return the candidate with the best validation metric; the test period has no say in it."""
    trained = {name: read_trained(name) for name in CANDIDATES}
    first, *others = trained.values()
    odd = [each.name for each in others if (each.data, each.schema.sha256) != (first.data, first.schema.sha256)]
    if odd:
        raise DataError(f"{', '.join(odd)}: trained on other data than {first.name}; run `dvc repro` or `make retrain`")
    return trained[select({name: t.assessment.validation for name, t in trained.items()}, params.compare.select_by)]


def _as_trained(chosen: TrainedCandidate) -> Practice:
    """Return the candidate as its training left it, which had learned nothing of the test."""
    learned = [part_file(part) for part in ("train", "validation")]  # validation settled the threshold, at the least
    until: datetime = pl.scan_parquet(learned).select("event_time").max().collect().item()
    table = pl.read_parquet(part_file("test"))
    assessment = chosen.assessment
    settled = Settled(assessment.calibration, assessment.cutoff, {})
    period = read_period(table, decimals=chosen.schema.contract.currency_decimals)
    test = table.select("event_id", "event_time").with_columns(
        probability=chosen.scorer.score(model_matrix(table, chosen.schema)),
        threshold=pl.Series(thresholds_of(assessment.cutoff, period)),
    )
    return Practice(Link(chosen.model_file.name, chosen.model, chosen.booster, settled, until), test, (), None)


def _practised(chosen: TrainedCandidate, params: Params, schema: FeatureSchema, progress: Progress) -> Practice:
    """Return what the recipe makes of all that is mature but the newest days, judged by the chain before it."""
    rule = params.active.split
    there = pl.read_parquet_schema(TRANSACTIONS)
    history = pl.read_parquet(TRANSACTIONS, columns=[c for c in ("event_time", BATCH, LABEL_TIME) if c in there])
    parts = [pl.read_parquet(part_file(part)) for part in (*PARTS, BETWEEN)]
    rows = Rows(pl.concat(parts).sort("event_time", maintain_order=True), schema, rule, borders(history, rule))
    recipe = Recipe(chosen.candidate, params.train, chosen.lineage.best, params.judging)
    chain = Chain(rows, recipe, pl.read_parquet(chosen.folder / "model" / HONEST), progress)
    found, now = blocks_of(rows, params.ship), rows.cut.known_until
    settled = Settled(chosen.assessment.calibration, chosen.assessment.cutoff, {})
    link = Link(chosen.model_file.name, chosen.model, chosen.booster, settled, rows.cut.test_from)
    for number, block in enumerate(found):
        link = chain.add(block, link if number == 0 else None)
    mature = rows.mature(now)
    newest: datetime = mature["event_time"].max()  # type: ignore[assignment]
    since = newest - timedelta(days=params.ship.twin_days)
    shipped = chain.fit(mature.filter(pl.col("event_time") < since))
    twin = twin_of(rows, link, shipped, since)
    return Practice(shipped, pl.concat(chain.test), tuple(block.begins for block in found), twin)


def _write(chosen: TrainedCandidate, made: Practice, params: Params, schema: FeatureSchema, progress: Progress) -> None:
    folder, settled = model_folder(SHIPPED), made.link.settled
    test = Scored(
        read_period(pl.read_parquet(part_file("test")), decimals=schema.contract.currency_decimals),
        made.test["probability"].to_numpy(),
    )
    cuts, costs = made.test["threshold"].to_numpy(), params.costs.within(chosen.assessment.budget)
    found = intervals(*test, cuts, costs, params.compare.bootstrap, progress)
    assessment = Assessment.model_validate(
        dict(chosen.assessment)
        | {
            "test": rounded_figures(evaluate(*test, cuts, costs)),
            "intervals": rounded_figures(found),
            "threshold": settled.cutoff.threshold,
            "expected_loss": settled.cutoff.expected_loss,
            "calibration": settled.calibration,
            "calibrations_tried": {method: rounded_figures(each._asdict()) for method, each in settled.tried.items()}
            or chosen.assessment.calibrations_tried,
        }
    )
    judged = Judged(made.link.file_name, made.link.model, made.link.booster, assessment, test, cuts)
    write_judged(folder, f"{chosen.candidate} as it ships", judged, chosen.rounds)
    write_honest(folder, made.test)
    write_shipping(
        Shipping(refit=params.active.refit, learned_until=made.link.learned_until, blocks=made.blocks, twin=made.twin)
    )
    write_lineage(SHIPPED, chosen.candidate, params, schema, best=chosen.lineage.best)
    shown = " ".join(f"{k} {told(assessment.test[k])}" for k in ("f1", "precision", "recall", "average_precision"))
    say(f"{chosen.candidate} ships: test {shown}; it has learned all until {made.link.learned_until:%Y-%m-%d %H:%M}")
    if made.twin is not None:
        said = "; ".join(made.twin.against(params.compare.twin)) or "is the last judged model's twin"
        say(f"{chosen.candidate}: what ships {said}, on {made.twin.rows:,} rows that neither has learned")


if __name__ == "__main__":
    run_stage(ship)
