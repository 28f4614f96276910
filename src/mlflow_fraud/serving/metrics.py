"""What a service counts and measures of itself, for Prometheus: nothing in it is of a person.

Each application has its own. What is counted on the way of a request has its place looked up beforehand; all else is
read off when it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mlflow_fraud.serving.explaining import Explaining
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.problems import KINDS
from mlflow_fraud.serving.record import Record

MEDIA_TYPE = CONTENT_TYPE_LATEST

SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Bounds of the time that an answer takes."""

PROBABILITIES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Bounds of what is answered: most payments are far below a half."""

VERSIONS = 5
"""So many releases have scores and decisions of their own; of one that went live earlier these are forgotten."""

KEYS = 100
"""So many names of keys are told apart; the refusals of others are those of `others`."""

NO_KEY, OTHERS, ELSEWHERE = "", "others", "other"


class Tally:
    """Counts the answers of one release."""

    __slots__ = ("_flagged", "_observe", "_passed")

    def __init__(self, probability: Histogram, flagged: Counter, passed: Counter) -> None:
        self._observe, self._flagged, self._passed = probability.observe, flagged.inc, passed.inc

    def __call__(self, probability: float, flagged: bool) -> None:
        """Count an answer."""
        self._observe(probability)
        (self._flagged if flagged else self._passed)()


class Metrics:
    """All that `GET /metrics` shows of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "fraud_request_seconds",
            "Time from a request to the end of its answer, by path and class of status",
            ["path", "status"],
            registry=registry,
            buckets=SECONDS,
        )
        self._refused = Counter(
            "fraud_requests_refused",
            "Requests refused or failed, by what their problem is called and the name of the key",
            ["reason", "key"],
            registry=registry,
        )
        self._probability = Histogram(
            "fraud_probability",
            "What payments were answered with, by release",
            ["version"],
            registry=registry,
            buckets=PROBABILITIES,
        )
        self._decisions = Counter(
            "fraud_decisions", "Payments that were flagged or passed, by release", ["version", "decision"],
            registry=registry,
        )  # fmt: skip
        self._degraded = Counter(
            "fraud_degraded_answers",
            "Answers that the record did not have yet, or of the release that answered last before the start",
            ["why"],
            registry=registry,
        )
        self.batch_rows = Counter(
            "fraud_batch_rows", "Rows of batches that were taken to be answered", registry=registry
        )
        self.labels_taken = Counter("fraud_labels_taken", "Labels that were noted", registry=registry)
        self.not_recorded = self._degraded.labels("not_recorded")
        self.from_copy = self._degraded.labels("from_copy")
        self._watched: dict[tuple[str, int], Callable[[float], None]] = {}
        self._versions: dict[str, Tally] = {}
        self._keys: set[str] = set()
        for collect in (ProcessCollector, PlatformCollector, GCCollector):
            collect(registry=registry)

    def watch(self, model: LiveModel, record: Record, explaining: Explaining) -> None:
        """Show what a model, a record and what gives reasons say of themselves, each time it is asked for."""
        self.registry.register(_OfTheService(model, record, explaining))

    def answered(self, path: str, status: int, seconds: float, key: str | None = None) -> None:
        """Count an answer of the application; `path` is the name of one that is stated, or empty."""
        observe = self._watched.get((path, status))
        if observe is None:
            child = self._seconds.labels(path or ELSEWHERE, f"{status // 100}xx")
            observe = self._watched[path, status] = child.observe
        observe(seconds)
        if status >= 400:
            self.refused(KINDS[status].name if status in KINDS else ELSEWHERE, key)

    def refused(self, reason: str, key: str | None = None) -> None:
        """Count a request that got no good answer, or none."""
        name = key or NO_KEY
        if name and name not in self._keys:
            if len(self._keys) >= KEYS:
                name = OTHERS
            self._keys.add(name)
        self._refused.labels(reason, name).inc()

    def of_version(self, version: str) -> Tally:
        """Return what counts the answers of a release."""
        if version not in self._versions:
            decisions = (self._decisions.labels(version, decision) for decision in ("flag", "pass"))
            self._versions[version] = Tally(self._probability.labels(version), *decisions)
            for old in list(self._versions)[:-VERSIONS]:
                del self._versions[old]
                self._probability.remove(old)
                for decision in ("flag", "pass"):
                    self._decisions.remove(old, decision)
        return self._versions[version]

    def shown(self) -> bytes:
        """Return all of it in Prometheus' own form."""
        return generate_latest(_WithoutTimesOfBirth(self.registry))


class _WithoutTimesOfBirth(Collector):
    """A registry without the time at which each counter began: twice as many lines of which nobody reads half."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _Read(NamedTuple):
    """A number that is read off the service: its name, what it is, and the number."""

    name: str
    told: str
    value: float
    counts: bool = False

    def family(self) -> Metric:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        return kind(self.name, self.told, value=self.value)


class _OfTheService(Collector):
    """What the model, the record and what gives reasons say of themselves."""

    def __init__(
        self, model: LiveModel, record: Record, explaining: Explaining, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model, self._record, self._explaining, self._clock = model, record, explaining, clock

    def collect(self) -> Iterator[Metric]:
        for read in self._numbers():
            yield read.family()
        live = self._model.current
        if live:
            manifest = live.manifest
            told = {
                "version": manifest.version,
                "candidate": manifest.candidate,
                "features": manifest.feature_schema_sha256,
            }
            yield InfoMetricFamily("fraud_live_release", "The release that answers", value=told)

    def _numbers(self) -> Iterable[_Read]:
        model, writer, explaining, now = self._model, self._record.writer, self._explaining, self._clock()
        yield _Read("fraud_model_live", "1 where a release answers", bool(model.current))
        yield _Read("fraud_model_from_copy", "1 where it is the copy of what answered last", model.from_copy)
        yield _Read(
            "fraud_pointer_age_seconds", "Seconds since the store last said which release is live", now - model.read_at
        )
        yield _Read(
            "fraud_release_confirmed_age_seconds",
            "Seconds since the store last said that the release which answers is the live one",
            now - model.confirmed_at,
        )
        yield _Read("fraud_reload_trouble", "1 where the newest release does not answer", model.trouble is not None)
        yield _Read("fraud_releases_refused", "Releases that were refused", model.refused, counts=True)
        yield _Read("fraud_unscored", "Payments whose score was no number", model.unscored, counts=True)
        yield _Read("fraud_record_trouble", "1 where the record cannot be written", writer.trouble is not None)
        yield _Read("fraud_record_waiting", "Payments that wait for the record", writer.backlog)
        yield _Read("fraud_record_lost", "Payments that are lost to the record", writer.lost, counts=True)
        yield _Read("fraud_reasons_waiting", "Answers that wait for their reasons", explaining.waiting)
        yield _Read("fraud_reasons_given", "Answers whose reasons were worked out", explaining.given, counts=True)
        yield _Read(
            "fraud_reasons_dropped", "Answers whose reasons had no room to wait", explaining.dropped, counts=True
        )
        yield _Read("fraud_reasons_failed", "Answers whose reasons were no numbers", explaining.failed, counts=True)
