"""What all tests share: a contract, small real histories, an environment without leftovers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import settings

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.settings import load_contract, load_params
from tests.longest import rank

ROOT = Path(__file__).parents[1]
pytest_plugins = ["tests.workspace", "tests.record_databases", "tests.cases"]

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long files come first."""
    items.sort(key=lambda item: rank(item.path, ROOT / "tests"))


def write_pointer(file: Path) -> None:
    """Write the pointer that DVC would keep of a file."""
    content = file.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    out = {"md5": digest, "size": len(content), "hash": "md5", "path": file.name}
    file.with_name(f"{file.name}.dvc").write_text(yaml.safe_dump({"outs": [out]}, sort_keys=False))


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Give all tests, and what is made once for many, an environment without settings of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("FRAUD_", "MLFLOW_TRACKING", "AWS_")) or name in ("CI", "GITHUB_ACTIONS"):
                patch.delenv(name)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("GX_ANALYTICS_ENABLED", "false")
        patch.setenv("DVC_NO_ANALYTICS", "1")
        yield


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The default contract."""
    return load_contract(ROOT / "data/contracts/sparkov.yaml")


@pytest.fixture(scope="session")
def feature_params() -> FeatureParams:
    """The features that we ship."""
    return load_params(ROOT / "params.yaml").features


@pytest.fixture(scope="session")
def schema(contract: Contract, feature_params: FeatureParams) -> FeatureSchema:
    """The shipped features on the default contract."""
    category = contract.column("category")
    assert category is not None
    return FeatureSchema(params=feature_params, contract=contract, categories={"category": category.values})


def make_transactions(rows: int, *, seed: int = 1, cards: int = 20, days: int = 120) -> pl.DataFrame:
    """Return made-up pipeline rows in time order, with fraud that large amounts at night give away."""
    draw = np.random.default_rng(seed)
    categories = ["grocery_pos", "misc_net", "shopping_net", "travel"]
    begin = datetime(2020, 1, 1)
    times = np.sort(draw.integers(0, days * 86_400, rows))
    label = draw.random(rows) < 0.05
    return pl.DataFrame(
        {
            "event_time": [begin + timedelta(seconds=int(second)) for second in times],
            "card": draw.integers(1, cards + 1, rows) + 4_000_000_000_000_000,
            "merchant": [f"fraud_M{number}" for number in draw.integers(0, 15, rows)],
            "category": [categories[number] for number in draw.integers(0, len(categories), rows)],
            "amount": np.where(label, draw.integers(60_000, 90_000, rows), draw.integers(100, 30_000, rows)),
            "home_latitude": draw.uniform(30, 45, rows),
            "home_longitude": draw.uniform(-110, -80, rows),
            "city_pop": draw.integers(100, 100_000, rows),
            "birth_date": [datetime(1950 + int(year), 5, 17).date() for year in draw.integers(0, 50, rows)],
            "event_id": [f"{number:032x}" for number in range(rows)],
            "unix_time": times + int(begin.replace(tzinfo=UTC).timestamp()),
            "merchant_latitude": draw.uniform(30, 45, rows),
            "merchant_longitude": draw.uniform(-110, -80, rows),
            "label": label.astype(np.int8),
            "batch": ["made-up"] * rows,
        },
        schema_overrides={"event_time": pl.Datetime("us"), "amount": pl.Int64},
    )


def make_period(
    labels: Sequence[int],
    *,
    cards: Sequence[int] | None = None,
    hours: Sequence[float] | None = None,
    amounts: Sequence[int] | None = None,
) -> Period:
    """Return a period from 2020-01-01 on: `hours` after midnight, else one row an hour; each row another card."""
    number = len(labels)
    after = np.array(range(number) if hours is None else hours, np.float64) * 3600
    return Period(
        labels=np.array(labels, np.int8),
        cards=np.array(range(number) if cards is None else cards, np.int64),
        times=np.datetime64("2020-01-01", "us") + after.astype("timedelta64[s]"),
        amounts=np.array([10_000] * number if amounts is None else amounts, np.int64),
    )


@pytest.fixture
def transactions() -> pl.DataFrame:
    """Two thousand made-up transactions."""
    return make_transactions(2000)
