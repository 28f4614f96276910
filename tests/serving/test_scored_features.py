"""A table of features has the scores that the service gives to what it worked out itself, to the bit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from mlflow_fraud.cli import app
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.scored_features import AMOUNT, score_features
from mlflow_fraud.serving.scored_file import NUMBER
from tests.serving.conftest import MakeRelease, go_live, kept_in
from tests.serving.test_expected_loss import by_money
from tests.serving.test_scored_file import Here, here, quiet

__all__ = ["here"]

TOLD = ["probability", "decision", "threshold", "model_version"]


def served(here: Here, rows: list[dict[str, Any]], schema: FeatureSchema) -> tuple[list[Any], pl.DataFrame]:
    """Return what the service says to the rows, and the features that it worked out, with ids and exact amounts."""
    with kept_in(here.folder) as record:
        service = create_app(here.store, record=record, poll_seconds=3600)
        service.state.model.poll()
        told = [TestClient(service).post("/v1/score", json=row).json() for row in rows]
        kept = [record.recent(schema.contract, row["trans_num"]) for row in rows]
    payments = [each for each in kept if each is not None and each.answer is not None]
    features = np.array([np.frombuffer(each.answer.features, np.float32) for each in payments if each.answer])
    table = pl.DataFrame(features, schema=schema.names).fill_nan(None)
    beside = {"event_id": [row["trans_num"] for row in rows], AMOUNT: [each.transaction["amount"] for each in payments]}
    return told, table.with_columns(pl.Series(name, values) for name, values in beside.items())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("money", [False, True])
def test_given_features_have_the_scores_of_the_service_to_the_bit(
    here: Here, rows: list[dict[str, Any]], make_release: MakeRelease, schema: FeatureSchema, kind: str, money: bool
) -> None:
    if money:
        go_live(here.store, by_money(make_release()))
    told, table = served(here, rows, schema)
    assert table.null_count().sum_horizontal().item() > 0  # some are missing
    file, others = here.folder / f"features.{kind}", [pl.lit("Ann").alias("first"), pl.lit(0).alias("label")]
    turned = table.select(*others, *reversed(table.columns))
    turned.write_csv(file) if kind == "csv" else turned.write_parquet(file)
    summary = score_features(here, file, quiet)
    assert summary.out == here.folder / f"features.scores.{kind}"
    found = pl.read_csv(summary.out) if kind == "csv" else pl.read_parquet(summary.out)
    assert found.columns == [NUMBER, "event_id", *TOLD]
    assert found.select(TOLD).to_dicts() == [{name: each[name] for name in TOLD} for each in told]
    assert found["event_id"].to_list() == [row["trans_num"] for row in rows]
    assert found[NUMBER].to_list() == list(range(1, len(rows) + 1))
    assert (summary.scored, summary.refused) == (len(rows), 0)
    assert summary.flagged == sum(each["decision"] == "flag" for each in told)


def test_a_table_of_other_columns_or_values_is_refused_whole_by_the_first_that_is_wrong(
    here: Here, schema: FeatureSchema
) -> None:
    first, second, *_ = schema.names
    table = pl.DataFrame({name: [1.0, 2.0, None] for name in schema.names})
    file = here.folder / "features.csv"

    def refused(frame: pl.DataFrame, match: str) -> None:
        frame.write_csv(file)
        with pytest.raises(DataError, match=match):
            score_features(here, file, quiet)

    refused(table.drop(first, second), f"lacks {first}, {second}; expected the {len(schema.names)} columns")
    refused(table.with_columns(pl.Series(second, ["1", "much", ""])), f"row 2 has no finite number in {second}")
    refused(table.with_columns(pl.Series(second, [1.0, 2.0, 1e39])), f"row 3 has no finite number in {second}")
    refused(table.head(0), "columns and no rows")
    texts = here.folder / "features.parquet"
    table.with_columns(pl.col(first).cast(pl.String)).write_parquet(texts)
    with pytest.raises(DataError, match=f"has no numbers in {first}"):
        score_features(here, texts, quiet)
    for name in ("features.json", "missing.csv"):  # said before a release is asked for
        with pytest.raises(DataError, match="is not there or is no table"):
            score_features(here, here.folder / name, quiet, release="none")
    texts.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as a table"):
        score_features(here, texts, quiet)
    with pytest.raises(SettingsError, match="expected the name of another file"):
        score_features(here, file, quiet, out=file)
    assert not list(here.folder.glob("*scores*"))


def test_an_amount_is_asked_for_where_a_loss_decides(
    here: Here, make_release: MakeRelease, schema: FeatureSchema
) -> None:
    go_live(here.store, by_money(make_release()))
    file = here.folder / "features.parquet"
    table = pl.DataFrame({name: [1.0, 2.0] for name in schema.names})
    table.write_parquet(file)
    with pytest.raises(DataError, match=f"lacks {AMOUNT}"):
        score_features(here, file, quiet)
    table.with_columns(pl.Series(AMOUNT, [100.0, 1.5])).write_parquet(file)
    with pytest.raises(DataError, match="row 2 has no amount in minor units"):
        score_features(here, file, quiet)


def test_a_table_of_which_it_is_not_certain_what_is_which_is_refused(here: Here, schema: FeatureSchema) -> None:
    """A short row would be scored by what it lacks, and of a name that is there twice the first would be taken."""
    table, file = pl.DataFrame({name: [1.0, 2.0] for name in schema.names}), here.folder / "features.csv"
    text = table.write_csv()
    head, *rows = text.splitlines()

    def refused(content: str | bytes, match: str) -> None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match=match):
            score_features(here, file, quiet)

    refused("\n".join([f"{head},{schema.names[0]}", *(f"{row},9" for row in rows)]), "is there 2 times, so it is not")
    refused("\n".join([f"{head},event_id,event_id", *(f"{row},a,b" for row in rows)]), "event_id is there 2 times")
    refused(f"{text}1,2\n", "1 row has fewer values than the .* names of the header")
    refused(f"{text}{rows[0]},3\n", "1 row has more values than the .* names of the header")
    refused(text.replace("\n", "\r"), "ends its lines with a carriage return alone")
    refused(text.replace(",", ";"), "expected text in UTF-8 with ',' between its columns")
    refused(text.encode("utf-16"), "expected text in UTF-8 with ',' between its columns")


def test_lines_without_any_value_are_no_rows_of_features(here: Here, schema: FeatureSchema) -> None:
    table, file = pl.DataFrame({name: [1.0, 2.0] for name in schema.names}), here.folder / "features.csv"
    file.write_text(table.write_csv().replace("\n", "\n\n") + "," * (len(schema.names) - 1) + "\n")
    said: list[str] = []
    assert score_features(here, file, said.append).scored == 2
    assert "4 lines without any value are no row" in said


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--without-record", "--features looks at no past, .* leave --without-record out"),
        ("--reasons=3", "expected --features or --reasons, found both"),
    ],
)
def test_an_option_that_means_nothing_for_features_is_refused(option: str, message: str) -> None:
    done = CliRunner().invoke(app, ["score", "features.csv", "--features", option])
    assert isinstance(done.exception, SettingsError)
    assert re.search(message, str(done.exception))
