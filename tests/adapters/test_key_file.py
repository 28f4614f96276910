"""Of a key nothing is kept but its hash, and the file is whole at every moment."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlflow_fraud.adapters.key_file import BYTES, PREFIX, KeyFile, sha256_of
from mlflow_fraud.core.errors import SettingsError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "new" / "keys.json")


def test_a_key_is_in_no_file(file: KeyFile) -> None:
    key = file.add("branch", ["score"], NOW)
    text = file.path.read_text()
    assert key.removeprefix(PREFIX) not in text
    assert [each.sha256 for each in file.read()] == [sha256_of(key)]


def test_a_key_has_256_bits_of_chance(file: KeyFile) -> None:
    keys = {file.add("branch", ["score"], NOW) for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {len(PREFIX) + 43}
    assert BYTES * 8 == 256


def test_nobody_else_may_read_the_file(file: KeyFile) -> None:
    for _ in range(2):
        file.add("branch", ["score"], NOW)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [each.name for each in file.path.parent.iterdir()] == ["keys.json"]


def test_a_client_has_two_keys_until_one_is_taken_by_its_mark(file: KeyFile) -> None:
    old, new = (file.add("branch", ["score"], NOW) for _ in range(2))
    with pytest.raises(SettingsError, match=f"{sha256_of(old)[-4:]}, {sha256_of(new)[-4:]}.*--mark"):
        file.remove("branch")
    file.remove("branch", sha256_of(old)[-4:])
    assert [each.sha256 for each in file.read()] == [sha256_of(new)]
    file.remove("branch")
    assert file.read() == ()
    with pytest.raises(SettingsError, match="holds no key of branch"):
        file.remove("branch")


def test_two_at_once_add_two_keys(file: KeyFile) -> None:
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda number: file.add(f"client-{number}", ["score"], NOW), range(16)))
    assert len(file.read()) == 16


def test_the_stamp_changes_with_each_change_and_not_otherwise(file: KeyFile) -> None:
    stamps = [file.stamp()]
    for _ in range(3):
        file.add("branch", ["score"], NOW)
        stamps.append(file.stamp())
        assert file.stamp() == stamps[-1]
    assert stamps[0] is None
    assert len(set(stamps)) == 4


@pytest.mark.parametrize(
    ("name", "scopes", "message"),
    [
        pytest.param("a b", ["score"], "name: expected a name of at most 40", id="a space"),
        pytest.param("a\n", ["score"], "name: expected a name of at most 40", id="a line end"),
        pytest.param("", ["score"], "name: expected a name of at most 40", id="no name"),
        pytest.param("branch", [], "scopes", id="no scope"),
        pytest.param("branch", ["scores"], "did you mean score", id="no such scope"),
    ],
)
def test_a_wrong_name_or_scope_is_refused_and_makes_no_key(
    file: KeyFile, name: str, scopes: list[str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        file.add(name, scopes, NOW)
    assert file.read() == ()


def test_a_key_ends_when_it_says(file: KeyFile) -> None:
    file.add("branch", ["score"], NOW, NOW + timedelta(days=1))
    (key,) = file.read()
    assert key.holds(NOW)
    assert not key.holds(NOW + timedelta(days=1))


@pytest.mark.parametrize("text", ["", "{", "[]", '"keys"', '{"keys": 3}', '{"key": []}', "\x00"])
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"keys\.json"):
        KeyFile(path).read()


def test_a_key_that_was_pasted_into_the_file_is_in_no_message(file: KeyFile) -> None:
    key = file.add("branch", ["score"], NOW)
    document = json.loads(file.path.read_text())
    document["keys"][0]["sha256"] = key
    file.path.write_text(json.dumps(document))
    with pytest.raises(SettingsError, match="sha256") as caught:
        file.read()
    assert key not in str(caught.value)
