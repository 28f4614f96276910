"""The live release and the record of what it answered that monitoring is tried on."""

from __future__ import annotations

from tests.operations.monitoring.conftest import served, watched_workspace

__all__ = ["served", "watched_workspace"]
