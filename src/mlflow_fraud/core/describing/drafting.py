"""A first contract from a sample: types and ranges as found, roles as guessed, for a person to look over."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from mlflow_fraud.core.column import EXACTLY_ONE, TIMES, Role
from mlflow_fraud.core.contract import Csv
from mlflow_fraud.core.describing import choosing, names
from mlflow_fraud.core.describing.choosing import FIND, Choice
from mlflow_fraud.core.describing.guess import LATER, entity_of, guess
from mlflow_fraud.core.describing.looks import Look, look_at
from mlflow_fraud.core.describing.times import epoch_unit

WIDTH = 118
_FIRST_WORDS = "Every role below is a guess: look each over, then delete this line."
ROW_NUMBER = "row_number"
"""What `event_id:` says where no column is the payment's id."""
NEEDED = ("event_time", "amount", "label")
"""Roles without which there is no contract."""
PAID_AT = "paid_at"
"""What a column is called that a person has to make."""

_RANGES = {"label": (0, 1), "latitude": (-90, 90), "longitude": (-180, 180)}
_TOLD = frozenset({"event_time", "label_time", "amount", "numeric", "categorical"})
"""Roles of which a draft says what the sample has; the others' values may point at a person."""
_SILENT = frozenset({"", *EXACTLY_ONE})
_NO_TEXT = frozenset("y n yes no on off true false null".split())
"""Words that YAML takes for something else."""
_CURRENCY_DECIMALS, _MOST_DECIMALS = 2, 4


class Line(NamedTuple):
    """A column as the contract would have it, what the sample shows of it, and why where that is worth a word."""

    source: str
    spec: Mapping[str, str]
    seen: str = ""
    why: str = ""


class ToDo(NamedTuple):
    """What a person has to decide, and the line that it is about, as the draft proposes it."""

    what: str
    proposed: str = ""


def draft(sample: pl.DataFrame, name: str, form: Csv = Csv(), rows: int = 0) -> str:  # noqa: B008 it is frozen
    """Return a contract in YAML for rows like `sample`, whose columns are text, and files that are written like it.

    `rows` is how many there are, of which the sample is. Each role is a guess from name and content, and says so; what
    only a person can decide, and what else fits as well, is named on top, each with the line that is proposed.
    """
    looks = [look_at(_in_points(sample[column], form)) for column in sample.columns]
    choices = {role: find(looks) for role, find in FIND.items()}
    lines = _payer_first([line for line in _lines(looks, choices) if line.source])
    head = {"name": name, **({"event_id": ROW_NUMBER} if choices["event_id"].source is None else {})}
    decimals = _decimals(looks, choices["amount"])
    if decimals not in (0, _CURRENCY_DECIMALS) and decimals <= _MOST_DECIMALS:
        head["currency_decimals"] = str(decimals)
    said = {key: _quoted(value) for key, value in form.model_dump(exclude_defaults=True).items()}
    of = f" of {rows:,}" if rows > len(sample) else ""
    written = [
        *_commented([f"Drafted from {len(sample):,}{of} rows. {_FIRST_WORDS}"]),
        *(text for to_do in _to_dos(looks, choices, lines) for text in _as_comment(to_do)),
        *_commented([f"Chosen: {sentence}." for choice in choices.values() for sentence in choice.said]),
        *_commented(_remarks(looks, choices, lines, decimals)),
        *(f"{key}: {value}" for key, value in head.items()),
        *([f"csv: {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}"] if said else []),
        "",
        "columns:",
        *map(_written, lines),
    ]
    return "\n".join(written) + "\n"


def _in_points(values: pl.Series, form: Csv) -> pl.Series:
    """Return the values with a point for the decimal mark."""
    if form.decimal == ".":
        return values
    return values.str.replace(r"^(\s*[+-]?\d*),(\d+([eE][+-]?\d+)?\s*)$", "${1}.${2}")


def _lines(looks: Sequence[Look], choices: Mapping[str, Choice]) -> Iterator[Line]:
    """Yield the columns with their roles and what these need; nobody's id is there twice."""
    chosen = {choice.source: (role, choice.spec) for role, choice in choices.items() if choice.source is not None}
    entities: set[str] = set()
    places = _places(looks)
    home = "home" if any(places.values()) else "place"
    for look in looks:
        gaps = {"nullable": "true"} if look.has_gaps else {}
        if look.source in chosen:
            role, spec = chosen[look.source]
            first = {"role": role, "type": spec["type"]}
            yield Line(
                look.source,
                {**first, **_but(spec, "minimum", "maximum"), **gaps, **_only(spec, "minimum", "maximum")},
                _seen(look, spec),
            )
        elif (entity := entity_of(look)) and entity not in entities:
            entities.add(entity)
            kind = "text" if look.kind == "text" else "integer"
            yield Line(look.source, {"role": "entity", "type": kind, **gaps, "entity": entity})
        elif look.source in places:
            axis = "latitude" if names.LATITUDE.match(look.source) else "longitude"
            spec = {"place": places[look.source] or home, "axis": axis, **_bounds(axis)}
            yield Line(look.source, {"role": "location", "type": look.kind, **gaps, **spec})
        elif look.kind == "integer" and names.is_unix(look.source) and epoch_unit(look.numbers) == "seconds":
            yield Line(look.source, {"role": "clock", "type": "integer", "optional": "true", **gaps})
        else:
            yield _guessed(look, gaps)


def _guessed(look: Look, gaps: Mapping[str, str]) -> Line:
    role, why = guess(look)
    kind = "text" if role == "categorical" else look.kind
    time = choosing.read_as(look)[0] if look.kind in TIMES else {"type": kind}
    return Line(look.source, {"role": role, **time, **gaps}, _seen(look, time), why)


def _payer_first(lines: list[Line]) -> list[Line]:
    """Return the columns with the one who pays before the one who is paid, as a contract has them."""
    paid = [i for i, line in enumerate(lines) if names.is_paid(line.spec.get("entity", ""))]
    pays = [i for i, line in enumerate(lines) if line.spec["role"] == "entity" and i not in paid]
    if not paid or not pays or pays[0] < paid[0]:
        return lines
    payer = lines[pays[0]]
    rest = [line for line in lines if line is not payer]
    return [*rest[: paid[0]], payer, *rest[paid[0] :]]


def _places(looks: Sequence[Look]) -> dict[str, str]:
    """Return the columns of places that have both halves, with degrees as numbers, and the places' names."""
    halves: dict[str, dict[str, str]] = {}
    for look in looks:
        for axis, pattern in (("latitude", names.LATITUDE), ("longitude", names.LONGITUDE)):
            low, high = _RANGES[axis]
            if pattern.match(look.source) and look.is_number and look.numbers.is_between(low, high).all():
                halves.setdefault(names.place_of(look.source), {}).setdefault(axis, look.source)
    return {source: place for place, both in halves.items() if len(both) == 2 for source in both.values()}


def _to_dos(looks: Sequence[Look], choices: Mapping[str, Choice], lines: Sequence[Line]) -> Iterator[ToDo]:
    for role in NEEDED:
        choice = choices[role]
        if choice.source is None and choice.to_do:
            yield ToDo(choice.to_do[0], _proposed(Line(PAID_AT, {"role": role, **choice.spec})))
        elif choice.source is None:
            yield ToDo(f"no column seems to be the {role}; give one of them `role: {role}`")
    for choice in choices.values():
        if choice.source is not None:
            line = next(line for line in lines if line.source == choice.source)
            yield from (ToDo(what, _proposed(line)) for what in choice.to_do)
    if choices["event_id"].source is None:
        yield ToDo(choices["event_id"].to_do[0], f"event_id: {ROW_NUMBER}")
    for line in lines:
        look = next(look for look in looks if look.source == line.source)
        if line.spec["role"] == "birth_date":
            yield from (ToDo(what, _proposed(line)) for what in choosing.read_as(look)[1])
    if absent := [look for look in looks if look.absent]:
        words = ", ".join(sorted({word for look in absent for word in look.absent}))
        sources = choosing.listed([look.source for look in absent])
        first = next(line for line in lines if line.source == absent[0].source)
        yield ToDo(
            f"{sources} say {words} among numbers where nothing is known; leave that empty in the files",
            _proposed(first),
        )


def _remarks(
    looks: Sequence[Look], choices: Mapping[str, Choice], lines: Sequence[Line], decimals: int
) -> Iterator[str]:
    """Yield a sentence for each reason for which columns have their role, and for what the sample shows besides."""
    roles = {"event_id": "the id", "event_time": "the time", "amount": "the amount", "label": "the label"}
    chosen = [f"{choices[role].source} is {what}" for role, what in roles.items() if choices[role].source is not None]
    if chosen:
        yield f"Chosen: {choosing.listed(chosen)}."
    entities = [line.spec["entity"] for line in lines if line.spec["role"] == "entity"]
    if entities:
        yield f"Chosen: payments are followed by {choosing.listed(entities)}, the first as who pays."
    else:
        yield "Chosen: no column seems to name who pays or is paid; without one nobody's past is followed."
    alone = [
        look.source
        for look in looks
        if look.all_differ and any(line.source == look.source and line.spec["role"] == "entity" for line in lines)
    ]
    if alone:
        yield f"Careful: {choosing.listed(alone)} is never there twice in the sample; there may be no past to follow."
    for why in dict.fromkeys(line.why for line in lines if line.why):
        of_it = [line.source for line in lines if line.why == why]
        yield f"{'Careful' if why == LATER else 'Left out'}: {choosing.listed(of_it)}, {why}."
    if any(look.source == "" for look in looks):
        yield "Left out: the column without a name."
    if decimals > _MOST_DECIMALS:
        yield f"Careful: {choices['amount'].source} has {decimals} decimals; amounts are rounded to {_CURRENCY_DECIMALS}."
    quoted = [
        look.source
        for look in looks
        if look.kind == "text" and len(look.there) and look.there.str.contains("^'.*'$").all()
    ]
    if quoted:
        yield f"Careful: in {choosing.listed(quoted)} the single quotes are part of each value, in a request too."


def _decimals(looks: Sequence[Look], amount: Choice) -> int:
    """Return how many decimals the amounts have at most."""
    look = next((look for look in looks if look.source == amount.source), None)
    if look is None or not look.is_number:
        return 0
    decimals = look.there.str.extract(r"\.(\d*?)0*$").drop_nulls().str.len_chars()
    return int(str(decimals.max() or 0))


def _seen(look: Look, spec: Mapping[str, str]) -> str:
    """Return the range of numbers and times, and how many different texts there are."""
    if spec["type"] == "text" or look.kind == "text":
        return f"{look.different} different texts"
    if look.kind in TIMES:
        moments = look.there.str.to_datetime(spec["format"], time_unit="us")
        return f"{str(moments.min())[:10]} to {str(moments.max())[:10]}"
    numbers = look.numbers.to_numpy()
    return f"{numbers.min():.12g} to {numbers.max():.12g}"


def _bounds(of: str) -> dict[str, str]:
    return dict(zip(("minimum", "maximum"), map(str, _RANGES[of]), strict=True))


def _but(spec: Mapping[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in spec.items() if key not in keys}


def _only(spec: Mapping[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in spec.items() if key in keys}


def _as_comment(to_do: ToDo) -> list[str]:
    return _commented([f"TO DO: {to_do.what}" + (":" if to_do.proposed else ".")]) + (
        [f"#     {to_do.proposed}"] if to_do.proposed else []
    )


def _commented(sentences: Iterable[str]) -> list[str]:
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(
            sentence,
            WIDTH,
            initial_indent="# ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _proposed(line: Line) -> str:
    return _written(line._replace(seen="")).strip()


def _written(line: Line) -> str:
    spec = ", ".join(f"{key}: {_quoted(value)}" for key, value in line.spec.items())
    seen = f"   # {line.seen} in the sample" if line.seen and line.spec["role"] in _TOLD else ""
    return f"  {_quoted(line.source, reserved=_NO_TEXT)}: {{{spec}}}{seen}"


def _quoted(text: str, reserved: frozenset[str] = frozenset()) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*|-?\d+", text) and text.lower() not in reserved:
        return text
    return json.dumps(text, ensure_ascii=False)
