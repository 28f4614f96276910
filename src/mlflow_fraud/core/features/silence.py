"""What silence says of one entity's payments, in the order in which it falls due."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort

FEWEST_DROPPED = 64


class Silence:
    """When silence about each payment is due to say genuine, less where a label had arrived by then.

    Both are kept as sorted instants, and neither is looked up in the other: so payments and their labels may come in
    any order, and what is not due yet lies there without being seen. Two numbers of eight bytes a payment at most.
    """

    __slots__ = ("broken", "due")

    def __init__(self) -> None:
        self.due = array("q")
        self.broken = array("q")

    def expect(self, due: int) -> None:
        """Take in a payment, in any order, of which silence says genuine at `due`."""
        insort(self.due, due)

    def broke(self, due: int) -> None:
        """Take in that a label of a payment arrives by the instant at which silence would have been due."""
        insort(self.broken, due)

    def between(self, start: int, end: int) -> int:
        """Return of how many payments silence has said genuine in `[start, end)`."""
        due, broken = self.due, self.broken
        said = bisect_left(due, end) - bisect_left(due, start)
        return said - (bisect_left(broken, end) - bisect_left(broken, start)) if broken else said

    def forget(self, before: int) -> None:
        """Drop what was due earlier, seldom enough that the cost of a drop does not count."""
        out_of_reach = bisect_left(self.due, before)
        if out_of_reach > FEWEST_DROPPED and out_of_reach > len(self.due) // 2:
            del self.due[:out_of_reach], self.broken[: bisect_left(self.broken, before)]
