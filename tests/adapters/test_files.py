"""Files are written whole or not at all, and what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.core.errors import DataError


@pytest.mark.parametrize(
    "content",
    ["", "{", "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "\udcff", "[" * 100_000],
    ids=lambda content: repr(content[:9]),
)
def test_a_file_that_is_no_json_is_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "metrics.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(DataError, match=r"metrics\.json is no JSON document .*; `dvc repro` makes it anew"):
        read_json(file)
