"""What a column may be for, guessed from its name and its values; with a reason where the guess is worth a word."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from mlflow_fraud.core.contract.column import Role
from mlflow_fraud.core.describing import names
from mlflow_fraud.core.describing.looks import Look
from mlflow_fraud.core.describing.numbers import marks_of
from mlflow_fraud.core.describing.times import clock_format

_GENUINE = (
    *("genuine", "legit", "legitimate", "legal", "normal", "valid", "good", "ok", "clean", "no fraud", "not fraud"),
    *("non fraud", "nonfraud", "non-fraud", "no-fraud", "not_fraud", "non_fraud", "no_fraud", "kein betrug", "echt"),
    *("légitime", "legitime", "legítimo", "legítima", "legittimo", "legittima", "normale", "lecita"),
)
_FRAUD = ("fraud", "fraudulent", "fraude", "frode", "betrug", "scam", "chargeback", "illicit", "bad")
BOOLEANS = (
    *(("0", "1"), ("false", "true"), ("f", "t"), ("n", "y"), ("no", "yes"), ("nein", "ja"), ("n", "j")),
    *(("non", "oui"), ("n", "o"), ("no", "si"), ("no", "sí"), ("no", "sì"), ("n", "s"), ("não", "sim"), ("nao", "sim")),
    *(("nee", "ja"), ("nej", "ja"), ("nie", "tak"), ("falsch", "wahr"), ("faux", "vrai"), ("falso", "verdadero")),
    *(("falso", "vero"), ("falso", "verdadeiro"), *product(_GENUINE, _FRAUD)),
)
"""How the two values of a label are written: none and fraud."""
_ONE = frozenset({"0", "1", "0.0", "1.0", "+0", "+1"})


class Guess(NamedTuple):
    """A role, and why, in the words of one sentence about several columns; empty where nobody would ask."""

    role: Role
    why: str = ""


LATER = (
    "by their names known only after the payment, or because of its label; no model can count on them when it scores"
)
IDENTIFIERS = "ids or numbers that nearly all differ: nothing to learn from"
CODES = "codes, whose numbers count nothing, with too many different values for a category"
TOO_MANY = "texts with too many different values for a category"
MARKED = "numbers with something around or within them; without it they can be `role: numeric, type: decimal`"
MARKED_FEW = "numbers with something around or within them, so they are categories; without it they can be numeric"
PERSONAL = (
    "personal data, which never goes on; `role: categorical, type: text` where the law and the bank allow a model to "
    "learn from it"
)
EMPTY = "no value in the sample"
SECOND = "a second one of what a contract may have once"
TIMES_LEFT = "times that nothing reads; what lies between them and the payment needs a column of its own"
PIECES = "pieces of the time, to be made into one column"
NAMESAKES = "called like another column inside the pipeline; with another name in the files they may be predictors"
ADDRESSES = "parts of an address; `role: categorical, type: text` if they may tell something"
CENTURY = "births with years of two digits, which do not tell the century; with four they can be `role: birth_date`"
ROW_NUMBERS = "a program's count of the rows"


def guess(look: Look) -> Guess:
    """Return the role of a column that is neither id, time, amount nor label of the payment, nor anybody's id."""
    name = look.source
    if names.is_row_number(name) and look.is_whole and look.all_differ and look.never_falls:
        return Guess("unused", ROW_NUMBERS)
    if look.kind == "date" and names.is_birth(name):
        return Guess("personal", CENTURY) if "%y" in look.formats[0] else Guess("birth_date")
    if names.is_personal(name):
        return Guess("personal", PERSONAL)
    if names.is_of_an_address(name):
        return Guess("unused", ADDRESSES)
    if names.is_known_later(name) or (names.label_rank(name) is not None and may_be_label(look)):
        return Guess("unused", LATER)
    if look.is_address:
        return Guess("unused", IDENTIFIERS)
    if look.kind in ("timestamp", "date") or (look.kind == "text" and clock_format(look.there)):
        return Guess("unused", TIMES_LEFT)
    if look.is_number and names.count_rank(name) == 0 and look.never_falls and look.different > 2:
        return Guess("unused", TIMES_LEFT)
    if names.is_identifier(name) and look.different > 2:
        return Guess("unused", IDENTIFIERS)
    return _of_text(look) if look.kind == "text" else _of_numbers(look)


def _of_text(look: Look) -> Guess:
    if not look.there.len():
        return Guess("unused", EMPTY)
    if look.different > 2 and marks_of(look.there):
        return Guess("categorical", MARKED_FEW) if look.is_category else Guess("unused", MARKED)
    return Guess("categorical") if look.is_category else Guess("unused", TOO_MANY)


def _of_numbers(look: Look) -> Guess:
    if look.is_whole and (names.is_code(look.source) or names.entity_of(look.source)) and not _is_a_switch(look):
        return Guess("categorical") if look.is_category else Guess("unused", CODES)
    if look.counts_nothing and not names.is_measure(look.source):
        return Guess("unused", IDENTIFIERS)
    return Guess("numeric")


def entity_of(look: Look) -> str:
    """Return whom a column names, empty where it names nobody: one value or two name none."""
    entity = names.entity_of(look.source)
    if not entity or not (look.is_whole or look.kind == "text") or names.is_known_later(look.source):
        return ""
    if names.is_personal(look.source) and "name" not in names.words_of(look.source):
        return ""
    needs_ids = names.is_personal(look.source) or names.is_side(entity)
    return "" if _is_a_switch(look) or (needs_ids and not look.looks_like_ids) else entity


def _is_a_switch(look: Look) -> bool:
    return bool(look.words) and any(look.words <= set(pair) for pair in BOOLEANS)


def is_label(look: Look) -> bool:
    """Return whether the values are 0 and 1, as a label's are."""
    return bool(look.words) and look.words <= _ONE


def may_be_label(look: Look) -> bool:
    """Return whether the values are 0 and 1, or two words for them."""
    return is_label(look) or words_of_label(look) is not None


def words_of_label(look: Look) -> tuple[str, str] | None:
    """Return how none and fraud are written where they are not 0 and 1, None where there are not two such words."""
    return next((pair for pair in BOOLEANS[1:] if look.words and look.words <= set(pair)), None)
