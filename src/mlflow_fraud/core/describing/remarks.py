"""What a draft says on top: what is left to decide, what was chosen and why, and what may mislead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.describing import choosing
from mlflow_fraud.core.describing.choosing import Choice, listed
from mlflow_fraud.core.describing.guess import LATER, MARKED_FEW, is_label
from mlflow_fraud.core.describing.lines import Line
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.moment import MADE

NEEDED = ("event_time", "amount", "label")
"""Roles without which there is no contract."""
ROW_NUMBER = "row_number"
"""What `event_id:` says where no column is the payment's id."""
CURRENCY_DECIMALS, MOST_DECIMALS = 2, 4
PERSONS = frozenset({"card", "account", "customer", "client", "user", "payer"})
"""Entities whose number points at a person."""

_CAREFUL = frozenset({LATER, MARKED_FEW})
_WORDS = {"event_id": "the id", "event_time": "the time", "amount": "the amount", "label": "the label"}
_WORDS |= {"label_time": "the time of the label's arrival"}
_THREE_DIGITS = r"^[+-]?\d{1,3}(\.\d{3})?$"


class ToDo(NamedTuple):
    """What a person has to decide, and the line that it is about, as the draft proposes it."""

    what: str
    proposed: Line | str = ""


def to_dos(looks: Sequence[Look], choices: Mapping[str, Choice], lines: Sequence[Line]) -> Iterator[ToDo]:
    """Yield what is left to decide, what stops a contract first."""
    by_source = {line.source: line for line in lines}
    for role in NEEDED:
        choice = choices[role]
        if choice.source is None and choice.to_do:
            yield ToDo(choice.to_do, Line(MADE, {"role": role, **choice.spec}))
        elif choice.source is None and role == "label":
            yield ToDo(f"no column seems to be the label; {_instead_of_label(looks, choices, by_source)}")
        elif choice.source is None:
            yield ToDo(f"no column seems to be the {role}; give one of them `role: {role}`")
    for choice in choices.values():
        if choice.source is not None and choice.to_do:
            yield ToDo(choice.to_do, by_source[choice.source])
    if choices["event_id"].source is None:
        yield ToDo(choices["event_id"].to_do, f"event_id: {ROW_NUMBER}")
    for look in looks:
        if look.source in by_source and by_source[look.source].role == "birth_date":
            _, to_do = choosing.read_as(look)
            yield from [ToDo(to_do, by_source[look.source])] if to_do else []
    if absent := [look for look in looks if look.absent and look.source in by_source]:
        words = listed(sorted({word for look in absent for word in look.absent}))
        where = listed([look.source for look in absent])
        yield ToDo(
            f"among the numbers of {where} stands {words} for nothing: leave that empty in the files",
            by_source[absent[0].source],
        )


def remarks(looks: Sequence[Look], choices: Mapping[str, Choice], lines: Sequence[Line]) -> Iterator[str]:
    """Yield what was chosen and why, and what may mislead."""
    chosen = [f"{choices[role].source} is {what}" for role, what in _WORDS.items() if choices[role].source is not None]
    if chosen:
        yield f"Chosen: {listed(chosen)}."
    yield from (f"Chosen: {sentence}." for choice in choices.values() for sentence in choice.said)
    yield from _of_entities(looks, lines)
    for why in dict.fromkeys(line.why for line in lines if line.why):
        sources = _all([line.source for line in lines if line.why == why])
        yield f"{'Careful' if why in _CAREFUL else 'Left out'}: {sources}: {why}."
    if any(look.source == "" for look in looks):
        yield "Left out: the column without a name."
    yield from _of_decimals(looks, choices["amount"])
    if quoted := [look.source for look in looks if _is_quoted(look)]:
        yield f"Careful: in {listed(quoted)} the single quotes are part of each value, in a request too."


def _instead_of_label(looks: Sequence[Look], choices: Mapping[str, Choice], lines: Mapping[str, Line]) -> str:
    """Return which columns of two values might be the label, by name, and what to do with one that is in words."""
    taken = {choice.source for choice in choices.values()}
    two = [look for look in looks if look.different == 2 and look.source and look.source not in taken]
    two = [look for look in two if lines[look.source].role != "personal"]
    if not two:
        return "none has two values: put one in the files, with 1 for fraud and 0 for all else"
    numbers = [look.source for look in two if is_label(look)]
    words = [look.source for look in two if not is_label(look)]
    offered = [f"{_all(numbers)} {'has' if len(numbers) == 1 else 'have'} 0 and 1"] if numbers else []
    offered += (
        [f"{_all(words)} {'has' if len(words) == 1 else 'have'} two values that are not 0 and 1"] if words else []
    )
    write = (
        "; where its values are not 0 and 1, write fraud as 1 and the other as 0 in the files first" if words else ""
    )
    give = "`role: label, type: integer, minimum: 0, maximum: 1`"
    return f"{', '.join(offered)}: give {'it' if len(two) == 1 else 'the one that tells fraud'} {give}{write}"


def _all(sources: Sequence[str]) -> str:
    return listed(sources, shown=len(sources))


def decimals_of(looks: Sequence[Look], amount: Choice) -> int:
    """Return how many decimals the amounts have at most."""
    look = next((look for look in looks if look.source == amount.source), None)
    if look is None or not look.is_number:
        return 0
    decimals = look.there.str.extract(r"\.(\d*?)0*$").drop_nulls().str.len_chars()
    return int(str(decimals.max() or 0))


def _of_decimals(looks: Sequence[Look], amount: Choice) -> Iterator[str]:
    decimals = decimals_of(looks, amount)
    if decimals > MOST_DECIMALS:
        yield f"Careful: {amount.source} has {decimals} decimals; amounts are rounded to {CURRENCY_DECIMALS}."
    elif decimals > CURRENCY_DECIMALS:
        thousands = next(look for look in looks if look.source == amount.source).there.str.contains(_THREE_DIGITS).all()
        other = "; if the point stands between thousands, leave it out of the files" if thousands else ""
        yield f"Chosen: {amount.source} has {decimals} decimals, which `currency_decimals` keeps{other}."


def _of_entities(looks: Sequence[Look], lines: Sequence[Line]) -> Iterator[str]:
    entities = {line.source: line.spec["entity"] for line in lines if line.role == "entity"}
    if not entities:
        yield "Chosen: no column seems to name who pays or is paid; so no history is kept."
        return
    who = [f"{entity} ({source})" for source, entity in entities.items()]
    yield f"Chosen: histories are kept of {listed(who)}" + ("; the first pays." if len(who) > 1 else ".")
    if numbers := [look.source for look in looks if entities.get(look.source) in PERSONS and look.is_account_number]:
        yield (
            f"Careful: the values of {listed(numbers)} look like numbers of cards or accounts; `secret: true` in the "
            "line holds them as pseudonyms from the door on, `mlflow-fraud contract key --new` makes the key."
        )
    alone = [look.source for look in looks if look.source in entities and look.all_differ]
    others = [entity for source, entity in entities.items() if source not in alone]
    if alone:
        instead = f"; with `role: unused` in its place {others[0]} comes first" if others else ""
        yield f"Careful: no value of {listed(alone)} is there twice in the sample, it may have no past{instead}."


def _is_quoted(look: Look) -> bool:
    return look.kind == "text" and not look.there.is_empty() and bool(look.there.str.contains("^'.*'$").all())
