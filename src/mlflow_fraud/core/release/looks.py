"""How often was looked already, and how much the bound widens with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from mlflow_fraud.core.release.ledger import VERDICT, Record, in_effect

FIRST_SHARE = 6 / pi**2
"""The first look's share of what may be spent; all looks together have one."""


def alpha_at(look: int, alpha: float) -> float:
    """Return with which probability the look may be wrong, so that all there will ever be are with `alpha` together.

    A share of 6 / (pi k)^2 for look k: these add up to one (Euler's sum of inverse squares), so by Boole's inequality
    it does not matter how the looks hang together, nor how many there will be. It is alpha spending (Lan and DeMets,
    1983) without a planned end, as in Foster and Stine's alpha investing (2008) without its returns.

    >>> [round(alpha_at(look, 0.025), 5) for look in (1, 2, 3, 100)]
    [0.0152, 0.0038, 0.00169, 0.0]
    """
    return alpha * FIRST_SHARE / look**2


def look_number(records: Sequence[Record], live_record: int, *, challenger: str, rows: str) -> int:
    """Return which look at a change this would be since something was last put live: 1 for the first.

    `live_record` is the number of the record that put it live. A look is a contest of a change that was judged on
    rows enough: the same challenger on the same `rows` again is the same look, and has its number again.
    """
    seen = dict.fromkeys(
        (record.to_version, record.judged.rows)
        for record in records
        if record.action == VERDICT and record.number > live_record and record.judged and record.judged.kind == "change"
    )
    contests = list(seen)
    contest = (challenger, rows)
    return (contests.index(contest) if contest in seen else len(contests)) + 1


def anchor_of(records: Sequence[Record], live_record: int) -> str | None:
    """Return the version that a refresh is also held against: the last that won by proof, or was the first.

    After a rollback it is the anchor of what is live again. A record from before kinds were written down was a proof:
    then every promotion was. What a person put live against a no is no anchor. None where nothing is live.
    """
    anchors = dict[str, str]()
    now: str | None = None
    for record in in_effect(records, live_record):
        if record.to_version in anchors and record.action != "promote":
            now = anchors[record.to_version]
        elif now is None or record.judged is None or record.judged.proven:
            now = record.to_version if record.action == "promote" or now is None else now
        anchors[record.to_version] = now
    return now
