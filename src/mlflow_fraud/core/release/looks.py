"""How often was looked already, and how much the bound widens with it."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from mlflow_fraud.core.release.ledger import Record, in_effect

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
    """Return which look at a change this would be since something last won by proof: 1 for the first.

    `live_record` is the number of the record that put live what is. A look is a contest of a change that was judged on
    rows enough: the same challenger on the same `rows` again is the same look, and has its number again. A refresh
    that went live, and a rollback, begin no new count: neither was a win that the looks before it have paid for. What
    won and was rolled back from was a look like the others, so what is made like it has to be surer.
    """
    proof = proof_of(records, live_record)
    seen = dict.fromkeys(
        (record.to_version, record.judged.rows)
        for record in records
        if record.judged and record.judged.kind == "change"
        if proof is None or record.number > proof.number
    )
    contests = list(seen)
    contest = (challenger, rows)
    return (contests.index(contest) if contest in seen else len(contests)) + 1


def proof_of(records: Sequence[Record], live_record: int) -> Record | None:
    """Return the record that put the anchor live, against which a refresh is also held: the last win by proof.

    The first release is one, too. After a rollback it is the proof of what is live again. A record from before kinds
    were written down was a proof: then every promotion was. What a person put live against a no is none. None where
    nothing is live.
    """
    proofs = dict[str, Record]()
    now: Record | None = None
    for record in in_effect(records, live_record):
        if record.to_version in proofs and record.action != "promote":
            now = proofs[record.to_version]
        elif now is None or (record.action == "promote" and (record.judged is None or record.judged.proven)):
            now = record
        proofs[record.to_version] = now
    return now
