"""Print what each threshold policy comes to in money on a data set's test period, as a Markdown table.

    python docs/own-data/by_money.py [--dataset NAME] [--candidate NAME] [--alerts-per-day N]

One model, fitted and calibrated as `dvc repro` does; validation settles each policy, the test is only measured. The
last column holds each against max-F1 in the same draws of cards, at 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

from mlflow_fraud.core.learning.training import JudgeRules, settle
from mlflow_fraud.core.measuring.cost import CostRule, budget_of
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.difference import Difference, differences
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import told
from mlflow_fraud.core.measuring.threshold import ThresholdRule, thresholds_of
from mlflow_fraud.operations.evaluation.history import build_history, of_dataset, one_test, read_transactions
from mlflow_fraud.operations.evaluation.judging import part_of
from mlflow_fraud.settings import Params, load_params
from mlflow_fraud.stages.fit import Trained, fit_and_judge

HEADS = (
    "policy",
    "flags from",
    "alerts a day",
    "F1",
    "precision",
    "recall",
    "money saved",
    "cost a day",
    "less than max-F1",
)


def main() -> None:
    """Fit once, settle each policy, and say what the test came to."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--dataset", default="", help="the data set's name; the active one if not given")
    asked.add_argument("--candidate", default="xgboost", help="logistic, forest or xgboost")
    asked.add_argument("--alerts-per-day", type=int, default=2, help="what the last policies keep to")
    told = asked.parse_args()
    active = load_params().dataset
    params = of_dataset(load_params(), told.dataset)
    transactions = read_transactions(params, active=active)
    cut = one_test(transactions, params.active.split)
    history = build_history(transactions, params, cut)
    learn, validation, test = (part_of(history, cut, name) for name in ("train", "validation", "test"))
    rules = replace(params.judging, threshold=ThresholdRule(policy="max-f1"))
    fitted = fit_and_judge(
        told.candidate, learn.examples, validation, test, params.train, rules, print, refit=params.active.refit
    )
    print(f"\n| {' | '.join(HEADS)} |\n| --- | --- |{' ---: |' * (len(HEADS) - 2)}")
    for line in lines(fitted, rules, params, told.alerts_per_day):
        print(f"| {' | '.join(line)} |")


def lines(fitted: Trained, rules: JudgeRules, params: Params, budget: int) -> Iterator[list[str]]:
    """Give what the test came to under each policy."""
    free = params.costs.model_copy(update={"alerts_per_day": None})
    stated = params.costs.model_copy(update={"alerts_per_day": budget})
    policies: list[tuple[str, ThresholdRule, CostRule]] = [
        ("`max-f1`", rules.threshold, free),
        ("`min-cost`", ThresholdRule(policy="min-cost"), free),
        ("`expected-loss`", ThresholdRule(policy="expected-loss"), free),
        (f"`alert-budget`, {budget}", ThresholdRule(policy="alert-budget", alerts_per_day=budget), stated),
        (f"`expected-loss`, {budget}", ThresholdRule(policy="expected-loss"), stated),
    ]
    period, scores = fitted.judged.test
    costs = params.costs.within(budget_of(params.costs, fitted.honest.period))
    first = thresholds_of(fitted.settled.cutoff, period)
    for name, rule, asked in policies:
        cutoff = settle(fitted.honest, replace(rules, threshold=rule, costs=asked)).cutoff
        cuts = thresholds_of(cutoff, period)
        found = evaluate(period, scores, cuts, costs)
        gain = differences(["expected_cost"], period, (scores, cuts), (scores, first), costs, rules.bootstrap)
        yield [
            name,
            said(cutoff),
            told(found["alerts_per_day"], ".2f"),
            *(told(found[metric], ".3f") for metric in ("f1", "precision", "recall")),
            told(found["money_saved"], ".1%"),
            told(found["expected_cost"], ".2f"),
            "-" if name == "`max-f1`" else sure(gain["expected_cost"]),
        ]


def sure(gain: Difference | None) -> str:
    """Return a gain with its interval, in a cell."""
    if gain is None:
        return "-"
    found = gain.interval(0.025)
    return f"{found.estimate:.2f} ({found.lower:.2f} to {found.upper:.2f})"


def said(cutoff: Cutoff) -> str:
    """Return what it flags from, in a cell."""
    if cutoff.expected_loss is None:
        return f"probability {cutoff.threshold:.3f}"
    return f"loss {cutoff.expected_loss:.2f}"


if __name__ == "__main__":
    main()
