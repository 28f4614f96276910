"""Great Expectations at the door: a contract's rules run as one suite; its result becomes our report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mlflow_fraud.adapters.data_docs import settle
from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.gate.batches import evidence_of
from mlflow_fraud.core.gate.columns import WHICH
from mlflow_fraud.core.gate.findings import Finding, Report
from mlflow_fraud.core.gate.rules import Rule, is_secret, rules_of, seconds_of, shown

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3
NO_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
"""The run's time in the pages' addresses: the same data have the same pages, whenever they were checked."""


def check(table: Path, contract: Contract, *, docs: Path | None = None) -> Report:
    """Return the report on a Parquet table of pipeline rows; with `docs`, also write the data docs as HTML there.

    Two suites, each in one run (every further run would hash the whole frame again): one on the rows, one on the
    evidence, which has a line for each batch.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    rules = rules_of(contract)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_pandas(contract.name)
    evidence = evidence_of(pl.read_parquet(table), contract)
    rows = _read(table, contract)
    found: dict[str, Finding] = {}
    for of, frame in (("rows", rows), ("batches", evidence.to_pandas())):
        ours = {rule.name: rule for rule in rules if rule.of == of}
        outcome = _run(context, source, of, frame, ours)
        results = {_rule_of(result): result for v in outcome.run_results.values() for result in v.results}
        found |= {name: _finding(rule, results[name], contract, evidence) for name, rule in ours.items()}
        if docs is not None:
            _mask(context, outcome, ours, contract)
    report = Report(contract.name, len(rows), tuple(found[rule.name] for rule in rules))
    if docs is not None:
        _write_docs(context, docs)
        settle(docs, report)
    return report


def _run(context: Any, source: Any, of: str, frame: pd.DataFrame, rules: Mapping[str, Rule]) -> Any:
    """Run the rules on one frame as one suite."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    suite = context.suites.add(gx.ExpectationSuite(name=of, expectations=_suite(rules)))
    batch = source.add_dataframe_asset(of).add_batch_definition_whole_dataframe("all")
    definition = gx.ValidationDefinition(name=of, data=batch, suite=suite)
    checkpoint = gx.Checkpoint(
        name=of,
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": EXAMPLES},
    )
    return context.checkpoints.add(checkpoint).run(
        batch_parameters={"dataframe": frame}, run_id=RunIdentifier(of, NO_MOMENT)
    )


def _read(table: Path, contract: Contract) -> pd.DataFrame:
    """Return the rows as Great Expectations takes them, each time once more in seconds."""
    rows = pl.scan_parquet(table).drop(BATCH, strict=False)
    types = rows.collect_schema()
    times = [column.name for column in contract.kept if column.name in types and types[column.name].is_temporal()]
    moments = [pl.col(name).cast(pl.Datetime("us")) for name in times]
    seconds = [pl.col(name).dt.epoch("s").alias(seconds_of(name)) for name in times]
    return rows.with_columns(moments).with_columns(seconds).collect().to_pandas()


def _suite(rules: Mapping[str, Rule]) -> list[Any]:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    return [
        ExpectationConfiguration(
            type=rule.expectation,
            kwargs=dict(rule.arguments),
            severity=FailureSeverity(rule.severity),
            meta={"rule": rule.name},
        ).to_domain_obj()
        for rule in rules.values()
    ]


def _rule_of(outcome: Any) -> str:
    return str(outcome.expectation_config.meta["rule"])


def _finding(rule: Rule, outcome: Any, contract: Contract, evidence: pl.DataFrame) -> Finding:
    """Translate one result; an expectation that could not run has no counts, only an exception."""
    result = outcome.result or {}
    unexpected = result.get("partial_unexpected_list", [])
    if rule.of == "batches" and rule.column in evidence.columns:
        examples = dict.fromkeys(_batches_with(unexpected, rule.column, evidence))
    else:
        column = contract.column(rule.column) if rule.column else None
        examples = dict.fromkeys(shown(value, column, contract) for value in unexpected)
    return Finding(
        rule=rule.name,
        holds=bool(outcome.success),
        severity=rule.severity,
        column=rule.column,
        unexpected=int(result.get("unexpected_count") or 0),
        observed=_observed(outcome, result),
        examples=tuple(example for example in examples if example != "(not shown)")[:EXAMPLES],
        of=rule.of,
    )


def _batches_with(values: list[float], column: str, evidence: pl.DataFrame) -> list[str]:
    """Return the batches that have one of these values, newest first, with what it is made of or the value itself."""
    found = evidence.filter(pl.col(column).cast(pl.Float64).is_in(pl.Series(values, dtype=pl.Float64).implode()))
    if f"{column}{WHICH}" in evidence.columns:
        told = found[f"{column}{WHICH}"].to_list()
    else:
        told = [f"{value:.6g}" for value in found[column]]
    return [f"{batch} ({what})" for batch, what in reversed(list(zip(found[BATCH], told, strict=True)))]


def _observed(outcome: Any, result: Mapping[str, Any]) -> str:
    value = result.get("observed_value")
    if value is not None:
        return f"{value:.6g}" if isinstance(value, int | float) else str(value)
    for details in (outcome.exception_info or {}).values():
        if isinstance(details, Mapping) and details.get("raised_exception"):
            return str(details["exception_message"]).splitlines()[0]
    return ""


def _mask(context: Any, outcome: Any, rules: Mapping[str, Rule], contract: Contract) -> None:
    """Take values that point at a person out of the stored results, so that no page shows them."""
    for key, validation in outcome.run_results.items():
        for result in validation.results:
            if is_secret(contract.column(rules[_rule_of(result)].column or "")):
                shown_lists = [name for name in result.result if name.startswith("partial_unexpected")]
                for name in shown_lists:
                    result.result[name] = []
        context.validation_results_store.set(key, validation)


def _write_docs(context: Any, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    config = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": index,
        "store_backend": backend,
    }
    context.add_data_docs_site(site_name="validation", site_config=config)
    context.build_data_docs(site_names=["validation"])
