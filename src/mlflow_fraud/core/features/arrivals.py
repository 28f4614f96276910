"""The labels of one entity in the order of their arrival, with running totals, and what silence says."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

from mlflow_fraud.core.features.silence import Silence
from mlflow_fraud.core.features.totals import begun, inserted

FEWEST_DROPPED = 64


class Arrivals:
    """The labels of one entity in the order of their arrival.

    A payment counts at its newest label. So a label that another one of its payment follows is taken back: that is a
    fact of its own arrival `at`, which is seen from after the arrival of the other one on. Where labels are complete
    `silence` is a label that arrives when it is due (`core.labels.silence_speaks`), and is taken back like any other.
    """

    __slots__ = ("frauds", "silence", "taken_back", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.frauds = begun()
        self.taken_back: list[tuple[int, int, int]] = []  # at, seen, label
        self.silence = Silence()

    def learn(self, arrived: int, label: int, others: Sequence[tuple[int, int]], due: int | None) -> None:
        """Take a label of a payment that has `others`, each an arrival and a label, in the order in which they came.

        `due` is when silence about the payment says genuine; None where it says nothing.
        """
        if due is not None:
            others = self._with_silence(arrived, others, due)
        if others:
            self.change(arrived, label, others)
        else:
            self.add(arrived, label)

    def add(self, arrived: int, label: int) -> None:
        """Take a label, in any order."""
        place = bisect_right(self.times, arrived)
        self.times.insert(place, arrived)
        self.frauds = inserted(self.frauds, place, label)

    def change(self, arrived: int, label: int, others: Sequence[tuple[int, int]]) -> None:
        """Take a label of a payment that has others, each an arrival and a label, in the order in which they were told.

        It follows the newest of them that had arrived by then, and the next one follows it.
        """
        self.add(arrived, label)
        in_order = sorted(others, key=lambda other: other[0])
        place = bisect_right([at for at, _ in in_order], arrived)
        before, after = in_order[max(place - 1, 0) : place], in_order[place : place + 1]
        for (at, old), (seen, _) in zip(before, after, strict=False):
            self._give_back(at, seen, old)
        for at, old in before:
            self.take_back(at, arrived, old)
        for seen, _ in after:
            self.take_back(arrived, seen, label)

    def take_back(self, at: int, seen: int, label: int) -> None:
        """Count the label that arrived `at` no more, for whoever reads after `seen`."""
        insort(self.taken_back, (at, seen, label))

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Return how many labels count that arrived in `[start, end)`, and how many of them are of fraud."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        number, frauds = last - first, self.frauds[last] - self.frauds[first]
        if self.silence.due:
            number += self.silence.between(start, end)
        if self.taken_back:
            between = self.taken_back[bisect_left(self.taken_back, (start,)) : bisect_left(self.taken_back, (end,))]
            gone = [label for _, seen, label in between if seen < end]
            return number - len(gone), frauds - sum(gone)
        return number, frauds

    def take(self, at: int, label: int | None, seen: int | None) -> None:
        """Take in again what `told` yields."""
        match label, seen:
            case None, None:
                self.silence.expect(at)
            case None, _:
                self.silence.broke(at)
            case int(), None:
                self.add(at, label)
            case int(), int():
                self.take_back(at, seen, label)

    def told(self) -> Iterator[tuple[int, int | None, int | None]]:
        """Yield each label with its arrival, then those taken back, with the instant from after which that is seen.

        At last silence, which has no label, when it is due; one that a label broke is gone from that instant on.
        """
        for at, before, after in zip(self.times, self.frauds, self.frauds[1:], strict=False):
            yield at, after - before, None
        for at, seen, label in self.taken_back:
            yield at, label, seen
        yield from ((due, None, None) for due in self.silence.due)
        yield from ((due, None, due) for due in self.silence.broken)

    def forget(self, before: int) -> None:
        """Drop what arrived earlier, seldom enough that the cost of a drop does not count."""
        out_of_reach = bisect_left(self.times, before)
        if out_of_reach > FEWEST_DROPPED and out_of_reach > len(self.times) // 2:
            del self.times[:out_of_reach], self.frauds[:out_of_reach]
            del self.taken_back[: bisect_left(self.taken_back, (before,))]
        self.silence.forget(before)

    def _with_silence(self, arrived: int, others: Sequence[tuple[int, int]], due: int) -> Sequence[tuple[int, int]]:
        """Return what was said before a label: silence too where it spoke; a label that is in time for it breaks it."""
        first = min((at for at, _ in others), default=None)
        if first is not None and first <= due:
            return others
        if arrived > due:
            return [(due, 0), *others]
        self.silence.broke(due)
        if first is not None:
            self._give_back(due, first, 0)
        return others

    def _give_back(self, at: int, seen: int, label: int) -> None:
        place = bisect_left(self.taken_back, (at, seen, label))
        if self.taken_back[place : place + 1] == [(at, seen, label)]:  # or else it is forgotten
            del self.taken_back[place]
