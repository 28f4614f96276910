"""A pseudonym is one for one number, key and entity, is never made of another, and tells neither number nor key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.contract.contract import read_contract
from mlflow_fraud.core.contract.pseudonym import PSEUDONYM, Pseudonyms, is_pseudonym
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of, read_key
from mlflow_fraud.core.errors import SettingsError
from tests.conftest import ROOT
from tests.secret_contract import CHECK, KEY, OTHER_KEY, secret_contract, secret_document

CARDS = read_key(KEY).pseudonyms("card")
plain = st.one_of(st.integers(-(2**63), 2**63 - 1).map(str), st.text(min_size=1)).filter(
    lambda text: not text.startswith("pn1-") and text.isprintable()
)


@given(plain, plain)
def test_equal_values_have_one_pseudonym_and_different_ones_two(one: str, other: str) -> None:
    assert (CARDS.of(one) == read_key(KEY).pseudonyms("card").of(other)) == (one == other)
    assert is_pseudonym(CARDS.of(one))
    assert re.search(PSEUDONYM, CARDS.of(one))


@given(plain)
def test_a_pseudonym_is_never_made_of_a_pseudonym(value: str) -> None:
    assert CARDS.of(CARDS.of(value)) == CARDS.of(value)


@given(plain)
def test_a_card_and_an_account_of_one_number_differ_and_neither_takes_the_others_pseudonym(value: str) -> None:
    accounts = read_key(KEY).pseudonyms("account")
    assert accounts.of(value) != CARDS.of(value)
    with pytest.raises(ValueError, match="expected a plain value or a pseudonym of this key and column"):
        accounts.of(CARDS.of(value))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text[:-1], id="cut off"),
        pytest.param(lambda text: text[:50], id="cut off by a short column"),
        pytest.param(lambda text: text + "0", id="too long"),
        pytest.param(lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"), id="another mark"),
        pytest.param(lambda text: text[:10] + ("0" if text[10] != "0" else "1") + text[11:], id="another digest"),
        pytest.param(lambda text: "pn1-" + text[4:].upper(), id="in capitals"),
        pytest.param(lambda text: read_key(OTHER_KEY).pseudonyms("card").of("4111"), id="of another key"),
    ],
)
def test_what_looks_like_a_pseudonym_and_is_none_of_this_key_is_refused(spoil: Any) -> None:
    with pytest.raises(ValueError, match="found another or half of one") as refused:
        CARDS.of(spoil(CARDS.of("4111")))
    assert "4111" not in str(refused.value)


def test_a_pseudonym_can_be_made_again_by_anybody_who_has_the_key() -> None:
    def derived(purpose: str) -> bytes:
        return hmac.digest(bytes.fromhex(KEY), f"mlflow-fraud pseudonym 1: {purpose}".encode(), "sha256")

    digest = hmac.new(derived("value of card"), b"4111111111111111", hashlib.sha256).hexdigest()
    mark = hmac.new(derived("mark of card"), digest.encode(), hashlib.sha256).hexdigest()[:8]
    assert CARDS.of("4111111111111111") == f"pn1-{digest}-{mark}"
    assert derived("check").hex()[:16] == CHECK


def test_a_key_is_read_in_either_notation_and_never_shown() -> None:
    raw = bytes.fromhex(KEY)
    notations = [KEY, KEY.upper(), f" {KEY}\n", base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    notations.append(base64.b64encode(raw).decode().rstrip("="))
    assert {read_key(text).check for text in notations} == {CHECK}
    assert repr(read_key(KEY)) == f"PseudonymKey({CHECK})"
    assert read_key(OTHER_KEY).check != CHECK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("hunter2!", "neither in hexadecimal digits nor in base64", id="a password"),
        pytest.param("correct horse battery staple", "neither in hexadecimal", id="a sentence"),
        pytest.param("ée91", "neither in hexadecimal", id="other letters"),
        pytest.param("a" * 41, "neither in hexadecimal", id="half a byte"),
        pytest.param(KEY[:62], "has 31 bytes, expected at least 32 random ones", id="a short key"),
        pytest.param(OTHER_KEY[:20], "has 15 bytes", id="a short key in base64"),
        pytest.param("0" * 64, "is no random key", id="zeros"),
        pytest.param("0123456789abcdef" * 4, "is no random key", id="repeated"),
        pytest.param(bytes(range(32)).hex(), "is no random key", id="counted on"),
        pytest.param(b"our bank's pseudonyms since 2024".hex(), "is no random key", id="a sentence as bytes"),
        pytest.param("correcthorsebatterystaplecorrecthorsebattery", "is no random key", id="words that are base64"),
    ],
)
def test_a_key_that_a_person_made_up_is_refused_without_being_shown(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        read_key(text)
    assert text not in str(refused.value)
    assert "`mlflow-fraud contract key --new` makes one" in str(refused.value)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: len(set(key)) > 24))
def test_a_check_value_is_no_part_of_the_key_and_no_pseudonym(key: bytes) -> None:
    check = PseudonymKey(key).check
    assert check not in key.hex()
    assert not Pseudonyms(key, "card").of("check").startswith(f"pn1-{check}")


def test_the_contracts_key_and_no_other_gives_pseudonyms() -> None:
    contract = secret_contract()
    assert set(pseudonyms_of(contract, read_key(KEY))) == {"card"}
    with pytest.raises(SettingsError, match=f"cc_num as pseudonyms, and FRAUD_PSEUDONYM_KEY is not set; .* {CHECK}"):
        pseudonyms_of(contract, None)
    with pytest.raises(
        SettingsError, match=f"is another key than the one of the contract sparkov: .* expected {CHECK}"
    ):
        pseudonyms_of(contract, read_key(OTHER_KEY))


def test_a_contract_without_secrets_needs_no_key(contract: Any) -> None:
    assert pseudonyms_of(contract, None) == pseudonyms_of(contract, read_key(KEY)) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"pseudonym_key_check": ""}, "secret column cc_num needs `pseudonym_key_check:`", id="no key"),
        pytest.param({"pseudonym_key_check": CHECK[1:]}, "is 16 hexadecimal digits in quotes", id="no check value"),
        pytest.param({"pseudonym_key_check": KEY}, "it is never the key itself", id="the key itself"),
        pytest.param(
            {"columns": {"cc_num": {"role": "entity", "entity": "card", "type": "integer"}}},
            "says nothing where no column is `secret: true`; take it out",
            id="a key for nothing",
        ),
        *(
            pytest.param({"columns": {name: {"secret": True}}}, f"for an entity, such as a card, found {role}", id=role)
            for name, role in (("trans_num", "event_id"), ("category", "categorical"), ("job", "personal"))
        ),
        pytest.param(
            {"columns": {"merchant": {"secret": True, "values": ["a"]}}}, "tells the values of a secret", id="values"
        ),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    document = secret_document()
    columns = change.pop("columns", {})
    for name, spec in columns.items():
        document["columns"][name] = spec if "role" in spec else document["columns"][name] | spec
    with pytest.raises(SettingsError, match=re.escape(said)) as refused:
        read_contract(document | change, where="test")
    assert KEY not in str(refused.value)


def test_behind_the_door_a_secret_column_is_a_text_without_limits() -> None:
    (door,) = secret_contract().secrets
    held = secret_contract().column("card")
    assert held is not None
    assert (door.type, door.minimum, held.type, held.minimum, held.name) == ("integer", 1, "text", None, door.name)


def test_a_contract_without_secrets_says_what_it_always_said(contract: Any) -> None:
    told = contract.model_dump_json()
    assert "secret" not in told
    assert "pseudonym" not in told
    assert "secret" not in (ROOT / "data/contracts/sparkov.yaml").read_text()
