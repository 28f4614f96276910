"""Every column of a sample as a line of a contract: its role, and what that role needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.contract.column import AT_MOST_ONE, TIMES
from mlflow_fraud.core.contract.contract import BATCH
from mlflow_fraud.core.describing import choosing, names
from mlflow_fraud.core.describing.choosing import Choice
from mlflow_fraud.core.describing.guess import NAMESAKES, PERSONAL, PIECES, SECOND, entity_of, guess
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.moment import pieces_of
from mlflow_fraud.core.describing.times import moments, unix_unit

_DEGREES = {"latitude": 90, "longitude": 180}
_BOUNDS = ("minimum", "maximum")


class Line(NamedTuple):
    """A column as the contract would have it, what the sample shows of it, and why where that is worth a word."""

    source: str
    spec: Mapping[str, str]
    seen: str = ""
    why: str = ""

    @property
    def role(self) -> str:
        """What the column is for."""
        return self.spec["role"]


def lines_of(looks: Sequence[Look], choices: Mapping[str, Choice]) -> list[Line]:
    """Return the columns that have a name, each with a role; who pays stands before who is paid."""
    chosen = {choice.source: (role, choice.spec) for role, choice in choices.items() if choice.source is not None}
    pieces = set(pieces_of(looks)) if choices["event_time"].source is None else set()
    places, entities = _places(looks), _entities(looks, {*chosen, *pieces})
    lines = []
    for look in looks:
        if look.source in chosen:
            role, spec = chosen[look.source]
            lines.append(_line(look, {"role": role, **spec}))
        elif look.source in pieces:
            lines.append(_line(look, {"role": "unused", **_type(look)}, PIECES))
        elif look.source in entities:
            kind = "text" if look.kind == "text" else "integer"
            lines.append(_line(look, {"role": "entity", "type": kind, "entity": entities[look.source]}))
        elif look.source in places:
            lines.append(_line(look, {"role": "location", "type": look.kind, **places[look.source]}))
        elif look.kind == "integer" and names.is_unix(look.source) and unix_unit(look.numbers) == "seconds":
            lines.append(_line(look, {"role": "clock", "type": "integer", "optional": "true"}))
        elif look.source:
            role, why = guess(look)
            lines.append(
                _line(look, {"role": role, **(_type(look) if role != "categorical" else {"type": "text"})}, why)
            )
    return _payer_first(_of_names_of_their_own(_once_each(lines)))


def _once_each(lines: list[Line]) -> list[Line]:
    """Return the lines; of what may be there once, all but the first go."""
    first = {role: next((line for line in lines if line.role == role), None) for role in AT_MOST_ONE}
    return [
        line._replace(
            spec={**line.spec, "role": "personal" if line.role == "birth_date" else "unused"},
            why=PERSONAL if line.role == "birth_date" else SECOND,
        )
        if line.role in first and line is not first[line.role]
        else line
        for line in lines
    ]


def _of_names_of_their_own(lines: list[Line]) -> list[Line]:
    """Return the lines; a number or a category that is called like another column inside the pipeline goes."""
    predictors = ("numeric", "categorical")
    inside = {_inside(line) for line in lines if line.role not in predictors} | {BATCH}
    return [
        line._replace(spec={**line.spec, "role": "unused"}, why=NAMESAKES)
        if line.role in predictors and line.source in inside
        else line
        for line in lines
    ]


def _inside(line: Line) -> str:
    """Return what a column is called inside the pipeline."""
    place = f"{line.spec['place']}_{line.spec['axis']}" if line.role == "location" else ""
    return line.spec.get("entity", "") or place or line.role


def _line(look: Look, spec: Mapping[str, str], why: str = "") -> Line:
    """Return the line with its keys in the order of the language."""
    gaps = {"nullable": "true"} if look.has_gaps and spec["role"] != "clock" else {}
    bounds = {key: value for key, value in spec.items() if key in _BOUNDS}
    rest = {key: value for key, value in spec.items() if key not in _BOUNDS}
    return Line(look.source, {**rest, **gaps, **bounds}, _seen(look, spec), why)


def _type(look: Look) -> dict[str, str]:
    return choosing.read_as(look)[0] if look.kind in TIMES else {"type": look.kind}


def _entities(looks: Sequence[Look], taken: set[str]) -> dict[str, str]:
    """Return the columns that name who pays or is paid, the first of each kind."""
    found: dict[str, str] = {}
    for look in looks:
        entity = entity_of(look)
        if entity and look.source not in taken and entity not in found.values():
            found[look.source] = entity
    return found


def _payer_first(lines: list[Line]) -> list[Line]:
    paid = [line for line in lines if line.role == "entity" and names.is_paid(line.spec["entity"])]
    pays = [line for line in lines if line.role == "entity" and line not in paid]
    if not paid or not pays or lines.index(pays[0]) < lines.index(paid[0]):
        return lines
    rest = [line for line in lines if line is not pays[0]]
    first = rest.index(paid[0])
    return [*rest[:first], pays[0], *rest[first:]]


def _places(looks: Sequence[Look]) -> dict[str, dict[str, str]]:
    """Return the columns of the places of which both halves are there, in degrees."""
    halves: dict[str, dict[str, str]] = {}
    for look, axis in _halves(looks):
        halves.setdefault(names.place_of(look.source), {}).setdefault(axis, look.source)
    places = {place: both for place, both in halves.items() if len(both) == len(_DEGREES)}
    return {
        source: {"place": place or _nameless(places), "axis": axis, "minimum": f"-{most}", "maximum": f"{most}"}
        for place, both in places.items()
        for axis, source in both.items()
        for most in [_DEGREES[axis]]
    }


def _halves(looks: Sequence[Look]) -> Iterator[tuple[Look, str]]:
    for look in looks:
        for axis, pattern in (("latitude", names.LATITUDE), ("longitude", names.LONGITUDE)):
            most = _DEGREES[axis]
            if pattern.match(look.source) and look.is_number and look.numbers.is_between(-most, most).all():
                yield look, axis


def _nameless(places: Mapping[str, object]) -> str:
    return "home" if any(places) else "place"


def _seen(look: Look, spec: Mapping[str, str]) -> str:
    """Return the range of numbers and times, and how many different texts there are."""
    if spec["type"] == "text" or look.kind == "text":
        return f"{look.different} different text{'s' if look.different != 1 else ''}"
    if look.kind in TIMES:
        times = moments(look.there, spec["format"])
        return f"{str(times.min())[:10]} to {str(times.max())[:10]}"
    numbers = look.numbers.to_numpy()
    digits = 15 if look.kind == "integer" else 6
    return f"{numbers.min():.{digits}g} to {numbers.max():.{digits}g}"
