"""The promoted challenger becomes a release, then the live one; MLflow's alias follows as a mirror."""

from __future__ import annotations

import getpass
from typing import NamedTuple

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import PromotionConflict, SettingsError, TrackingFailed
from mlflow_fraud.core.release.first import require_none_before
from mlflow_fraud.core.release.holds import course_of, in_words
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.pushed import require_published
from mlflow_fraud.operations.release.challenger import build_release, release_version
from mlflow_fraud.operations.release.comparison import read_comparison
from mlflow_fraud.operations.release.store import require_expected_champion, require_lasting_store
from mlflow_fraud.operations.tracking.mirror import require_mlflow
from mlflow_fraud.paths import SHIPPED
from mlflow_fraud.stages.logged import open_tracking, track
from mlflow_fraud.stages.origin import require_traceable
from mlflow_fraud.stages.run import say
from mlflow_fraud.stages.shipped import read_shipped
from mlflow_fraud.wall import stamp


class Promotion(NamedTuple):
    """What came of it: whether the pointer moved, the live version if there is one, and why."""

    moved: bool
    version: str | None
    reasons: tuple[str, ...]


def promote(store: ReleaseStore) -> Promotion:
    """Carry out the verdict in `data/decision/verdict.json`; doing it again changes nothing.

    A no to a change is written into the ledger, since the next one then has to be surer. What was rolled back from
    does not go live, even if a verdict of before says so. Where runs publish, the commit is pushed before.
    Raises `PublicationRefused` where it is not, `PromotionConflict` when the verdict is not about the models, the
    champion and the store of now, or the store has lost what says which one is live, and `SettingsError` where a
    release should be live and none is, or the store is not said where it must be.
    """
    require_lasting_store()
    comparison = read_comparison()
    if comparison.store != str(store):
        raise PromotionConflict(f"the verdict is on what is live in {comparison.store}, not in {store}; compare again")
    challenger = read_shipped()
    version, pointer = release_version(challenger), store.latest()
    live = pointer.version if pointer else None
    if pointer is None:
        require_none_before(store.ledger(), str(store), version)
    if live is None and not comparison.first:
        require_expected_champion(store)
    if live == version:
        return Promotion(False, live, comparison.verdict.reasons)
    hold = course_of(store.ledger(), pointer.record).held.get(version) if pointer else None
    if hold:
        return Promotion(False, live, (in_words(hold, version),))
    if (comparison.challenger.version, comparison.against) != (version, live):
        raise PromotionConflict(
            f"the verdict is on {comparison.challenger.version} against {comparison.against}, but now it would be "
            f"{version} against {live}; compare again"
        )
    who, at, reasons = getpass.getuser(), stamp(), comparison.verdict.reasons
    noted = (f"asked for: {comparison.asked}", *reasons) if comparison.asked else reasons
    if not comparison.verdict.promote:
        if pointer is not None and comparison.verdict.is_a_look:
            store.note(version, who=who, at=at, reasons=noted, live=pointer, judged=comparison.judged)
        return Promotion(False, live, reasons)
    require_published()
    require_mlflow()
    require_traceable(SHIPPED, challenger.trained.lineage)
    logged = track(SHIPPED)
    store.put(build_release(challenger, logged, comparison.verdict))
    store.promote(version, action="promote", who=who, at=at, reasons=noted, expected=pointer, judged=comparison.judged)
    return Promotion(True, version, reasons)


def mirror_champion(store: ReleaseStore) -> str | None:
    """Let MLflow's alias `champion` name the live release's model version; return that version.

    The pointer in the store is the truth: this may be repeated at any time. Where MLflow cannot be used it is said,
    and what is live stays live.
    """
    pointer = store.latest()
    if pointer is None:
        return None
    version = store.fetch(pointer.version).manifest.mlflow_model_version
    try:
        open_tracking(load_environment()).set_alias("champion", version)
    except (TrackingFailed, SettingsError) as error:
        say(f"warning: {pointer.version} is live, but the alias champion is behind ({error}): `mlflow-fraud alias`")
        return None
    return version
