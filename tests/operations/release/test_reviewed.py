"""A merge promotes exactly what was reviewed, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import PromotionConflict
from mlflow_fraud.core.release.ledger import VERDICT
from mlflow_fraud.operations.release.compare import ALREADY_LIVE, compare
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.operations.release.reviewed import promote_reviewed
from mlflow_fraud.operations.release.rollback import rollback
from mlflow_fraud.paths import REPORT, decision_file
from mlflow_fraud.paths import VERDICT as VERDICT_FILE
from tests.operations.release.test_release import Months, months, ship_other, store

__all__ = ["months", "store"]


def reviewed(store: ReleaseStore, *, first: bool = False) -> str:
    """Judge what is shipped, as the pull request's job does, and leave what a merge has of it: the decision."""
    version = compare(store, first=first).challenger.version
    for mine in (VERDICT_FILE, REPORT):
        mine.unlink()
    return version


@pytest.mark.slow
def test_a_yes_goes_live_once_and_has_to_win_again_where_the_champion_moved_since_the_review(
    store: ReleaseStore, workspace: Path, months: Months
) -> None:
    first = reviewed(store)
    refused = promote_reviewed(store)
    assert (refused.moved, refused.version) == (False, None)
    assert "a first release needs to be asked for" in refused.reasons[0]
    assert promote_reviewed(store, first=True) == (True, first, ("there is no champion yet and every floor holds",))

    again = promote_reviewed(store)

    assert again == (False, first, (ALREADY_LIVE,))
    months(workspace, 30)
    second = reviewed(store)
    assert json.loads(decision_file(second).read_text())["promote"]
    assert promote_reviewed(store)[:2] == (True, second)
    assert [record.to_version for record in store.ledger()] == [first, second]

    rollback(store, reason="complaints")
    with pytest.raises(PromotionConflict, match=f"{second} was reviewed with a yes and does not win against {first}"):
        promote_reviewed(store)
    pointer = store.latest()
    assert pointer is not None
    assert pointer.version == first


@pytest.mark.slow
def test_what_nobody_reviewed_and_what_is_not_what_was_reviewed_stay_out(store: ReleaseStore) -> None:
    compare(store, first=True)
    live = promote(store).version
    ship_other(max_depth=2)
    version = compare(store).challenger.version
    decision = json.loads(decision_file(version).read_text())

    decision_file(version).write_text(json.dumps({**decision, "files": {**decision["files"], "schema.json": "0" * 64}}))
    with pytest.raises(PromotionConflict, match=rf"schema\.json of {version} is not what .* was reviewed with"):
        promote_reviewed(store)
    decision_file(version).write_text(json.dumps({key: decision[key] for key in decision if key != "files"}))
    with pytest.raises(PromotionConflict, match="is not what"):
        promote_reviewed(store)
    decision_file(version).unlink()
    with pytest.raises(PromotionConflict, match=f"was not merged, so nobody has reviewed {version}"):
        promote_reviewed(store)
    pointer = store.latest()
    assert pointer is not None
    assert pointer.version == live


@pytest.mark.slow
def test_a_reviewed_no_stays_a_no_and_is_a_look_in_the_ledger(store: ReleaseStore) -> None:
    compare(store, first=True)
    live = promote(store).version
    ship_other(max_depth=1, rounds=2)
    version = reviewed(store)
    decision = json.loads(decision_file(version).read_text())
    assert not decision["promote"]

    outcome = promote_reviewed(store)

    assert outcome[:2] == (False, live)
    assert [record.action for record in store.ledger()] == ["promote", VERDICT]
