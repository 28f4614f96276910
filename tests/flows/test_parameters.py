"""What a deployment hands to a flow is read as the flow's own types."""

from __future__ import annotations

from datetime import datetime

from flows.collection import collection
from flows.monitoring import monitoring
from flows.retraining import retraining
from flows.validation import validation


def test_an_instant_that_a_deployment_writes_as_text_is_read_as_one() -> None:
    for flow in (collection, validation, retraining, monitoring):
        needed = {"windows": []} if flow is monitoring else {}
        given = flow.validate_parameters({**needed, "as_of": "2020-12-31T00:00:00"})
        assert given["as_of"] == datetime(2020, 12, 31)
