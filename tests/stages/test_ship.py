"""The practice is judged honestly: no row by a model that had learned it, or a row that was too young."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.chain import Block
from mlflow_fraud.paths import part_file
from mlflow_fraud.stages.chain import Chain, Link
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.ship import ship
from mlflow_fraud.stages.shipped import read_shipped
from mlflow_fraud.stages.train import train

HORIZON = timedelta(days=10)


def change(section: str, **to: object) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    (params["datasets"]["simulated"]["split"] if section == "split" else params[section]).update(to)
    Path("params.yaml").write_text(yaml.safe_dump(params))


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_each_block_is_scored_by_what_had_learned_only_rows_that_were_mature_when_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change("split", label_delay_days=HORIZON.days)
    change("ship", judge_blocks=3, twin_days=5)
    change("threshold", policy="expected-loss")
    preprocess()
    for candidate in CANDIDATES:
        train(candidate)
    scored, learned = list[tuple[Block, Link]](), list[pl.DataFrame]()
    add, fit = Chain.add, Chain.fit

    def added(chain: Chain, block: Block, first: Link | None = None) -> Link:
        link = add(chain, block, first)
        scored.append((block, link))
        return link

    def fitted(chain: Chain, rows: pl.DataFrame) -> Link:
        learned.append(rows)
        return fit(chain, rows)

    monkeypatch.setattr(Chain, "add", added)
    monkeypatch.setattr(Chain, "fit", fitted)
    ship()

    test, shipped = pl.read_parquet(part_file("test")), read_shipped()
    assert len(scored) == len(learned) == 3
    for block, rows in zip([block for block, _ in scored[1:]], learned, strict=False):
        assert rows["event_time"].max() + HORIZON <= block.begins  # type: ignore[operator]
        late = rows.filter((pl.col("fraud") == 1) & (pl.col("label_time") > block.begins))
        assert late["label"].sum() == 0
    assert [block.ends for block, _ in scored[:-1]] == [block.begins for block, _ in scored[1:]]
    assert shipped.test["event_id"].equals(test["event_id"])
    newest: object = test["event_time"].max() - timedelta(days=5)  # type: ignore[operator]
    assert learned[-1]["event_time"].max() == shipped.shipping.learned_until < newest  # type: ignore[operator]
    for block, link in scored:
        rows = shipped.test.filter(pl.col("event_time").is_between(block.begins, block.ends, closed="left"))
        amounts = rows.join(test, on="event_id", maintain_order="left")["amount_minor"].cast(pl.Int64).to_numpy()
        cuts = link.settled.cutoff.of_rows(amounts, decimals=2)
        assert link.settled.cutoff.expected_loss == 5.0
        assert rows["threshold"].to_list() == pytest.approx(cuts.tolist(), rel=1e-8)


@pytest.mark.usefixtures("workspace")
def test_a_last_block_within_the_twin_days_says_which_settings_to_change() -> None:
    change("ship", judge_blocks=4, twin_days=30)
    with pytest.raises(DataError, match=r"last of 4 test blocks begins .* newest 30 days .*make test_days longer"):
        ship()
