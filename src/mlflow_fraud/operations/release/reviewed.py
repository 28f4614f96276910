"""A merge promotes exactly what was reviewed: the shipped file that the merged decision names, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import PromotionConflict
from mlflow_fraud.operations.release.challenger import hashes_of, release_version
from mlflow_fraud.operations.release.compare import ALREADY_LIVE, compare
from mlflow_fraud.operations.release.comparison import read_decision
from mlflow_fraud.operations.release.promote import Promotion, promote
from mlflow_fraud.operations.release.store import require_expected_champion, require_lasting_store
from mlflow_fraud.paths import decision_file
from mlflow_fraud.stages.shipped import read_shipped


def promote_reviewed(store: ReleaseStore, *, first: bool = False, base: str = "") -> Promotion:
    """Let the shipped file go live whose decision was merged with it; nothing is trained.

    What is live already stays, whichever way was first. A reviewed no stays a no. A reviewed yes is held against what
    is live by now, by the rule of the commit `base`: the same contest as in the review where nothing moved, another
    one where somebody promoted meanwhile. Raises `PromotionConflict` where no decision was merged, the files are not
    those that were reviewed, or it does not win any more.
    """
    require_lasting_store()
    challenger = read_shipped()
    version, pointer = release_version(challenger), store.latest()
    if pointer is None and not first:
        require_expected_champion(store)
    if pointer is not None and pointer.version == version:
        return Promotion(False, version, (ALREADY_LIVE,))
    reviewed = read_decision(version)
    if reviewed is None:
        raise PromotionConflict(
            f"{decision_file(version)} was not merged, so nobody has reviewed {version}; let the workflow `retrain` "
            "judge it in a pull request"
        )
    _require_files(reviewed, hashes_of(challenger), version)
    if not reviewed["promote"] and not (first and reviewed["against"] is None):
        return _reviewed_no(store, reviewed, base=base)
    live = pointer.version if pointer else None
    comparison = compare(store, first=first, base=base)
    if not comparison.verdict.promote:
        moved = "" if reviewed["against"] == live else f", which was {reviewed['against']} at the review"
        raise PromotionConflict(
            f"{version} was reviewed with a yes and does not win against {live}{moved}: "
            f"{'; '.join(comparison.verdict.reasons)}; nothing goes live, judge it again in a pull request"
        )
    return promote(store)


def _reviewed_no(store: ReleaseStore, reviewed: Mapping[str, Any], *, base: str) -> Promotion:
    """Leave what is live, and let the ledger have the look that the review was."""
    comparison = compare(store, base=base)
    if not comparison.verdict.promote:
        return promote(store)
    pointer = store.latest()
    said = f"the verdict that was reviewed is no ({'; '.join(reviewed['reasons'])}), though it would be yes by now"
    return Promotion(False, pointer.version if pointer else None, (f"{said}; judge it again in a pull request",))


def _require_files(reviewed: Mapping[str, Any], found: Mapping[str, str], version: str) -> None:
    """Raise `PromotionConflict` where a file is not the one that was judged."""
    judged = reviewed.get("files", {})
    others = sorted(name for name in judged.keys() | found.keys() if judged.get(name) != found.get(name))
    if others:
        raise PromotionConflict(
            f"{listed(others)} of {version} is not what {decision_file(version)} was reviewed with; let the workflow "
            "`retrain` make and judge it again"
        )
