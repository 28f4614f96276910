"""What became known of payments after they came: corrections and labels, for the batch engine.

A fact belongs to an instant `at`, and is seen by whoever reads after an instant `seen`: a window `[s, t)` counts it
where `s <= at < t` and `seen < t`. A payment is seen from its own time on, a label from its arrival on. A correction is
a fact of the payment's own time that is seen from after it was observed on.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl


class Later(NamedTuple):
    """Both tables are in the order in which their rows were told; None where there is none.

    `corrections` has `event_id`, `observed`, `reversed` and the contract's kept columns, null where a payment was
    reversed. `labels` has `event_id`, `label` and `arrived`, and takes the place of the transactions' own labels.
    What is about none of the transactions changes nothing.
    """

    corrections: pl.DataFrame | None = None
    labels: pl.DataFrame | None = None
