"""The test files that take longest, longest first, so that of two processes none ends long after the other."""

from __future__ import annotations

from pathlib import PurePath

LONGEST = (
    "e2e/test_workflows.py",
    "e2e/test_worker.py",
    "e2e/test_loop.py",
    "e2e/test_real_layout.py",
    "e2e/test_pages.py",
    "e2e/test_stack.py",
    "e2e/test_own_data.py",
    "e2e/test_public_layouts.py",
    "e2e/test_tracking_away.py",
    "serving/test_replay.py",
    "e2e/test_data.py",
    "e2e/test_monitoring.py",
    "serving/test_life_of_a_service.py",
    "adapters/test_large_feed.py",
    "test_benchmarks.py",
    "e2e/test_collection.py",
    "e2e/test_runbook.py",
    "stages/test_same_bytes.py",
    "e2e/test_scheduled.py",
    "serving/test_restart.py",
    "operations/evaluation/test_tune.py",
    "serving/test_faults.py",
    "e2e/test_secrets.py",
    "operations/monitoring/test_watch.py",
    "operations/publication/test_publish.py",
    "serving/test_swap_under_load.py",
    "adapters/test_mlflow_postgres.py",
    "serving/test_connections.py",
    "adapters/test_dvc_remote.py",
    "operations/publication/test_clone.py",
    "flows/test_temporary_server.py",
    "operations/release/test_killed.py",
    "serving/test_openapi.py",
    "e2e/test_images.py",
    "simulation/test_realism.py",
    "test_selective.py",
    "operations/release/test_rollback.py",
    "operations/collection/test_collect.py",
    "adapters/test_mlflow_tracking.py",
    "serving/test_guarded_process.py",
    "operations/release/test_release.py",
    "core/features/test_features.py",
    "operations/evaluation/test_leakage.py",
    "operations/evaluation/test_evaluate.py",
    "adapters/test_optuna_study.py",
    "core/learning/test_leakage.py",
    "adapters/test_dask_engine.py",
    "core/release/test_guardrails.py",
    "core/learning/test_training.py",
    "core/test_label_clock.py",
    "core/contract/test_time_format.py",
    "stages/test_ship.py",
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
