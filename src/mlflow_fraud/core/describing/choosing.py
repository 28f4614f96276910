"""Which column is the label, the amount or the id of the payment, and what a person has to decide about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.contract.column import TIMES
from mlflow_fraud.core.describing import guess, names
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.numbers import marks_of
from mlflow_fraud.core.describing.times import clock_format, moments


class Choice(NamedTuple):
    """The one column for a role, and its spec but for the role; None where no column will do.

    `to_do` is what a person has to decide about that line of the contract; `said` is what else might have been chosen.
    """

    source: str | None
    spec: Mapping[str, str] = {}
    to_do: str = ""
    said: tuple[str, ...] = ()


_BARELY_NAMED = 2
"""The rank of names in which there is a word of fraud somewhere."""


def label(looks: Sequence[Look]) -> Choice:
    """Choose the label: by name among columns of 0 and 1, or of two words for them."""
    named = [(rank, look) for look in looks if (rank := names.label_rank(look.source)) is not None]
    fitting = [(rank, not guess.is_label(look), look) for rank, look in named if guess.may_be_label(look)]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2])]
    spec = {"type": "integer", "minimum": "0", "maximum": "1"}
    if not found:
        called_so = [
            look
            for rank, look in named
            if len(look.there)
            and look.kind not in TIMES
            and (rank < _BARELY_NAMED or (look.different == 2 and names.is_known_later(look.source)))
        ]
        what = "{} is called like a label and has {} different values, a label is 0 or 1: write it so in the files"
        return next(
            (Choice(look.source, spec, what.format(look.source, look.different)) for look in called_so), Choice(None)
        )
    best = found[0]
    said = also("label", best, found[1:])
    words = guess.words_of_label(best)
    if words is None:
        return Choice(best.source, spec, said=said)
    none, fraud = (next((value for value in best.there if value.lower() == word), word) for word in words)
    change = (
        f"{best.source} says {none} and {fraud}, a label is 0 or 1: write {fraud} as 1 and {none} as 0 in the files"
    )
    return Choice(best.source, spec, change, said)


def amount(looks: Sequence[Look]) -> Choice:
    """Choose the amount: by name among columns of numbers, else of numbers with a currency or the like about them."""
    named = [(rank, look) for look in looks if (rank := names.amount_rank(look.source)) is not None]
    fitting = [(not look.is_number, rank, look) for rank, look in named if look.is_number or marks_of(look.there)]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2])]
    if not found:
        return Choice(None)
    best, said = found[0], also("amount", found[0], found[1:])
    if not best.is_number:
        marks = marks_of(best.there)
        change = f"{best.source} has {marks!r} in or around its numbers: leave that out of the files"
        if marks == ",":
            change += ", or draft it again with `--decimal ,` if that is the decimal mark"
        return Choice(best.source, {"type": "decimal"}, change, said)
    negative = bool((best.numbers < 0).any())
    return Choice(best.source, {"type": best.kind, **({} if negative else {"minimum": "0"})}, said=said)


def event_id(looks: Sequence[Look]) -> Choice:
    """Choose the id of the payment: by name, and no value twice; else the number of the row stands for it."""
    usable = [look for look in looks if look.kind in ("integer", "text") and look.different == look.rows]
    usable = [look for look in usable if not names.is_row_number(look.source)]
    named = [look for look in usable if names.is_event_id(look.source)]
    if named:
        return Choice(named[0].source, {"type": named[0].kind}, said=also("id", named[0], named[1:]))
    others = [look.source for look in usable if _may_be_id(look)]
    instead = f". {listed(others)} may be it, as its values all differ in the sample" if others else ""
    instead += ": then give it `role: event_id` in place of this line" if others else ""
    return Choice(
        None,
        to_do="no column is the id by its name, so the number of a row in its file stands for it. Rows that are there "
        "twice then stop a batch; `gate: {repeated_rows: {level: warning}}` lets them be two payments" + instead,
    )


def _may_be_id(look: Look) -> bool:
    """Return whether values that all differ may name payments: by name, or by their look where no name denies it."""
    name = look.source
    if names.is_identifier(name) or guess.entity_of(look):
        return True
    told = names.is_measure(name) or names.is_of_time(name) or names.is_personal(name) or names.is_known_later(name)
    if told or look.is_address or not look.all_differ or names.amount_rank(name) is not None:
        return False
    return look.is_whole or (look.looks_like_ids and not marks_of(look.there) and not clock_format(look.there))


def label_time(looks: Sequence[Look]) -> Choice:
    """Choose the time of the label's arrival among calendar times."""
    named = [look for look in looks if look.kind == "timestamp" and names.is_label_time(look.source)]
    if not named:
        return Choice(None)
    return Choice(named[0].source, *read_as(named[0]), also("time of the label's arrival", named[0], named[1:]))


def read_as(look: Look) -> tuple[dict[str, str], str]:
    """Return type and format of a time or a day, and what is to be decided where another format reads it as well.

    Of two the one in which the rows go on in time order is taken, else the more usual one.
    """
    best = min(look.formats, key=lambda letters: (not _goes_on(look, letters), look.formats.index(letters)))
    zone = {"timezone": "UTC"} if "%z" in best else {}
    others = [f'"{letters}"' for letters in look.formats if letters != best]
    to_do = f"every row of {look.source} in the sample can be read by {listed(others)} as well" if others else ""
    return {"type": look.kind, "format": best, **zone}, to_do


def _goes_on(look: Look, letters: str) -> bool:
    between = moments(look.there, letters).diff().drop_nulls()
    return bool((between.dt.total_microseconds() >= 0).all())


def also(what: str, best: Look, others: Iterable[Look]) -> tuple[str, ...]:
    """Return the sentence that other columns might be what one is taken for, if there are any."""
    rest = [look.source for look in others]
    return (f"{best.source} is taken for the {what}, by their names {listed(rest)} may be it too",) if rest else ()


def listed(sources: Sequence[str], shown: int = 12) -> str:
    """Return names in a sentence, the first of many.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], shown=2)
    ('a, b and c', 'a, b and 2 more')
    """
    *most, last = [*sources[:shown], *([f"{len(sources) - shown} more"] if len(sources) > shown else [])]
    return f"{', '.join(most)} and {last}" if most else last
