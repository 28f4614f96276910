"""Which keys are valid now, while the file changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlflow_fraud.adapters.key_file import ApiKey, KeyFile, sha256_of
from mlflow_fraud.serving import keyring as module
from mlflow_fraud.serving.keyring import LONGEST, Keyring

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Time:
    """Seconds that go by when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def ring(file: KeyFile, time: Time) -> Keyring:
    return Keyring(file, clock=time, now=time.now)


def later(keyring: Keyring, time: Time) -> None:
    time.seconds += 2
    keyring.look()


def named(found: ApiKey | None) -> str | None:
    return found.name if found else None


def test_two_keys_of_a_client_are_valid_at_once_and_a_removed_one_soon_no_more(file: KeyFile, time: Time) -> None:
    old = file.add("branch", ["score"], NOW)
    keyring = ring(file, time)
    new = file.add("branch", ["score"], NOW)
    assert named(keyring.find(new.encode())) is None
    later(keyring, time)
    assert [named(keyring.find(key.encode())) for key in (old, new)] == ["branch", "branch"]
    file.remove("branch", sha256_of(old)[-4:])
    later(keyring, time)
    assert [named(keyring.find(key.encode())) for key in (old, new)] == [None, "branch"]


def test_the_file_is_not_looked_at_for_each_request(file: KeyFile, time: Time) -> None:
    keyring = ring(file, time)
    file.add("branch", ["score"], NOW)
    time.seconds = 0.9
    keyring.look()
    assert not keyring.asked_for


def test_a_key_is_valid_until_its_end(file: KeyFile, time: Time) -> None:
    key = file.add("branch", ["score"], NOW, NOW + timedelta(seconds=10))
    keyring = ring(file, time)
    assert keyring.anyone()
    assert keyring.find(key.encode())
    time.seconds = 10
    assert keyring.find(key.encode()) is None
    assert not keyring.anyone()


def test_what_is_no_key_finds_none(file: KeyFile, time: Time) -> None:
    key = file.add("branch", ["score"], NOW).encode()
    keyring = ring(file, time)
    for other in (b"", key[:-1], key + b"x", key.upper(), sha256_of(key).encode(), b"\xff" * 43, key * LONGEST):
        assert keyring.find(other) is None


def test_a_first_key_begins_to_be_asked_for_and_is_asked_for_to_the_end(file: KeyFile, time: Time) -> None:
    keyring = ring(file, time)
    assert not keyring.asked_for
    key = file.add("branch", ["score"], NOW)
    later(keyring, time)
    assert keyring.asked_for
    file.path.unlink()
    later(keyring, time)
    assert keyring.asked_for
    assert keyring.find(key.encode()) is None


def test_a_file_that_cannot_be_read_leaves_the_keys_and_is_an_error_in_the_log(
    file: KeyFile, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    key = file.add("branch", ["score"], NOW)
    keyring = ring(file, time)
    file.path.write_text("{")
    later(keyring, time)
    assert named(keyring.find(key.encode())) == "branch"
    assert "kept the keys that there were" in caplog.text


def test_a_key_is_compared_with_each_in_constant_time(
    file: KeyFile, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [file.add(f"client-{number}", ["score"], NOW) for number in range(5)]
    keyring, compared = ring(file, time), list[bytes]()

    class Hmac:
        @staticmethod
        def compare_digest(a: bytes, b: bytes) -> bool:
            compared.append(a)
            return a == b

    monkeypatch.setattr(module, "hmac", Hmac)
    for key in (keys[0], keys[4], "none"):
        compared.clear()
        keyring.find(key.encode())
        assert len(compared) == 5
