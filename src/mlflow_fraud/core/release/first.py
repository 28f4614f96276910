"""The first release, which is asked for: an empty store may as well be the wrong one."""

from __future__ import annotations


def no_champion(store: str) -> str:
    """Return the reason that keeps a challenger out of a store in which nothing is live."""
    return f"there is no champion yet in {store}; a first release needs to be asked for: --first"
