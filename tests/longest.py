"""The test files that take longest, longest first, so that of two processes none ends long after the other."""

from __future__ import annotations

from pathlib import PurePath

LONGEST = (
    "e2e/test_worker.py",
    "e2e/test_workflows.py",
    "e2e/test_real_layout.py",
    "e2e/test_stack.py",
    "e2e/test_loop.py",
    "e2e/test_pages.py",
    "e2e/test_own_data.py",
    "serving/test_replay.py",
    "serving/test_life_of_a_service.py",
    "e2e/test_secrets.py",
    "e2e/test_runbook.py",
    "e2e/test_monitoring.py",
    "e2e/test_data.py",
    "e2e/test_public_layouts.py",
    "e2e/test_tracking_away.py",
    "stages/test_same_bytes.py",
    "serving/test_faults.py",
    "serving/test_restart.py",
    "serving/test_swap_under_load.py",
    "operations/monitoring/test_watch.py",
    "operations/release/test_release.py",
    "core/features/test_features.py",
    "operations/evaluation/test_tune.py",
    "operations/evaluation/test_leakage.py",
    "operations/evaluation/test_evaluate.py",
    "adapters/test_optuna_study.py",
    "operations/publication/test_publish.py",
    "core/learning/test_leakage.py",
    "adapters/test_dask_engine.py",
    "core/release/test_guardrails.py",
    "core/learning/test_training.py",
    "core/test_label_clock.py",
    "core/contract/test_time_format.py",
    "stages/test_ship.py",
    "adapters/test_dvc_remote.py",
)
"""Below `tests`, by `--durations`."""

_RANK = {name: place for place, name in enumerate(LONGEST)}


def rank(file: PurePath, tests: PurePath) -> int:
    """Return a file's place among all.

    >>> tests = PurePath("/a/tests")
    >>> rank(tests / "e2e/test_loop.py", tests) < rank(tests / "test_docs.py", tests)
    True
    """
    return _RANK.get(file.relative_to(tests).as_posix() if file.is_relative_to(tests) else "", len(LONGEST))
