"""What the names in a file's first line are to a contract: missing, there twice, or almost those it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import nearest

SHOWN = 8
"""So many names are shown at most."""


class Header(NamedTuple):
    """What is wrong with a header, and what a person should know of one that is read."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def look_at(names: Sequence[str], contract: Contract) -> Header:
    """Return what the names of a file's columns are to the contract.

    A column without a name is none: tables with an index have one.
    """
    there = Counter(name for name in names if name.strip())
    wanted = [column.source for column in contract.in_files]
    missing = [column.source for column in contract.in_files if not column.optional and column.source not in there]
    if missing:
        return Header((_missing(missing, list(there), wanted, contract),), ())
    twice = [name for name, number in there.items() if number > 1]
    kept_twice = [name for name in twice if name in wanted]
    faults = [
        f"{name} is there {there[name]} times, so it is not certain which is meant; take the others out or rename them"
        for name in kept_twice
    ]
    others = set(there) - {column.source for column in contract.columns}
    alike = _by_letters(others)
    faults += [
        f"{column.source} is not there, but {alike[_letters(column.source)]!r} is; one of the two names has to change"
        for column in contract.in_files
        if column.source not in there and _letters(column.source) in alike
    ]
    warnings = [
        f"the column {name} is there {there[name]} times and not read"
        for name in twice[:SHOWN]
        if name not in kept_twice
    ]
    warnings += [
        f"the column {alike[_letters(name)]!r} is there beside {name!r} and not read"
        for name in wanted
        if name in there and _letters(name) in alike
    ]
    return Header(tuple(faults), tuple(warnings))


def names_doubled(names: Iterable[str]) -> list[str]:
    """Return the names that are there more than once, of columns that have one.

    >>> names_doubled(["", "amount", "fraud", "amount", ""])
    ['amount']
    """
    return [name for name, number in Counter(names).items() if number > 1 and name.strip()]


def is_row(names: Sequence[str]) -> bool:
    """Return whether a first line has values, no names: most of them are numbers.

    >>> is_row(["1", "2020-01-02 03:04:05", "C1", "9.99", "0"]), is_row(["", "id", "V1", "2020"])
    (True, False)
    """
    said = [name for name in names if name.strip()]
    return 2 * sum(not any(letter.isalpha() for letter in name) for name in said) > len(said)


def _missing(missing: list[str], there: list[str], wanted: list[str], contract: Contract) -> str:
    """Return what is missing, each with the name that may be meant.

    Where none of the names is there, the first line may be a row: then nothing of it is shown.
    """
    are = "is" if len(missing) == 1 else "are"
    said = f"{counted(len(missing), 'column')} of the contract {contract.name} {are} missing"
    alike = _by_letters(there)
    if not set(there) & set(wanted) and not any(_letters(name) in alike for name in missing):
        return (
            f"{said}: its first line has none of their names; a file begins with a header line like "
            f"{contract.csv.separator.join(wanted)}"
        )
    return f"{said}: " + "; ".join(f"{name}: {_hint(name, there, alike)}" for name in missing)


def _hint(name: str, there: list[str], alike: dict[str, str]) -> str:
    if _letters(name) in alike:
        return f"there is {alike[_letters(name)]!r}, the contract says {name!r}"
    hint = nearest(name, there)
    return hint if hint.startswith("did you mean") else f"known: {listed(sorted(there), SHOWN)}"


def _by_letters(names: Iterable[str]) -> dict[str, str]:
    return {_letters(name): name for name in sorted(names, reverse=True) if _letters(name)}


def _letters(name: str) -> str:
    """Return the letters and digits of a name, all small: what stays where only form differs.

    >>> _letters(" Trans Num"), _letters("trans_num")
    ('transnum', 'transnum')
    """
    return "".join(letter for letter in name.casefold() if letter.isalnum())
