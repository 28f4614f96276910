"""A number of things, in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return the number with the word for one or for many, which is the one with an s where it is not given.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "batch", "batches")
    ('1 row', '1,200 rows', '2 batches')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: list[str], most: int = 3) -> str:
    """Return the first names, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
