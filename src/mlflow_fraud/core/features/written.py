"""A schema's document as an earlier version of the program wrote it: is it still what is computed?

Its hash is of the document as it was written (`sha256_of`). The schema that is read of it has another: it says, too,
what nobody could ask for then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow_fraud.core.features.schema import FeatureSchema


def computed_otherwise(document: Mapping[str, Any], schema: FeatureSchema) -> tuple[str, ...]:
    """Return the features that were computed otherwise when the document was written; `schema` was read of it.

    Scores were exact until labels could be features, too. Since then they are whole thousandths, so that windows can
    add them up. All else is what it was.
    """
    return () if "labels" in document["params"] else tuple(sorted(schema.scores))
