"""The clone of its own in which a worker works: made beside this checkout, and brought up to date before each run."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path

from mlflow_fraud.adapters import dvc_repo, git_branch, git_repo
from mlflow_fraud.adapters.dvc_project import whole_addresses
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.run_lock import one_at_a_time
from mlflow_fraud.core.errors import FraudError, PublicationRefused, SettingsError
from mlflow_fraud.environment import PREFIX, Environment, load_environment
from mlflow_fraud.operations.data.remote import use_remote
from mlflow_fraud.operations.publication.newest import go_on_from
from mlflow_fraud.paths import CLONE, DVC_CACHE, DVC_LOCAL
from mlflow_fraud.stages.before import prepare_environment, tell
from mlflow_fraud.stages.run import say

AS_IT_IS = "--as-it-is"
"""For a run that needs nothing of the clone but its code, and waits for no other."""

_PLACES = ("release_store", "tracking_uri", "artifact_location", "prediction_log", "api_keys", "journal")
_SQLITE = "sqlite:///"


def make_clone(place: Path = CLONE, *, of: str = "", data: str = "") -> Path:
    """Return the worker's clone, whole path, of what this checkout was cloned from; it is made where it is not there.

    It has this one's DVC cache and remote, so no file is fetched or kept twice. `of` is another repository to clone
    and push to, `data` another DVC remote.
    """
    here, clone = Path.cwd(), place.absolute()
    address = of or git_branch.address() or str(here)
    if not (clone / ".git").exists():
        pending = clone.with_name(f"{clone.name}.new")
        shutil.rmtree(pending, ignore_errors=True)
        git_branch.clone(address, pending, load_environment().branch)
        clone.parent.mkdir(parents=True, exist_ok=True)
        pending.rename(clone)
    os.chdir(clone)
    try:
        git_branch.point_to(address)
        keep_files_as(here)
        if data:
            use_remote(data)
        with one_at_a_time(tell=tell):
            dvc_repo.bring(say)
    finally:
        os.chdir(here)
    return clone


def keep_files_as(checkout: Path) -> None:
    """Let the clone entered have the DVC cache and the remote of a checkout on this machine."""
    told = (checkout / DVC_LOCAL).is_file()
    if told:
        write_text(DVC_LOCAL, whole_addresses((checkout / DVC_LOCAL).read_text(encoding="utf-8"), checkout))
    if not told or not dvc_repo.has_own_cache():
        dvc_repo.share_cache(checkout / DVC_CACHE)


def places_from_anywhere(environment: Environment, root: Path) -> dict[str, str]:
    """Return, as variables, the places of `environment` that lie in the folder `root` by whole paths.

    >>> found = places_from_anywhere(Environment(prediction_log="postgresql+psycopg://db/x"), Path("/srv/fraud"))
    >>> found["FRAUD_RELEASE_STORE"], found["FRAUD_TRACKING_URI"], "FRAUD_PREDICTION_LOG" in found
    ('/srv/fraud/.local/releases', 'sqlite:////srv/fraud/.local/mlflow.db', False)
    """
    found = {}
    for name in _PLACES:
        given = str(getattr(environment, name))
        scheme = _SQLITE if given.startswith(_SQLITE) else ""
        if "://" not in given.removeprefix(scheme):
            found[PREFIX + name.upper()] = scheme + str(root / given.removeprefix(scheme))
    return found


def bring_up_to_date() -> None:
    """Let the clone entered have the newest of its branch; what a run left here and nobody has yet stays.

    Where the remote is not reached it stays as it is: a run that publishes says more.
    """
    try:
        newest = git_branch.fetched(load_environment().branch)
    except PublicationRefused as error:
        say(f"warning: {error}; going on from {git_repo.head()[:12]}")
        return
    if newest is None:
        say(f"warning: the git remote has no branch {load_environment().branch}; FRAUD_BRANCH names the one to follow")
    else:
        go_on_from(newest)


def main() -> None:
    """Bring the clone of FRAUD_CLONE up to date and print where it is: Prefect runs this before each flow."""
    try:
        prepare_environment()
        clone = Path(load_environment().clone)
        if not clone.is_absolute() or not (clone / ".git").exists():
            raise SettingsError(
                f"FRAUD_CLONE is {str(clone)!r}, and no clone is there; `make worker` makes one and works in it"
            )
        if AS_IT_IS not in sys.argv[1:]:
            os.chdir(clone)
            with redirect_stdout(sys.stderr), one_at_a_time(tell=tell):
                bring_up_to_date()
    except FraudError as error:
        sys.exit(f"error: {error}")
    say(str(clone))


if __name__ == "__main__":
    main()
