"""A candidate by a protocol: fitted, its threshold chosen, judged, on each fold; the folds as one table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import write_json, write_text
from mlflow_fraud.adapters.mlflow_runs import PlainRun
from mlflow_fraud.adapters.report import QUALITY, markdown_table, slices_table
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.learning.prequential import PrequentialRule
from mlflow_fraud.core.learning.protocols import check_protocol, over_folds, split_for
from mlflow_fraud.core.learning.training import Assessment, JudgeRules
from mlflow_fraud.core.measuring.cost import CostRule, budget_of
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.metrics import told
from mlflow_fraud.core.measuring.slices import Slice, groups_of, slices_of
from mlflow_fraud.core.strict import Strict, parse
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.evaluation.history import (
    Cut,
    History,
    build_history,
    of_dataset,
    one_test,
    read_transactions,
    rolling_tests,
)
from mlflow_fraud.operations.evaluation.judging import check_candidate, judge, require_cuts
from mlflow_fraud.paths import EVALUATIONS
from mlflow_fraud.settings import Params, contract_of, load_params
from mlflow_fraud.stages.fit import Judged
from mlflow_fraud.stages.logged import open_tracking
from mlflow_fraud.stages.progress import watched
from mlflow_fraud.stages.run import say

COLUMNS = {**QUALITY, "card_precision_at_k": ".4f"}


class Fold(Strict):
    """One test period and what the candidate was worth there, in all and in parts."""

    name: str
    assessment: Assessment
    slices: tuple[Slice, ...]


class Evaluation(Strict):
    """The content of the file that an evaluation leaves; `key` is the same for the same rows, settings and results."""

    key: str
    dataset: str
    protocol: str
    candidate: str
    rule: dict[str, object]
    params: dict[str, object]
    budget: str
    folds: tuple[Fold, ...]


def evaluate(
    protocol: str,
    candidate: str,
    dataset: str = "",
    *,
    rolling: Mapping[str, object] | None = None,
    alerts_per_day: int | None = None,
) -> str:
    """Judge the candidate by the protocol, write and log what was found; return the table.

    `rolling` has what is to be otherwise than in `evaluate.prequential`, `alerts_per_day` than in `costs`. All tests
    have one budget: where none is stated, that of the first one's validation, which is known before any of them.
    """
    check_protocol(protocol)
    check_candidate(candidate)
    params = _asked(load_params(), protocol, rolling or {}, alerts_per_day)
    active, delay = params.dataset, params.evaluate.prequential.label_delay_days
    params = of_dataset(params, dataset, delay if protocol == "prequential" else None)
    transactions = read_transactions(params, active=active)
    cuts, rule = _cuts(protocol, transactions, params)
    require_cuts(transactions, cuts)
    history = build_history(transactions, params, cuts[0])
    budget = budget_of(params.costs, history.period(cuts[0].parts == "validation"))
    rules = replace(params.judging, budget=budget)
    folds = [_fold(history, cut, candidate, params, rules) for cut in cuts]
    evaluation = _evaluation(history, params, protocol, candidate, rule, folds)
    text = _page(evaluation)
    file = EVALUATIONS / f"{params.dataset}-{protocol}-{candidate}"
    write_json(file.with_suffix(".json"), evaluation.model_dump(mode="json") | {"over_folds": _together(evaluation)})
    write_text(file.with_suffix(".md"), text)
    _log_if_possible(evaluation)
    return f"{text}\n{file.with_suffix('.md')} has this table, the .json beside it everything"


def _asked(params: Params, protocol: str, rolling: Mapping[str, object], alerts_per_day: int | None) -> Params:
    """Return the parameters with what the command was asked for."""
    if rolling and protocol != "prequential":
        names = ", ".join(name.replace("_", "-") for name in rolling)
        raise SettingsError(f"{names} belong to the protocol prequential, not to {protocol}; take them out")
    told = {**params.evaluate.prequential.model_dump(), **rolling}
    rule = parse(PrequentialRule, told, where="evaluate.prequential with the command's options")
    budget = {} if alerts_per_day is None else {"alerts_per_day": alerts_per_day}
    costs = parse(CostRule, {**params.costs.model_dump(), **budget}, where="costs with the command's options")
    evaluating = params.evaluate.model_copy(update={"prequential": rule})
    return params.model_copy(update={"evaluate": evaluating, "costs": costs})


def _cuts(protocol: str, transactions: pl.DataFrame, params: Params) -> tuple[list[Cut], Strict]:
    if protocol != "prequential":
        rule = split_for(protocol, params.active.split, params.evaluate)
        return [one_test(transactions, rule)], rule
    rolling, card = params.evaluate.prequential, contract_of(params.active).payer
    return rolling_tests(transactions, rolling, card, rolling.until(transactions["event_time"][-1])), rolling


def _fold(history: History, cut: Cut, candidate: str, params: Params, rules: JudgeRules) -> Fold:
    sizes = ", ".join(f"{part} {int((cut.parts == part).sum()):,}" for part in ("train", "validation", "test"))
    say(f"{cut.name} ({sizes} rows)")
    with watched(candidate) as progress:
        judged = judge(history, cut, candidate, params.train, rules, progress, refit=params.active.refit)
    assessment = judged.assessment
    shown = " ".join(
        f"{name} {told(assessment.test[name])}" for name in ("f1", "precision", "recall", "average_precision")
    )
    say(f"{cut.name}: test {shown} at {assessment.cutoff} from validation")
    return Fold(name=cut.name, assessment=assessment, slices=_slices(history, cut, judged))


def _slices(history: History, cut: Cut, judged: Judged) -> tuple[Slice, ...]:
    rows = history.transactions.filter((cut.parts == "test").fill_null(False))
    groups = groups_of(rows, history.transactions, history.schema.contract)
    found = slices_of(judged.test.period, judged.test.scores >= judged.thresholds, groups)
    return tuple(Slice.model_validate(rounded_figures(each.model_dump())) for each in found)


def _evaluation(
    history: History, params: Params, protocol: str, candidate: str, rule: Strict, folds: list[Fold]
) -> Evaluation:
    told = {"seed": params.train.seed, "refit": params.active.refit, **getattr(params.train, candidate).model_dump()}
    found = [fold.model_dump(mode="json") for fold in folds]
    ruled = rule.model_dump(mode="json", exclude_none=True)
    content = [history.sha256, protocol, candidate, ruled, params.threshold.model_dump(), told, found]
    return Evaluation(
        key=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        dataset=params.dataset,
        protocol=protocol,
        candidate=candidate,
        rule=ruled,
        params=told,
        budget=str(folds[0].assessment.budget),
        folds=tuple(folds),
    )


def _together(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    return over_folds([fold.assessment.test for fold in evaluation.folds])


def _page(evaluation: Evaluation) -> str:
    rows = {
        f"{fold.name} ({fold.assessment.test['rows']:,.0f} rows, {fold.assessment.test['frauds']:,.0f} frauds)": (
            fold.assessment.test
        )
        for fold in evaluation.folds
    }
    if len(rows) > 1:
        rows |= _together(evaluation)
    title = f"## {evaluation.dataset}, {evaluation.protocol}: {evaluation.candidate}"
    rule = ", ".join(f"{name} {value}" for name, value in evaluation.rule.items() if value != evaluation.protocol)
    said = f"Test periods, at the threshold from validation; {rule}; k is {evaluation.budget}."
    parts = "" if len(evaluation.folds) > 1 else "\n" + slices_table(evaluation.folds[0].slices)
    return f"{title}\n\n{said}\n\n{markdown_table(rows, first='test', columns=COLUMNS)}{parts}"


def _log_if_possible(evaluation: Evaluation) -> None:
    try:
        run_id = _log(evaluation)
    except Exception as error:  # whatever MLflow raises, the files are there
        say(f"warning: the evaluation is not in MLflow ({error}); the same command tries again")
    else:
        say(f"MLflow run {run_id}, one run under it for each test")


def _log(evaluation: Evaluation) -> str:
    """Log a run of the whole and one under it for each fold, unless they are there; return the first one's id."""
    tracking = open_tracking(load_environment())
    told = {"dataset": evaluation.dataset, "protocol": evaluation.protocol, "candidate": evaluation.candidate}
    tags = {"git_sha": git_repo.head()}
    over = _together(evaluation)
    metrics = {**over["mean"], **{f"{name}_std": value for name, value in over["standard deviation"].items()}}
    name = f"{evaluation.protocol} {evaluation.candidate} on {evaluation.dataset}"
    params = {**told, **evaluation.rule, **evaluation.params}
    parent = tracking.ensure_run(PlainRun(evaluation.key, name, params, metrics, tags))
    for place, fold in enumerate(evaluation.folds, start=1):
        numbers = {f"validation_{name}": value for name, value in fold.assessment.validation.items()}
        numbers |= {**fold.assessment.test, "threshold": fold.assessment.threshold}
        tracking.ensure_run(PlainRun(f"{evaluation.key}-{place}", fold.name, told, numbers, tags), parent)
    return parent
