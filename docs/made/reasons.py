"""The table of reasons: what the rule makes of the features of `params.yaml`."""

from __future__ import annotations

from mlflow_fraud.core.explaining.vocabulary import vocabulary_of
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.settings import load_contract, load_params

HEADING = "## The reasons of the shipped features\n"

SENTENCE = """
This table is made by `python -m docs.made` from `params.yaml`; a test keeps it so.

"""


def table() -> str:
    """Return what stands below the heading."""
    params = load_params()
    schema = FeatureSchema(params=params.features, contract=load_contract(params.active.contract), categories={})
    lines = [("code", "English", "French", "features"), ("---",) * 4]
    for code in vocabulary_of(schema).codes:
        lines.append((f"`{code.code}`", code.en, code.fr, ", ".join(f"`{name}`" for name in code.features)))
    return SENTENCE + "".join(f"| {' | '.join(line)} |\n" for line in lines)
