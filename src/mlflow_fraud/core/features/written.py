"""A schema's document as it was written, maybe by an earlier version of the program: is it still what is computed?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mlflow_fraud.core.features.schema import FeatureSchema


def sha256_as_written(document: Mapping[str, Any]) -> str:
    """Return the hash of what a schema's document says, whatever keys there were when it was written.

    Of a document of the present form it is the schema's own hash. Of an earlier one the schema that is read of it has
    another: it says, too, what nobody could ask for then.
    """
    said = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def computed_otherwise(document: Mapping[str, Any], schema: FeatureSchema) -> tuple[str, ...]:
    """Return the features that were computed otherwise when the document was written; `schema` was read of it.

    Scores were exact until labels could be features, too. Since then they are whole thousandths, so that windows can
    add them up. All else is what it was.
    """
    return () if "labels" in document["params"] else tuple(sorted(schema.scores))
