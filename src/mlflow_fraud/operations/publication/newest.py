"""A run begins from what everybody has: the other's tree is taken, and what was brought here is laid upon it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlflow_fraud.adapters import dvc_repo, git_branch, git_repo
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.core.contract.collect import collected_days
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.closed import goes_on_from_closed
from mlflow_fraud.operations.publication.request import open_for, require_request, work_branch
from mlflow_fraud.operations.workplace import here
from mlflow_fraud.paths import POINTER, PUBLISHED, RAW
from mlflow_fraud.stages.run import say

PLACES = tuple(place.as_posix() for place in PUBLISHED)


def begin() -> None:
    """Let a run that is to be published go on from what the remote has; at a desk nothing is done.

    What is pinned here and not there stays: it is what the run brings. Raises `SettingsError` where a run could not be
    published, or would take with it what nobody has seen, and `PublicationRefused` where the remote is not reached.
    """
    environment = load_environment()
    if environment.publish == "desk":
        return
    git_branch.require_remote()
    git_branch.require_branch_name(environment.branch)
    if not dvc_repo.has_remote():
        raise SettingsError(
            f"FRAUD_PUBLISH is {environment.publish}, and there is no DVC remote that would take the data; "
            "`mlflow-fraud data remote <url>` names one, or set FRAUD_PUBLISH=desk"
        )
    if environment.publish == "pull-request":
        require_request()
    base = git_branch.fetched(environment.branch)
    asked = _asked_for() if environment.publish == "pull-request" else None
    _require_only_what_runs_bring([each for each in (base, asked) if each])
    if base and _was_refused(base):
        _lay_upon(base, since=git_repo.head())
        say(f"the pull request was closed: going on from {base[:12]}, without what it had")
    if asked and base and not git_branch.is_ancestor(base, asked):
        go_on_from(asked)  # what it brought stays with us when the base, which went on, is taken
    elif asked:
        base = asked
    if base:
        go_on_from(base)


def go_on_from(target: str) -> None:
    """Take the tree of a commit, unless it is in this one's history, and lay upon it what is pinned here alone.

    `dvc.lock` is not merged: it is the other's, and the stages that run next make it anew. A pointer that both have
    changed is the other's, too, and so are days of the record that both have collected, under whatever names: the next
    collection brings what of them the other did not have. Raw files whose pointers the other took out go.
    """
    if git_branch.is_ancestor(target, git_repo.head()):
        if not all(Path(path.removesuffix(POINTER)).exists() for path in pointers()):
            dvc_repo.bring(say)  # a run before this one took the tree, and was stopped before its files were here
        return
    kept = _lay_upon(target, since=git_branch.common(git_repo.head(), target) or target)
    told = f"; laid upon it: {listed([Path(path).name.removesuffix(POINTER) for path in kept])}" if kept else ""
    say(f"going on from {target[:12]}, which is newer than what was here{told}")


def _lay_upon(target: str, *, since: str) -> list[str]:
    """Take the tree of a commit and lay upon it the pointers that changed here `since` another one; return those."""
    before = pointers()
    ours = {path: text for path, text in before.items() if git_branch.content_at(since, path) != text}
    git_branch.take_tree(target)
    kept = [path for path in ours if git_branch.content_at(target, path) == git_branch.content_at(since, path)]
    theirs = [*(pointers().keys() - before.keys()), *(ours.keys() - set(kept))]
    twice = [path for path in kept if is_collected_again(path, theirs)]
    kept = [path for path in kept if path not in twice]
    for path in kept:
        write_text(Path(path), ours[path])
    for path in twice:
        Path(path).unlink(missing_ok=True)
        say(f"{path.removesuffix(POINTER)}: its days are in what the other collected, so this one goes")
    for path in sorted(before.keys() - pointers().keys()):
        Path(path.removesuffix(POINTER)).unlink(missing_ok=True)
    dvc_repo.bring(say)
    return kept


def _was_refused(base: str) -> bool:
    """Return whether a person said no to what is here and not in the base, by closing the pull request."""
    ours = git_repo.head()
    by_request = load_environment().publish == "pull-request"
    return by_request and not git_branch.is_ancestor(ours, base) and goes_on_from_closed(ours)


def is_collected_again(path: str, theirs: Iterable[str]) -> bool:
    """Return whether a pointer is of days of the record that one of the other's pointers is of, too."""
    mine = collected_days(Path(path).name)
    same = (Path(each) for each in theirs if Path(each).parent == Path(path).parent)
    days = (collected_days(each.name) for each in same)
    return mine is not None and any(each is not None and each.meets(mine) for each in days)


def _asked_for() -> str | None:
    """Return the commit that the open pull request is at, None where none is open."""
    return git_branch.fetched(work_branch()) if open_for(work_branch()) else None


def _require_only_what_runs_bring(known: Sequence[str]) -> None:
    """Raise `SettingsError` where a file differs here that no run makes: it would be lost, or pushed unseen.

    Commits in the history of those that are `known` have been seen.
    """
    way = load_environment().publish
    loose = [path for path in git_branch.changed(["."]) if not _is_brought(path)]
    if loose:
        raise SettingsError(
            f"{counted(len(loose), 'file')} changed {here()} and not committed, such as {loose[0]}, and FRAUD_PUBLISH "
            f"is {way}: commit and push, or set FRAUD_PUBLISH=desk"
        )
    unseen = [path for path in git_branch.changed_since(known) if not _is_brought(path)] if known else []
    if unseen:
        raise SettingsError(
            f"commits {here()} that the remote does not have change {listed(unseen[:3])}, and FRAUD_PUBLISH is {way}: "
            "push them first, or set FRAUD_PUBLISH=desk"
        )


def _is_brought(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in PLACES)


def pointers() -> dict[str, str]:
    """Return the text of every pointer of a raw file, by its path."""
    return {path.as_posix(): path.read_text(encoding="utf-8") for path in sorted(RAW.rglob(f"*{POINTER}"))}
