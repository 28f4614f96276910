"""What a person reads of long work: how much, of how much, and for how long yet."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.progress import Step, sentence


@pytest.mark.parametrize(
    ("step", "elapsed", "said"),
    [
        pytest.param(Step("forest", 1, 60, "trees"), 4.0, "forest: 1 of 60 trees, about 4 min left", id="begun"),
        pytest.param(Step("forest", 59, 60, "trees"), 236.0, "forest: 59 of 60 trees, about 4 s left", id="nearly"),
        pytest.param(Step("forest", 60, 60, "trees"), 240.0, "forest: 60 of 60 trees in 4 min", id="done"),
        pytest.param(Step("forest", 1, 1, "trees"), 3.2, "forest: 1 of 1 tree in 3 s", id="only one"),
        pytest.param(Step("a", 0, 9, "trees"), 3.2, "a: 0 of 9 trees in 3 s", id="nothing yet"),
        pytest.param(Step("logistic", 1, None, "steps"), 7.0, "logistic: 1 step in 7 s", id="one of unknown"),
        pytest.param(
            Step("a", 500, 1000, "draws", "AP .8"), 7200.0, "a: 500 of 1,000 draws, AP .8, about 2.0 h left", id="h"
        ),
    ],
)
def test_a_step_is_one_sentence(step: Step, elapsed: float, said: str) -> None:
    assert sentence(step, elapsed) == said


def test_what_was_done_before_is_no_measure_of_the_pace() -> None:
    assert sentence(Step("study", 30, 40, "trials"), 100.0, start=20) == "study: 30 of 40 trials, about 2 min left"
