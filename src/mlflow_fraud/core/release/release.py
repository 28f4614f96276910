"""What a release is: a manifest that names every file by its hash, and the checks before it is trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.release.recipe import Recipe
from mlflow_fraud.core.release.twin import Twin
from mlflow_fraud.core.strict import Strict

FORMAT = 6
"""Raised when a reader of the old number could misread the new one.

To raise it: make the number one more, write below what the new one means, keep the old ones in `READABLE`
with a line in `_in_the_present_format`, or take them out so that they are refused, and let a test read each.

1. The model's own scores are the probabilities.
2. `calibration` makes probabilities of the model's scores; threshold and golden scores are calibrated.
3. The output `log_odds` of an ONNX model is what its name says; an older program takes any for probabilities.
4. The model of every candidate is an ONNX file; a booster's own file lies beside it and answers nothing.
   `learned_until` and the chain's scores: on rows that the file has learned it is judged by its chain.
5. The reference that its windows are held against; for an earlier one nothing tells how far they have moved.
6. `silence_days` of its features: silence is a label; an earlier one counts labels that were told, and no others.
   The reasons of its scores, in words; an earlier one gives none.
   `expected_loss`, where each payment is flagged by its amount; an older program takes one threshold for all.
"""

READABLE = (1, 2, 3, 4, 5, 6)

GOLDEN_TOLERANCE = 1e-6
"""Scores of one file differ by rounding between processors; more than this is another model."""

GOLDEN_FILE = "golden.json"
CHAIN_FILE = "chain.parquet"
"""`event_id`, `event_time`, `probability` and `threshold` of the test rows, by models that had not learned them."""
REFERENCE_FILE = "reference.json"
"""What it has learned from, in counts: see `core.watching.reference`."""
REASONS_FILE = "reasons.json"
"""What may be told of why it answers so: see `core.explaining.vocabulary`."""

PROVENANCE = frozenset({"dvc.lock", "params.yaml", CHAIN_FILE, REFERENCE_FILE})
"""Files that say where a release came from, not what it answers: the first ones stay, and no version is of them."""

LARGEST_FILE, LARGEST = 256 * 2**20, 512 * 2**20
"""Bytes of one file of a release, and of all of them."""

UNCALIBRATED = Calibration()


class FileEntry(Strict):
    """One file of a release."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(Strict):
    """Everything that leads from a live model back to where it came from.

    `threshold` is on the probability, which `calibration` makes of the model's score; where `expected_loss` is given it
    is that of a typical fraud alone, and each payment has its own (see `Cutoff`). `data` maps each
    DVC-tracked input to its MD5. `learned_until` is the newest row that the file has learned; with `refit: all`
    `metrics` are those of the chain that was judged, whose scores are in `chain.parquet`, and `twin` says how alike the
    file is to its last link. `recipe` is how it was made: the same one again is a refresh. Releases before format 4 say
    none of these.
    """

    format: int
    version: str
    created: str
    candidate: str
    model_file: str
    threshold: float = Field(ge=0, le=1)
    expected_loss: float | None = Field(default=None, ge=0)
    calibration: Calibration
    feature_schema_sha256: str
    git_sha: str
    data: dict[str, str]
    mlflow_run_id: str
    mlflow_model_version: str
    metrics: dict[str, dict[str, float | None]]
    verdict: tuple[str, ...]
    libraries: dict[str, str]
    files: dict[str, FileEntry]
    recipe: Recipe | None = None
    learned_until: datetime | None = None
    refit: Literal["none", "validation", "all"] | None = None
    twin: Twin | None = None

    @property
    def cutoff(self) -> Cutoff:
        """From which probability on a payment is flagged."""
        return Cutoff(self.threshold, self.expected_loss)

    @model_validator(mode="after")
    def _says_what_its_format_asks(self) -> Self:
        if self.format < 6 and self.expected_loss is not None:
            raise ValueError("an expected loss is of format 6 and later")
        if self.format < 4:
            return self
        if self.learned_until is None or self.learned_until.tzinfo is not None or self.refit is None:
            raise ValueError("from format 4 on it says what it has learned, and until which time without a zone")
        if self.refit == "all" and (self.twin is None or CHAIN_FILE not in self.files):
            raise ValueError(f"what has learned all has a twin check and {CHAIN_FILE}")
        if self.format >= 5 and REFERENCE_FILE not in self.files:
            raise ValueError(f"from format 5 on it has {REFERENCE_FILE}, which its windows are held against")
        if self.format >= 6 and REASONS_FILE not in self.files:
            raise ValueError(f"from format 6 on it has {REASONS_FILE}, which says what its scores are put down to")
        return self


@dataclass(frozen=True)
class Release:
    """A manifest and the files it names."""

    manifest: Manifest
    files: Mapping[str, bytes]


class Golden(Strict):
    """A few rows with the probabilities that the model gave them when it was released; None is missing."""

    rows: tuple[tuple[float | None, ...], ...]
    scores: tuple[float, ...]

    @property
    def matrix(self) -> npt.NDArray[np.float32]:
        """The rows as the model takes them, shape (rows, features)."""
        return np.array(self.rows, dtype=np.float32)


def entry(content: bytes) -> FileEntry:
    """Return the manifest's line for a file's bytes."""
    return FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def version_of(
    candidate: str, files: Mapping[str, bytes], cutoff: float | Cutoff, calibration: Calibration = UNCALIBRATED
) -> str:
    """Return the version: the same model, features, calibration and cutoff are the same release, whenever made.

    A model that needs no calibration has the version that it had in format 1; a number is one threshold for all.

    >>> version_of("xgboost", {"model.ubj": b"trees"}, 0.5)
    'xgboost-a928af5a4ece'
    """
    return _version(candidate, {name: entry(files[name]) for name in files}, cutoff, calibration)


def _version(candidate: str, files: Mapping[str, FileEntry], cutoff: float | Cutoff, calibration: Calibration) -> str:
    threshold, expected_loss = cutoff if isinstance(cutoff, Cutoff) else Cutoff(cutoff)
    digest = hashlib.sha256(repr(threshold).encode())
    if expected_loss is not None:
        digest.update(f"expected loss {expected_loss!r}".encode())
    if calibration != UNCALIBRATED:
        digest.update(calibration.model_dump_json().encode())
    for name in sorted(files.keys() - PROVENANCE):
        digest.update(name.encode() + b"\0" + bytes.fromhex(files[name].sha256))
    return f"{candidate}-{digest.hexdigest()[:12]}"


def to_json(manifest: Manifest) -> bytes:
    """Return the manifest's bytes."""
    return (json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n").encode()


def read_manifest(content: bytes, *, version: str) -> Manifest:
    """Return the manifest of `version`; raise `ReleaseRejected` where it is not one we can trust."""
    try:
        document = json.loads(content)
        found = document.get("format")
        if found not in READABLE:
            known = ", ".join(map(str, READABLE))
            raise ReleaseRejected(
                f"release {version} has format {found}, this program reads {known}; upgrade it or promote again"
            )
        manifest = Manifest.model_validate(_in_the_present_format(document))
    except (ValueError, AttributeError, ValidationError, RecursionError) as error:
        raise ReleaseRejected(f"release {version}: its manifest cannot be read ({error}); promote again") from None
    if manifest.version != version:
        raise ReleaseRejected(f"release {version}: its manifest says {manifest.version}; promote again")
    return manifest


def _in_the_present_format(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a manifest's document with what its format does not say; a format 1 that says it is no format 1."""
    if document["format"] == 1:
        if "calibration" in document:
            raise ValueError("format 1 has no calibration")
        return {**document, "calibration": UNCALIBRATED.model_dump()}
    return document


def check_version(manifest: Manifest) -> None:
    """Raise `ReleaseRejected` unless the version is that of what the manifest names: a version is a content's name."""
    found = _version(manifest.candidate, manifest.files, manifest.cutoff, manifest.calibration)
    if found != manifest.version:
        raise ReleaseRejected(
            f"release {manifest.version} holds what would be {found}: its threshold, calibration or files are others; "
            "promote again"
        )


def check_sizes(manifest: Manifest) -> None:
    """Raise `ReleaseRejected` where the files would be larger than any release; to be called before one is read."""
    sizes = {name: stated.size for name, stated in manifest.files.items()}
    large = ", ".join(name for name, size in sizes.items() if size > LARGEST_FILE) or "none"
    if max(sizes.values(), default=0) > LARGEST_FILE or sum(sizes.values()) > LARGEST:
        raise ReleaseRejected(
            f"release {manifest.version} says its files have {sum(sizes.values()):,} bytes, {large} of them more than "
            f"{LARGEST_FILE:,}; at most {LARGEST:,} are read. Make a smaller model and promote it"
        )


def other_file(manifest: Manifest, name: str, found: str) -> ReleaseRejected:
    """Return the refusal of a file that is not the one that the manifest names; `found` says what it is."""
    stated = manifest.files[name]
    return ReleaseRejected(
        f"release {manifest.version} says {name} has {stated.size} bytes and SHA-256 {stated.sha256}, found {found}. "
        "The upload is incomplete or was altered; promote again"
    )


def check_file(manifest: Manifest, name: str, content: bytes) -> None:
    """Raise `ReleaseRejected` unless `content` is the file that the manifest names.

    To be called before a byte of the file is parsed.
    """
    found = entry(content)
    if found != manifest.files[name]:
        raise other_file(manifest, name, f"{found.size} bytes and {found.sha256}")


def check_golden(manifest: Manifest, golden: Golden, scores: Sequence[float]) -> None:
    """Raise `ReleaseRejected` unless the loaded model scores the golden rows as it did at release."""
    gaps = [abs(stated - found) for stated, found in zip(golden.scores, scores, strict=True)]
    if not gaps or not all(gap <= GOLDEN_TOLERANCE for gap in gaps):  # so that NaN is refused
        raise ReleaseRejected(
            f"release {manifest.version} scores its golden rows off by {gaps}, {GOLDEN_TOLERANCE} is allowed; "
            "the libraries differ too much from those it was made with"
        )
