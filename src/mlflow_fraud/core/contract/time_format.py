"""The letters in which a contract says how a time is written, and the one pattern that they mean to every reader.

Libraries read the same letters differently, so none of theirs is used: a format becomes a regular expression with a
group for each part of a moment, which means the same in Python and in Polars.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

MONTHS = tuple("January February March April May June July August September October November December".split())
WEEKDAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What may stand around a value and is no part of it."""


class Part(NamedTuple):
    """What a letter says of a moment, and how that is written; `digits` may be one less between other characters."""

    says: str
    written: str = ""
    digits: int = 0


def _any_case(words: tuple[str, ...]) -> str:
    return "|".join("".join(f"[{c.upper()}{c.lower()}]" for c in word) for word in words)


LETTERS: Mapping[str, Part] = {
    "%Y": Part("year", "[1-9][0-9]{3}"),
    "%y": Part("year_of_century", "[0-9]{2}"),
    "%m": Part("month", digits=2),
    "%b": Part("month_name", _any_case(tuple(month[:3] for month in MONTHS))),
    "%B": Part("month_name", _any_case(MONTHS)),
    "%d": Part("day", digits=2),
    "%a": Part("weekday", _any_case(tuple(day[:3] for day in WEEKDAYS))),
    "%A": Part("weekday", _any_case(WEEKDAYS)),
    "%H": Part("hour", digits=2),
    "%I": Part("hour_of_half", digits=2),
    "%p": Part("half", "[AaPp][Mm]"),
    "%M": Part("minute", digits=2),
    "%S": Part("second", digits=2),
    "%f": Part("fraction", "[0-9]{1,9}"),
    "%.f": Part("fraction"),
    **{f"%{digits}f": Part("fraction", f"[0-9]{{{digits}}}") for digits in (3, 6, 9)},
    **{f"%.{digits}f": Part("fraction", f"[0-9]{{{digits}}}") for digits in (3, 6, 9)},
    "%z": Part("offset", "Z|[+-][0-9]{2}(?::?[0-9]{2})?"),
}
"""Every letter that a format may have, but for the short forms below and `%%`, which is a percent sign."""

SHORT: Mapping[str, str] = {
    "%F": "%Y-%m-%d",
    "%D": "%m/%d/%y",
    "%T": "%H:%M:%S",
    "%R": "%H:%M",
    "%r": "%I:%M:%S %p",
    "%h": "%b",
    "%:z": "%z",
    **{f"%-{letter}": f"%{letter}" for letter in "mdHIMS"},
}
"""Letters that stand for others."""

_INSTEAD: Mapping[str, str] = {
    "%s": '`unit: seconds` and `since: "1970-01-01"` in place of a format say it',
    "%Z": "did you mean %z? A zone's name in the text is written out, as in '%H:%M:%S UTC'",
    "%j": "did you mean %m and %d?",
    "%U": "did you mean %m and %d?",
    "%W": "did you mean %m and %d?",
    "%V": "did you mean %m and %d?",
    "%G": "did you mean %Y?",
    "%C": "did you mean %Y?",
    "%u": "did you mean %a?",
    "%w": "did you mean %a?",
    "%e": "did you mean %d?",
    "%v": "did you mean %d-%b-%Y?",
    "%k": "did you mean %H?",
    "%l": "did you mean %I?",
    "%P": "did you mean %p?",
    "%L": "did you mean %3f?",
    "%N": "did you mean %f?",
    "%x": "did you mean %m/%d/%y?",
    "%X": "did you mean %H:%M:%S?",
    "%c": "did you mean %a %b %d %H:%M:%S %Y?",
    "%+": "did you mean %Y-%m-%dT%H:%M:%S%.f%z?",
    "%n": "write the space itself",
    "%t": "write the space itself",
}
_TOKEN = re.compile(r"%(?:\.?[0-9]*f|[-_0^#:.]*.|$)|[^%]+", re.DOTALL)
_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
_EITHER = (("year", "year_of_century"), ("month", "month_name"), ("hour", "hour_of_half"))
"""Parts of which a moment has one or the other."""


@dataclass(frozen=True)
class TimeFormat:
    """A format as all readers have it: the parts that it says, and the pattern of the whole text.

    The pattern says how many digits a part has; that there is no thirteenth month is the readers' to know.
    """

    parts: frozenset[str]
    pattern: str

    @cached_property
    def reader(self) -> re.Pattern[str]:
        """The pattern, ready for single texts."""
        return re.compile(self.pattern, re.ASCII)

    @property
    def says_a_day(self) -> bool:
        """Whether year, month and day are there."""
        return "day" in self.parts and all(self.parts & set(either) for either in _EITHER[:2])

    @property
    def says_a_time(self) -> bool:
        """Whether the hour is there."""
        return bool(self.parts & {"hour", "hour_of_half"})


@lru_cache(maxsize=256)
def time_format(text: str) -> TimeFormat:
    """Return the format that a text in these letters is; raise `ValueError` with a sentence where it is none.

    >>> time_format("%d.%m.%Y").reader.fullmatch("1.12.2020")["day"]
    '1'
    >>> time_format("%d.%e.%Y")
    Traceback (most recent call last):
    ValueError: %e in '%d.%e.%Y' is no letter of a contract, did you mean %d?
    """
    if text != text.strip(SPACES):
        raise ValueError(f"{text!r} has spaces at an end, which are no part of a value; take them out")
    tokens = list(_tokens(text, whole=text))
    said = [LETTERS[token].says for token in tokens if token in LETTERS]
    _require_sense(text, said)
    pieces = [_piece(place, tokens) for place in range(len(tokens))]
    return TimeFormat(frozenset(said), f"^{''.join(pieces)}$")


def _tokens(text: str, *, whole: str) -> list[str]:
    """Return the letters and the texts between them, short forms written out."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if token in SHORT:
            found += _tokens(SHORT[token], whole=whole)
        elif token in LETTERS or token == "%%" or not token.startswith("%"):
            found.append(token)
        else:
            hint = _INSTEAD.get(token) or f"known: {', '.join([*LETTERS, *SHORT, '%%'])}"
            raise ValueError(f"{token} in {whole!r} is no letter of a contract, {hint}")
    return found


def _require_sense(text: str, said: list[str]) -> None:
    twice = [part for part in said if said.count(part) > 1]
    twice += [one for one, other in _EITHER if one in said and other in said]
    if twice:
        raise ValueError(f"{text!r} says the {twice[0].replace('_', ' ')} twice; keep one of the letters")
    if ("hour_of_half" in said) != ("half" in said):
        raise ValueError(f"{text!r} needs both %I and %p, or %H for the hour of the day")
    for part, needs, letter in (("fraction", "second", "%S"), ("second", "minute", "%M")):
        if part in said and needs not in said:
            raise ValueError(f"{text!r} says a {part} and no {needs}; {letter} is missing")
    if "minute" in said and not {"hour", "hour_of_half"} & set(said):
        raise ValueError(f"{text!r} says a minute and no hour; %H is missing")


def _piece(place: int, tokens: list[str]) -> str:
    token = tokens[place]
    if token not in LETTERS:
        return "".join(f"\\{c}" if c in _SPECIAL else c for c in token.replace("%%", "%"))
    says, written, digits = LETTERS[token]
    if token == "%.f":
        return f"(?:\\.(?P<{says}>[0-9]{{1,9}}))?"
    if digits:
        written = f"[0-9]{{{digits}}}" if _touches_digits(place, tokens) else f"[0-9]{{1,{digits}}}"
    point = r"\." if token.startswith("%.") else ""
    return f"{point}(?P<{says}>{written})"


def _touches_digits(place: int, tokens: list[str]) -> bool:
    """Return whether a number has digits beside it, so that only its full width tells where it ends."""
    before, after = tokens[place - 1] if place else "", tokens[place + 1] if place + 1 < len(tokens) else ""
    return _ends_in_digit(before) or _begins_with_digit(after)


def _ends_in_digit(token: str) -> bool:
    return (token in LETTERS and LETTERS[token].says not in _NAMES) or token[-1:].isdigit()


def _begins_with_digit(token: str) -> bool:
    if token in LETTERS:
        return LETTERS[token].says not in _NAMES and not token.startswith("%.") and token != "%z"
    return token[:1].isdigit()


_NAMES = frozenset({"month_name", "weekday", "half"})
