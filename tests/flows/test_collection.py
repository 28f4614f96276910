"""A retraining begins with what the record has; what is collected and what is not is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import collection as flow
from flows import retraining as whole
from mlflow_fraud.operations.collection.collect import Collected
from mlflow_fraud.operations.collection.door import Refused

REFUSED = Refused("collected-2020-03-09_2020-03-15", Path("aside"), "amount: 3 days", "mlflow-fraud record quarantine")


def test_a_retraining_collects_before_it_validates(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    for name in ("collection", "validation", "training", "require_up_to_date", "comparison"):
        outcome: dict[str, str] = {}
        monkeypatch.setattr(whole, name, lambda *_, name=name, outcome=outcome, **__: order.append(name) or outcome)
    monkeypatch.setattr(whole, "get_run_logger", lambda: Quiet())
    whole.make_and_judge("asked for by hand", first=False, as_of=None)
    assert order == ["collection", "validation", "training", "require_up_to_date", "comparison"]


def test_what_came_and_what_did_not_is_a_table_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr(flow, "create_table_artifact", lambda **told: shown.update(told))
    monkeypatch.setattr(flow, "get_run_logger", lambda: Quiet())
    found = Collected(
        (Path("raw/collected-2020-03-02_2020-03-08.parquet"),), (Path("raw/corrections/a.parquet"),), (REFUSED,)
    )
    flow.publish_collection.fn(found)
    assert shown["key"] == "collection"
    assert [line["outcome"] for line in shown["table"]] == ["pinned", "pinned", "amount: 3 days"]
    assert shown["table"][-1]["to do"] == "mlflow-fraud record quarantine"


@pytest.mark.parametrize(("refused", "calls"), [((REFUSED,), 1), ((), 0)], ids=["a refused batch", "none"])
def test_a_batch_that_stays_out_calls_a_person(
    refused: tuple[Refused, ...], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(flow, "collect_mature", lambda _: Collected((), (), refused))
    monkeypatch.setattr(flow, "publish_collection", lambda _: None)
    monkeypatch.setattr(flow, "call_person", called.append)
    flow.collection.fn.__wrapped__()  # type: ignore[attr-defined]
    assert len(called) == calls
    assert all("1 batch of the record did not pass the gate" in each for each in called)


class Quiet:
    """A logger of a run that nobody reads."""

    def info(self, *_: object) -> None: ...

    def warning(self, *_: object) -> None: ...
