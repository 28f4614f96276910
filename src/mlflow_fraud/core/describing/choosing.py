"""Which column is the time, the amount, the label or the id of the payment, and what is for a person to decide there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.describing import guess, names
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.numbers import marks_of
from mlflow_fraud.core.describing.times import UNITS, clock_format, epoch_unit, finer_than_milliseconds

MADE_UP_START = "2001-01-01"
"""A Monday, on which nobody takes a count to begin: a start that the file does not name stands in the draft so."""
EPOCH = "1970-01-01"
_DAYS_IN_STEPS, _HOURS_IN_STEPS = 400, 20_000
_SHORTEST, _LONGEST = 3600, 20 * 366 * 86400
"""Seconds that the rows of a file may span, so that a unit is worth a word."""
_SPAN_WORDS = frozenset("month week period".split())
_UNIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "hours"),
    **dict.fromkeys(("day", "days", "month", "week", "period"), "days"),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), "minutes"),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "seconds"),
    **dict.fromkeys(("ms", "millis", "milliseconds"), "milliseconds"),
}


class Choice(NamedTuple):
    """The one column for a role: its spec but for the role; what is left to decide, each with the line that it is of.

    `source` is None where no column will do.
    """

    source: str | None
    spec: Mapping[str, str] = {}
    to_do: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def label(looks: Sequence[Look]) -> Choice:
    """Choose the label: by name among columns of 0 and 1, else of two words for them."""
    named = [(rank, look) for look in looks if (rank := names.label_rank(look.source)) is not None]
    fitting = [(rank, not guess.is_label(look), look) for rank, look in named if _may_be_label(look)]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2])]
    if not found:
        return Choice(None)
    best, spec = found[0], {"type": "integer", "minimum": "0", "maximum": "1"}
    said = _also("label", best, found[1:])
    words = guess.words_of_label(best)
    if words is None:
        return Choice(best.source, spec, said=said)
    none, fraud = (next((v for v in best.there if v.lower() == word), word) for word in words)
    to_do = (
        f"{best.source} says {none} and {fraud}; a label is 0 or 1: write {fraud} as 1 and {none} as 0 in the files",
    )
    return Choice(best.source, spec, to_do, said)


def _may_be_label(look: Look) -> bool:
    return guess.is_label(look) or guess.words_of_label(look) is not None


def amount(looks: Sequence[Look]) -> Choice:
    """Choose the amount: by name among columns of numbers, else of numbers with a currency or the like about them."""
    named = [(rank, look) for look in looks if (rank := names.amount_rank(look.source)) is not None]
    fitting = [(not look.is_number, rank, look) for rank, look in named if look.is_number or marks_of(look.there)]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2])]
    if not found:
        return Choice(None)
    best = found[0]
    said = _also("amount", best, found[1:])
    if not best.is_number:
        marks = marks_of(best.there)
        to_do = f"{best.source} has {marks!r} in or around its numbers; leave that out of the files"
        return Choice(best.source, {"type": "decimal"}, (to_do,), said)
    negative = bool((best.numbers < 0).any())
    return Choice(best.source, {"type": best.kind, **({} if negative else {"minimum": "0"})}, said=said)


def event_id(looks: Sequence[Look]) -> Choice:
    """Choose the id of the payment: by name, and no value twice; else the number of the row stands for it."""
    usable = [look for look in looks if look.kind in ("integer", "text") and look.different == look.rows]
    named = [look for look in usable if names.is_event_id(look.source) and not names.is_row_number(look.source)]
    if named:
        return Choice(named[0].source, {"type": named[0].kind}, said=_also("id of the payment", named[0], named[1:]))
    ids = [look for look in usable if names.is_identifier(look.source) or guess.entity_of(look)]
    others = [look.source for look in ids if look.all_differ and not names.is_row_number(look.source)]
    instead = f", or `role: event_id` for {listed(others)}, whose values all differ in the sample" if others else ""
    to_do = (
        f"no column is the payment's id by its name: the number of its row in the file stands for it{instead}. Rows that "
        "are there twice then stop a batch; `gate: {repeated_rows: {level: warning}}` lets them be two payments"
    )
    return Choice(None, to_do=(to_do,))


def event_time(looks: Sequence[Look]) -> Choice:
    """Choose the time of the payment: a calendar time, else a count, else what a person has to put together first."""
    moments = [look for look in looks if look.kind == "timestamp" and not names.is_birth(look.source)]
    moments = [look for look in moments if not names.is_label_time(look.source)]
    for find in (_calendar, _unix, _in_pieces, _count):
        if found := find(moments if find is _calendar else looks):
            return found
    return Choice(None)


def label_time(looks: Sequence[Look]) -> Choice:
    """Choose the time of the label's arrival among calendar times."""
    named = [look for look in looks if look.kind == "timestamp" and names.is_label_time(look.source)]
    if not named:
        return Choice(None)
    spec, to_do = read_as(named[0])
    return Choice(named[0].source, spec, to_do, _also("arrival of the label", named[0], named[1:]))


def read_as(look: Look) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return type and format of a time or a day, and what is to be decided where other formats read it as well."""
    best = min(look.formats, key=lambda letters: (not _goes_on(look, letters), look.formats.index(letters)))
    zone = {"timezone": "UTC"} if "%z" in best else {}
    others = [f'"{letters}"' for letters in look.formats if letters != best]
    to_do = [f"{look.source} can be read by {listed(others)} as well, in every row of the sample"] if others else []
    return {"type": look.kind, "format": best, **zone}, tuple(to_do)


def _goes_on(look: Look, letters: str) -> bool:
    """Return whether the rows are in time order when read so."""
    moments = look.there.str.to_datetime(letters, strict=False, time_unit="us")
    return bool((moments.diff().dt.total_microseconds().drop_nulls() >= 0).all())


def _calendar(moments: Sequence[Look]) -> Choice | None:
    found = sorted(moments, key=lambda look: names.moment_rank(look.source))
    if not found:
        return None
    spec, to_do = read_as(found[0])
    others = [look for look in found[1:] if names.moment_rank(look.source) < names.ANOTHERS]
    said = list(_also("time of the payment", found[0], others))
    if "timezone" in spec:
        said.append(f"{found[0].source} has offsets: `timezone:` is where its hours and nights count, here UTC")
    return Choice(found[0].source, spec, to_do, tuple(said))


def _unix(looks: Sequence[Look]) -> Choice | None:
    for look in looks:
        if not (look.is_number and names.is_of_time(look.source) and not names.is_birth(look.source)):
            continue
        if unit := epoch_unit(look.numbers):
            said = (f"{look.source} counts {unit} since 1970 by its look, in UTC",)
            return Choice(look.source, _counted(unit, EPOCH), said=said)
        if finer := finer_than_milliseconds(look.numbers):
            to_do = f"{look.source} counts {finer} since 1970; write it in milliseconds in the files"
            return Choice(look.source, _counted("milliseconds", EPOCH), (to_do,))
    return None


def _in_pieces(looks: Sequence[Look]) -> Choice | None:
    """Return what to do where a day has no time of day, or that is in another column; None where no day is there."""
    days = [look for look in looks if look.kind == "date" and not names.is_birth(look.source)]
    days = [look for look in days if names.moment_rank(look.source) < names.ANOTHERS]
    parts = [look for look in looks if set(names.words_of(look.source)) & {"year", "month", "day"} and look.is_whole]
    if not days and {word for part in parts for word in names.words_of(part.source)} < {"year", "month", "day"}:
        return None
    clocks = [look.source for look in looks if look.kind == "text" and clock_format(look.there)]
    clocks += [look.source for look in looks if look.is_whole and names.words_of(look.source) in (("time",), ("hour",))]
    days = sorted(days, key=lambda look: names.moment_rank(look.source))[:1]
    pieces = [look.source for look in days or parts] + clocks[:1]
    if len(pieces) == 1:
        what = f"{pieces[0]} is a day without a time of day; a payment needs one: add `00:00:00` in the files where none is known"
    else:
        what = f"the time of the payment is in {listed(pieces)}: make one column of them in the files"
    return Choice(None, {"type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"}, (what,))


def _count(looks: Sequence[Look]) -> Choice | None:
    ranked = [(names.count_rank(look.source), not look.never_falls, look) for look in looks if look.is_number]
    fitting = [(rank, falls, look) for rank, falls, look in ranked if rank is not None and look.different > 1]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2]) if look.numbers.to_numpy().min() >= 0]
    if not found:
        return None
    look = found[0]
    low, high = look.numbers.to_numpy().min(), look.numbers.to_numpy().max()
    unit = _unit(look.source, float(high))
    counted = (
        f"{look.source} counts from an instant that the file does not name ({low:.12g} to {high:.12g} in the sample)"
    )
    if word := next(iter(_SPAN_WORDS & set(names.words_of(look.source))), ""):
        to_do = (
            f"{counted}, in {word}s, for which a contract has no unit: as days the order is right, every distance too "
            f"short, and all rows of a {word} are of one instant; dates are better"
        )
    else:
        spans = {other: (high - low) * UNITS[other] for other in UNITS}
        likely = [f"{_span(span)} in {other}" for other, span in spans.items() if _SHORTEST < span < _LONGEST]
        to_do = (
            f"{counted}, by its look in {unit}; that is {', '.join(likely) or _span(spans[unit])}. Say the unit, and since "
            "when it counts; a made-up day keeps order and distances, but hours and nights are right only if 0 was a "
            "midnight"
        )
    return Choice(look.source, _counted(unit, MADE_UP_START), (to_do,), _also("time", look, found[1:]))


def _counted(unit: str, since: str) -> dict[str, str]:
    return {"type": "timestamp", "unit": unit, "since": since}


def _unit(name: str, most: float) -> str:
    words = names.words_of(name)
    if said := next((_UNIT_WORDS[word] for word in words if word in _UNIT_WORDS), ""):
        return said
    if "step" not in words and most > 86400:
        return "seconds"
    return "days" if most <= _DAYS_IN_STEPS else "hours" if most <= _HOURS_IN_STEPS else "seconds"


def _span(seconds: float) -> str:
    sizes = (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    word, size = next(((word, size) for word, size in sizes if seconds >= 2 * size), sizes[-1])
    return f"{seconds / size:,.{0 if seconds >= 10 * size else 1}f} {word}"


def _also(what: str, best: Look, others: Iterable[Look]) -> tuple[str, ...]:
    rest = [look.source for look in others]
    return (f"{best.source} is taken for the {what}; by their names {listed(rest)} may be it too",) if rest else ()


def listed(sources: Sequence[str]) -> str:
    """Return names in a sentence, the first of many."""
    shown = [source or '""' for source in sources[:8]]
    more = [f"{len(sources) - 8} more"] if len(sources) > 8 else []
    *most, last = shown + more
    return f"{', '.join(most)} and {last}" if most else last


FIND: Mapping[str, Callable[[Sequence[Look]], Choice]] = {
    "label": label,
    "event_id": event_id,
    "event_time": event_time,
    "label_time": label_time,
    "amount": amount,
}
