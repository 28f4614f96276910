"""The sums of all merchants, or of all categories, by hops: what windows that move by hops are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from mlflow_fraud.core.features.definitions import THOUSANDTHS, Entities, Statistic, Window
from mlflow_fraud.core.features.event import ALWAYS, Event, Gone, Value
from mlflow_fraud.core.features.instants import MICROSECOND, span_micros
from mlflow_fraud.core.features.plan import LATENESS
from mlflow_fraud.core.features.rounds import Rounds
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.features.statistics import mean, std
from mlflow_fraud.core.features.views import kept_of, looked_at_by, view_of

Numbers = list[Any]
"""Of each view how many there were, their sum and its squares, the smallest and the largest; None for none of these."""

NOTHING = (0, 0, 0, None, None)
WIDTH = len(NOTHING)

SLACK = 2 * LATENESS // MICROSECOND
"""So long before where time has come somebody may still read: one that is a day late, by a clock that is a day off."""


class Sum(NamedTuple):
    """Numbers of a hop; where `seen` is a later hop, a correction's differences, for those who read after that one."""

    hop: int
    seen: int
    numbers: Numbers


class Sums:
    """One entity's numbers by hops, what corrections add later, and what was read last, from which hop."""

    __slots__ = ("found", "hops", "later", "read_from")

    def __init__(self) -> None:
        self.hops: dict[int, Numbers] = {}
        self.later: list[Sum] = []
        self.found: Sequence[Value] = ()
        self.read_from = ALWAYS

    def told(self) -> Iterator[Sum]:
        """Yield all that there is."""
        for hop, numbers in self.hops.items():
            yield Sum(hop, hop, numbers)
        yield from self.later


class HopSums:
    """The sums of all entities of a kind, in hops of one width.

    A hop that no window reaches any more is forgotten, and with the last one its entity.
    """

    def __init__(self, by: Entities, hop: str, windows: Sequence[tuple[int, Window]], schema: FeatureSchema) -> None:
        self.by, self.hop, self.sums = by, hop, dict[Any, Sums]()
        self._rounds = Rounds()
        self.key: Callable[[Mapping[str, Any]], Any] = itemgetter(*by)
        self._width = span_micros(hop)
        kept = kept_of(window for _, window in windows)
        self._views = [(view_of(looked_at, schema), keeps) for looked_at, keeps in kept.items()]
        places = {looked_at: number * WIDTH for number, looked_at in enumerate(kept)}
        self._asked: dict[int, list[tuple[int, int, Callable[[_Columns], Value], bool]]] = {}
        for number, (_, window) in enumerate(windows):
            asked = number, places[looked_at_by(window)], _READ[window.statistic], window.name in schema.in_thousandths
            self._asked.setdefault(span_micros(window.span) // self._width, []).append(asked)
        self._places = [place for place, _ in windows]
        self._longest = max(self._asked)
        self._most = self._longest + SLACK // self._width + 2
        self._nothing = self._worked_out(Sums(), 0)

    def read(self, transaction: Mapping[str, Any], at: int, values: list[Value]) -> None:
        """Fill in the windows that end at the hop of `at`; that is worked out once for an entity and hop."""
        found, sums = self._nothing, self.sums.get(self.key(transaction))
        if sums is not None:
            hop = at // self._width
            if sums.read_from != hop:
                sums.found, sums.read_from = self._worked_out(sums, hop), hop
            found = sums.found
        for place, value in zip(self._places, found, strict=True):
            values[place] = value

    def add(self, event: Event, at: int, reached: int | None) -> None:
        """Add an event to the hop of `at`; `reached` is where time has come."""
        key, hop = self.key(event.row), at // self._width
        sums = self.sums.get(key)
        if sums is None:
            sums = self._made(key)
        numbers = sums.hops.get(hop)
        if numbers is None:
            numbers = sums.hops[hop] = [*NOTHING] * len(self._views)
            if len(sums.hops) > self._most and reached is not None:
                self.forget(sums, reached)
        for number, (view, keeps) in enumerate(self._views):
            value, place = view(event), number * WIDTH
            if value is not None:
                numbers[place] += 1
                numbers[place + 1] += value
                if keeps.squares:
                    numbers[place + 2] += value * value
                if keeps.values:
                    least, largest = numbers[place + 3], numbers[place + 4]
                    numbers[place + 3] = value if least is None or value < least else least
                    numbers[place + 4] = value if largest is None or value > largest else largest
        if hop < sums.read_from:
            sums.read_from = ALWAYS
        if reached is not None:
            self._look(reached)

    def change(self, before: Event, after: Event, at: int, seen: int) -> None:
        """Count an event of the hop of `at` as another one, for those who read after the hop of `seen`.

        Extremes stay as they came.
        """
        hop = at // self._width
        seen = max(hop, seen // self._width)
        for sign, event in ((-1, before), (1, after)):
            if not isinstance(event, Gone):
                self.take(self.key(event.row), Sum(hop, seen, self._signed(event, sign)))

    def take(self, key: Any, told: Sum) -> None:
        """Add numbers to an entity's."""
        sums = self.sums.get(key) or self._made(key)
        sums.read_from = ALWAYS
        if told.seen == told.hop:
            _add(sums, told)
        else:
            sums.later.append(told)

    def reaches(self, at: int, reached: int | None) -> bool:
        """Return whether a window may still reach the hop of `at`."""
        return reached is None or at // self._width >= self._first_reader(reached) - self._longest

    def forget(self, sums: Sums, reached: int) -> None:
        """Drop what no window reaches, and count for good what everybody sees by now."""
        reader = self._first_reader(reached)
        for told in sums.later:
            if told.seen < reader:
                _add(sums, told)
        sums.later = [told for told in sums.later if told.seen >= reader]
        first = reader - self._longest
        sums.hops = {hop: numbers for hop, numbers in sums.hops.items() if hop >= first}
        sums.later = [told for told in sums.later if told.hop >= first]

    def _made(self, key: Any) -> Sums:
        self._rounds.add(key)
        sums = self.sums[key] = Sums()
        return sums

    def _look(self, reached: int) -> None:
        """Look at the next entities of a round, and let go of those whose newest hop no window reaches."""
        due = self._rounds.due(reached)
        reached_by = self._first_reader(reached) - self._longest if due else 0
        for key in due:
            sums = self.sums[key]
            if next(reversed(sums.hops), ALWAYS) < reached_by:
                self.forget(sums, reached)
            if sums.hops or sums.later:
                self._rounds.add(key)
            else:
                del self.sums[key]

    def _first_reader(self, reached: int) -> int:
        """Return the earliest hop that somebody may still read from."""
        return (reached - SLACK) // self._width

    def _signed(self, event: Event, sign: int) -> Numbers:
        numbers: Numbers = []
        for view, _ in self._views:
            value = view(event)
            there = value is not None
            numbers += [sign, sign * value, sign * value * value, None, None] if there else NOTHING
        return numbers

    def _worked_out(self, sums: Sums, hop: int) -> Sequence[Value]:
        """Return the statistics of the windows that end at the hop."""
        found: list[Value] = [None] * len(self._places)
        for span, asked in self._asked.items():
            seen = [numbers for at, numbers in sums.hops.items() if hop - span <= at < hop]
            seen += [told.numbers for told in sums.later if hop - span <= told.hop < hop and told.seen < hop]
            columns = list(zip(*seen, strict=True)) or [()] * (len(self._views) * WIDTH)
            for number, place, read, scaled in asked:
                value = read(columns[place : place + WIDTH])
                found[number] = value / THOUSANDTHS if scaled and value is not None else value
        return tuple(found)


_Columns = Sequence[Sequence[Any]]


def _least(columns: _Columns) -> Value:
    return min((float(value) for value in columns[3] if value is not None), default=None)


def _largest(columns: _Columns) -> Value:
    return max((float(value) for value in columns[4] if value is not None), default=None)


_READ: Mapping[Statistic, Callable[[_Columns], Value]] = {
    "count": lambda columns: float(sum(columns[0])),
    "sum": lambda columns: float(sum(columns[1])),
    "mean": lambda columns: mean(sum(columns[0]), sum(columns[1]), 0, ()),
    "std": lambda columns: std(sum(columns[0]), sum(columns[1]), sum(columns[2]), ()),
    "min": _least,
    "max": _largest,
}


def _add(sums: Sums, told: Sum) -> None:
    """Add numbers to those of their hop; a correction's have no extremes, and a hop's own are taken whole."""
    there = sums.hops.get(told.hop)
    if there is None:
        sums.hops[told.hop] = [*told.numbers]
        return
    for place, number in enumerate(told.numbers):
        if place % WIDTH < WIDTH - 2:
            there[place] += number
