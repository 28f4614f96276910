"""What a split must hold is asked before any work begins, and what is lacking is said with the way out."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.learnable import require_learnable

BOTH, LEGAL, FRAUD, NONE = (np.array(labels, np.int8) for labels in ([0, 1], [0, 0], [1], []))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        pytest.param(
            {"train": LEGAL}, "train holds no fraud among 2 rows, so nothing can be learned; bring", id="train"
        ),
        pytest.param(
            {"validation": LEGAL},
            "validation holds no fraud among 2 rows, so no threshold can be chosen; make validation_days longer",
            id="validation",
        ),
        pytest.param({"test": LEGAL}, "test holds no fraud among 2 rows, so nothing can be measured; make", id="test"),
        pytest.param({"test": FRAUD}, "test holds nothing but fraud, 1 rows", id="only fraud"),
        pytest.param({"test": NONE}, "test holds no row whose label has arrived", id="no rows"),
    ],
)
def test_a_part_without_both_classes_is_named_with_the_way_out(parts: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DataError, match=said):
        require_learnable({"train": BOTH, "validation": BOTH, "test": BOTH} | parts)


def test_all_parts_that_lack_something_are_named_at_once() -> None:
    with pytest.raises(DataError, match=r"^validation holds .* longer\. test holds "):
        require_learnable({"train": BOTH, "validation": NONE, "test": LEGAL})


def test_parts_with_both_classes_are_enough() -> None:
    require_learnable(dict.fromkeys(("train", "validation", "test"), BOTH))
