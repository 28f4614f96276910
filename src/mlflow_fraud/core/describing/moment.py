"""Which column says when a payment was made: a calendar time, a count, or pieces that a person has to put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlflow_fraud.core.describing import names
from mlflow_fraud.core.describing.choosing import Choice, also, listed, read_as
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.times import (
    UNITS,
    clock_format,
    finer_than_milliseconds,
    is_spreadsheet_date,
    unix_unit,
)

MADE_UP_START = "2001-01-01"
"""A Monday that stands for the start of a count where the file does not name it."""
UNIX_START, SPREADSHEET_START = "1970-01-01", "1899-12-30"
MADE = "paid_at"
"""What a column is called that a person has to make."""

_DAYS_IN_STEPS, _HOURS_IN_STEPS = 400, 20_000
_SHORTEST, _LONGEST = 86400, 20 * 366 * 86400
"""Seconds that the rows of a file may span, so that a unit is worth a word."""
_SPANS = frozenset("month week period".split())
_UNITS: Mapping[str, str] = {
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "hours"),
    **dict.fromkeys(("day", "days", "month", "week", "period"), "days"),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), "minutes"),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "seconds"),
    **dict.fromkeys(("ms", "millis", "milliseconds"), "milliseconds"),
}
_OF_A_DATE = frozenset({"year", "month", "day"})


def event_time(looks: Sequence[Look]) -> Choice:
    """Choose the time of the payment; what cannot be said of a column as it is goes into `to_do`."""
    for find in (_calendar, _unix, _in_pieces, _count):
        if found := find(looks):
            return found
    return Choice(None)


def pieces_of(looks: Sequence[Look]) -> list[str]:
    """Return the columns that say the day and the time of day of a payment between them."""
    days = [look for look in looks if look.kind == "date" and not names.is_birth(look.source)]
    days = [look for look in days if names.moment_rank(look.source) < names.ANOTHERS]
    days = sorted(days, key=lambda look: names.moment_rank(look.source))[:1]
    parts = [look for look in looks if look.is_whole and _OF_A_DATE & set(names.words_of(look.source))]
    if not days and {word for part in parts for word in names.words_of(part.source)} & _OF_A_DATE != _OF_A_DATE:
        return []
    clocks = [look.source for look in looks if look.kind == "text" and clock_format(look.there)]
    clocks += [look.source for look in looks if look.is_whole and names.words_of(look.source) in (("time",), ("hour",))]
    return [*(look.source for look in days or parts), *clocks[:1]]


def _calendar(looks: Sequence[Look]) -> Choice | None:
    times = [look for look in looks if look.kind == "timestamp" and not names.is_birth(look.source)]
    found = [look for look in times if not names.is_label_time(look.source)]
    if not found:
        return None
    best, *rest = sorted(found, key=lambda look: names.moment_rank(look.source))
    spec, to_do = read_as(best)
    said = also("time", best, [look for look in rest if names.moment_rank(look.source) < names.ANOTHERS])
    if "timezone" in spec:
        said += (f"{best.source} has offsets from UTC; `timezone:` is where its hours and nights count, here UTC",)
    return Choice(best.source, spec, to_do, said)


def _unix(looks: Sequence[Look]) -> Choice | None:
    for look in looks:
        if not look.is_number or not names.is_of_time(look.source) or names.is_birth(look.source):
            continue
        if unit := unix_unit(look.numbers):
            said = (
                f"{look.source} counts {unit} since 1970, so its hours and nights are those of UTC; with `since: "
                '"1970-01-01T00:00:00Z"` and a `timezone:` they are those of a place'
            )
            return Choice(look.source, _counted(unit, UNIX_START), said=(said,))
        if is_spreadsheet_date(look.numbers):
            said = f"{look.source} counts days since {SPREADSHEET_START} by its look, as spreadsheets do"
            return Choice(look.source, _counted("days", SPREADSHEET_START), said=(said,))
        if finer := finer_than_milliseconds(look.numbers):
            to_do = (
                f"{look.source} counts {finer} since 1970: write milliseconds, with decimals if need be, in the files"
            )
            return Choice(look.source, _counted("milliseconds", UNIX_START), to_do)
    return None


def _in_pieces(looks: Sequence[Look]) -> Choice | None:
    pieces = pieces_of(looks)
    if not pieces:
        return None
    to_do = f"when a payment was made is in {listed(pieces)}: make one column of them in the files"
    if len(pieces) == 1:
        to_do = (
            f"{pieces[0]} is a day without a time of day, which a payment needs: make a column with one in the files"
        )
    return Choice(None, {"type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"}, to_do)


def _count(looks: Sequence[Look]) -> Choice | None:
    ranked = [(names.count_rank(look.source), not look.never_falls, look) for look in looks if look.is_number]
    fitting = [(rank, falls, look) for rank, falls, look in ranked if rank is not None and look.different > 1]
    found = [look for *_, look in sorted(fitting, key=lambda each: each[:2]) if look.numbers.to_numpy().min() >= 0]
    if not found:
        return None
    unit = _unit(found[0])
    return Choice(
        found[0].source, _counted(unit, MADE_UP_START), _about(found[0], unit), also("time", found[0], found[1:])
    )


def _about(look: Look, unit: str) -> str:
    low, high = (float(bound) for bound in (look.numbers.to_numpy().min(), look.numbers.to_numpy().max()))
    counts = (
        f"{look.source} counts from an instant that the file does not name ({low:.15g} to {high:.15g} in the sample)"
    )
    if span := next(iter(_SPANS & set(names.words_of(look.source))), ""):
        return (
            f"{counts}, in {span}s, for which a contract has no unit: as days the order is right, every distance too "
            f"short, and all rows of a {span} are of one instant. A column with dates would be better"
        )
    lasts = {other: (high - low) * each for other, each in UNITS.items()}
    likely = [f"{_span(lasted)} in {other}" for other, lasted in lasts.items() if _SHORTEST < lasted < _LONGEST]
    return (
        f"{counts}, by its look in {unit}; that is {', '.join(likely) or _span(lasts[unit])}. Say the unit, and since "
        "when it counts; a made-up day keeps order and distances, but hours and nights are right only if 0 was midnight"
    )


def _counted(unit: str, since: str) -> dict[str, str]:
    return {"type": "timestamp", "unit": unit, "since": since}


def _unit(look: Look) -> str:
    words, most = names.words_of(look.source), look.numbers.to_numpy().max()
    if said := next((_UNITS[word] for word in words if word in _UNITS), ""):
        return said
    if "step" not in words and most > UNITS["days"]:
        return "seconds"
    return "days" if most <= _DAYS_IN_STEPS else "hours" if most <= _HOURS_IN_STEPS else "seconds"


def _span(seconds: float) -> str:
    """Return how long it is, in the largest unit of which there are two.

    >>> _span(172_748), _span(7.46 * 86400)
    ('48 hours', '7.5 days')
    """
    sizes = (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    word, size = next(((word, size) for word, size in sizes if seconds >= 2 * size), sizes[-1])
    return f"{seconds / size:,.{0 if seconds >= 10 * size else 1}f} {word}"
