"""What the name of a column says of it: the words in it, and what each of them makes likely."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")

MEASURES = frozenset(
    "count cnt similarity valid is has distinct age ages months days hours minutes score rate ratio limit balance "
    "velocity length free avg mean average sum min max total since per pct percent percentage probability prob "
    "risk median std diff frequency freq amount amt value price duration income size pop population items".split()
)
"""Words of what is measured: `customer_age` is no customer, `email_is_free` no address."""
ATTRIBUTES = frozenset(
    "type category kind brand segment class status level country state city agent group tier currency code cd "
    "network mode method channel present entry os model browser language timezone".split()
)
"""Words that, at the end, tell something of a card or a merchant and do not name it."""
_CODES = re.compile(r"^(mcc|addr\d*|region|area|branch|bin|product|prod)$|(code|cd|type|category)$", re.IGNORECASE)

_IDENTIFIERS = frozenset("uuid guid hash iban ip ipv4 ipv6 ipaddress mac imei ssn token fingerprint serial".split())
_IDENTIFIERS_AT_THE_END = frozenset("id ids num no nr number ref reference key identifier pan account acct".split())
_RUN_TOGETHER = re.compile(r"(user|customer|client|account|device|trans|transaction|merchant|order|card)id$")

_PERSONAL = re.compile(
    r"^(first|last)$|name|street|address|mail|phone|^city$|^job$|gender|^sex$|ssn|iban|passport",
    re.IGNORECASE,
)
_POSTAL = re.compile(r"zip|postal|postcode|plz$")
_THINGS = frozenset("product category item device browser file event type country currency domain".split())
"""What has a name, or a place in a mail address, that points at no person."""
_OF_AN_ADDRESS = re.compile(r"^(state|province|county)$", re.IGNORECASE)

_EVENT = re.compile(
    r"(trans(action)?|tx|txn|event|payment|order|purchase|invoice|transfer)_?.*(id|num|no|nr|ref|reference|number)$"
    r"|^id$|uuid",
    re.IGNORECASE,
)
_PAYERS = (
    ("card", re.compile(r"card|cc_?num|(^|_)pan$|karte", re.IGNORECASE)),
    ("customer", re.compile(r"customer|cust_|kunde", re.IGNORECASE)),
    ("client", re.compile(r"client|cliente", re.IGNORECASE)),
    ("user", re.compile(r"user|member", re.IGNORECASE)),
    ("account", re.compile(r"account|acct|konto", re.IGNORECASE)),
)
_PAYEES = (
    ("merchant", re.compile(r"merch|shop|store|vendor|seller|h(ä|ae)ndler", re.IGNORECASE)),
    ("terminal", re.compile(r"terminal", re.IGNORECASE)),
    ("device", re.compile(r"device_?(id|key|hash|fingerprint)$|imei", re.IGNORECASE)),
)
_SIDES = (
    ("payer", re.compile(r"payer|sender|orig(in|inator)?$|(^|_)from(_|$)|remitter|debtor", re.IGNORECASE)),
    ("payee", re.compile(r"payee|receiver|recipient|beneficiar|dest(ination)?$|(^|_)to(_|$)|creditor", re.IGNORECASE)),
)

LATITUDE = re.compile(r"^(.*?)_?lat(itude)?$", re.IGNORECASE)
LONGITUDE = re.compile(r"^(.*?)_?(long?|lng|longitude)$", re.IGNORECASE)

_VERSIONS = frozenset("version versions ver release build firmware sdk os osversion appversion".split())
_LABEL = (
    re.compile(
        r"^(is|tx|ist|es|est)?_?(fraud(e|ulent|ulento|ulenta|uleuse|uleux|olento|olenta)?|frode|betrug|scam)_?"
        r"(bool|label|flag|ind|indicator|status)?\??$",
        re.IGNORECASE,
    ),
    re.compile(r"^(class|label|target|y|(is|has|was)?_?charged?_?back_?(flag|ind|indicator)?)\??$", re.IGNORECASE),
    re.compile(r"fraud|frode|label|target|launder|betrug|betrüg|charged?_?back|illicit|(^|_|is)scam", re.IGNORECASE),
)
_NO_LABEL = frozenset(
    "flagged count score rate predicted prediction prob probability risk alert rule num n history previous prior "
    "time date type reason at".split()
)
_LABEL_TIME = re.compile(r"label|fraud|frode|betrug|charged?_?back|report|arriv|known", re.IGNORECASE)
_KNOWN_LATER = re.compile(
    r"fraud|frode|betrug|betrüg|(^|_|is)scam|illicit|launder|charged?_?back|dispute|flagged|predict|blocked|declined|refund|recover|investigat|"
    r"new_?bal|bal(ance)?_?(after|new)|after_?bal|(^|_)post_",
    re.IGNORECASE,
)
_AMOUNT = (
    re.compile(r"^(tx|txn|trans|transaction|payment|purchase|order|transfer)?_?am(oun)?t(_.{3})?$", re.IGNORECASE),
    re.compile(r"^(tx|txn|trans|transaction|payment|purchase|order)?_?(value|price|total|sum)$", re.IGNORECASE),
    re.compile(r"am(oun)?t|price|value", re.IGNORECASE),
    re.compile(r"betrag|montant|importe|monto|valor|importo", re.IGNORECASE),
)
_NO_AMOUNT = frozenset("count avg mean average max min limit balance old new std median ratio rate".split())
_BIRTH = re.compile(r"dob|birth", re.IGNORECASE)
_UNIX = re.compile(r"unix|epoch", re.IGNORECASE)
_OF_THE_EVENT = re.compile(
    r"trans|purchase|payment|paid|pay_|order|event|^tx|txn|^(date_?)?time(stamp)?$|^datetime$|^ts$|occur|booking|auth|incident|claim",
    re.IGNORECASE,
)
_OF_ANOTHER = re.compile(r"sign_?up|creat|open|regist|updat|expir|settle|due|valid|birth|first|last|since|load|insert")
ANOTHERS = 2
"""The rank of times that are not the payment's, such as a sign-up."""
_COUNTS = frozenset("step time timestamp ts dt t tick elapsed seconds secs sec epoch unix clock datetime".split())
_SPANS = frozenset("month week day hour period minute".split())
_TIME_WORDS = _COUNTS | _SPANS | frozenset("date at when moment instant created occurred processed".split())


def words_of(name: str) -> tuple[str, ...]:
    """Return the words in a name, in small letters.

    >>> words_of("TransactionID"), words_of("ip_address"), words_of("isFlaggedFraud"), words_of("V12")
    (('transaction', 'id'), ('ip', 'address'), ('is', 'flagged', 'fraud'), ('v', '12'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def is_measure(name: str) -> bool:
    """Return whether a name speaks of something measured."""
    return any(word in MEASURES or "balance" in word for word in words_of(name))


def is_personal(name: str) -> bool:
    """Return whether a name speaks of what points at a person.

    >>> [is_personal(name) for name in ("email", "email_is_free", "P_emaildomain", "zip_count_4w", "zipcodeOri")]
    [True, False, False, False, True]
    """
    words = set(words_of(name))
    about_a_thing = bool(words & _THINGS) or "domain" in name.lower()
    personal = _PERSONAL.search(name) or any(map(_POSTAL.match, words))
    return bool(personal) and not is_measure(name) and not (about_a_thing and "address" not in words)


def is_of_an_address(name: str) -> bool:
    """Return whether a name speaks of a part of an address that many share."""
    return bool(_OF_AN_ADDRESS.match(name))


def is_identifier(name: str) -> bool:
    """Return whether a name speaks of an id, whatever its values are.

    >>> [is_identifier(name) for name in ("device_id", "ip_address", "acct_no", "num_items", "id_01", "V12")]
    [True, True, True, False, False, False]
    """
    words = words_of(name)
    at_the_end = bool(words) and (words[-1] in _IDENTIFIERS_AT_THE_END or bool(_RUN_TOGETHER.search(words[-1])))
    return (at_the_end or bool(_IDENTIFIERS & set(words))) and not is_measure(name)


def is_code(name: str) -> bool:
    """Return whether a name speaks of a code, whose number counts nothing."""
    return any(map(_CODES.search, words_of(name) or ("",))) and not is_measure(name)


def is_version(name: str) -> bool:
    """Return whether a name speaks of a version of a program."""
    return bool(_VERSIONS & set(words_of(name))) and not is_of_time(name)


def is_row_number(name: str) -> bool:
    """Return whether a name is that of a column in which a program counted the rows."""
    return name == "" or bool(re.fullmatch(r"unnamed:? ?\d*|index|row(_?(id|num|number|no))?|x\.?1?", name.lower()))


def is_event_id(name: str) -> bool:
    """Return whether a name speaks of the transaction itself."""
    return bool(_EVENT.search(name)) and not is_measure(name)


def entity_of(name: str) -> str:
    """Return who pays or is paid, as a name has it; empty where it names neither.

    >>> [entity_of(name) for name in ("cc_num", "CUSTOMER_ID", "nameDest", "customer_age", "card_type", "shop")]
    ['card', 'customer', 'payee', '', '', 'merchant']
    """
    words = words_of(name)
    if is_measure(name) or (len(words) > 1 and words[-1] in ATTRIBUTES):
        return ""
    return next((entity for entity, named in (*_SIDES, *_PAYERS, *_PAYEES) if named.search(name)), "")


def is_side(entity: str) -> bool:
    """Return whether an entity is known by the side of the payment alone: its values have to look like ids."""
    return entity in dict(_SIDES)


def is_paid(entity: str) -> bool:
    """Return whether an entity is the one that is paid."""
    return entity == "payee" or entity in dict(_PAYEES)


def label_rank(name: str) -> int | None:
    """Return how likely a name is that of the label, 0 the most; None where it is not.

    >>> [label_rank(name) for name in ("isFraud", "Class", "fraud_bool", "isFlaggedFraud", "device_fraud_count")]
    [0, 1, 0, None, None]
    """
    return None if _NO_LABEL & set(words_of(name)) else _rank(_LABEL, name)


def amount_rank(name: str) -> int | None:
    """Return how likely a name is that of the amount, 0 the most; None where it is not."""
    return None if _NO_AMOUNT & set(words_of(name)) else _rank(_AMOUNT, name)


def moment_rank(name: str) -> int:
    """Return how likely a time is that of the payment, 0 the most: another's, such as a sign-up, comes last."""
    if _OF_ANOTHER.search(name.lower()):
        return ANOTHERS
    return 0 if _OF_THE_EVENT.search(name) else 1


def count_rank(name: str) -> int | None:
    """Return how likely a column of numbers counts time, 0 the most; None where its name says nothing of it.

    >>> [count_rank(name) for name in ("step", "TransactionDT", "month", "days_since_request", "V1")]
    [0, 0, 1, None, None]
    """
    words = set(words_of(name))
    if words & {"since", "length", "last", "between", "count", "velocity", "age", "of"} or is_birth(name):
        return None
    if words & _COUNTS:
        return 0
    return 1 if words & _SPANS and len(words) == 1 else None


def is_of_time(name: str) -> bool:
    """Return whether a name speaks of a moment."""
    return bool(_TIME_WORDS & set(words_of(name)))


def is_label_time(name: str) -> bool:
    """Return whether a time is that of the label's arrival, as its name has it."""
    return bool(_LABEL_TIME.search(name))


def is_known_later(name: str) -> bool:
    """Return whether a name speaks of what is known only after the payment, or because of its label."""
    return bool(_KNOWN_LATER.search(name))


def is_birth(name: str) -> bool:
    """Return whether a name speaks of a birth."""
    return bool(_BIRTH.search(name))


def is_unix(name: str) -> bool:
    """Return whether a name speaks of the clock that counts from 1970."""
    return bool(_UNIX.search(name))


def place_of(name: str) -> str:
    """Return the place that a latitude or a longitude is of, as its name has it; `merch` is the merchant.

    >>> place_of("merch_lat"), place_of("long")
    ('merchant', '')
    """
    match = LATITUDE.match(name) or LONGITUDE.match(name)
    said = match[1].lower() if match else ""
    return "merchant" if said == "merch" else said


def _rank(patterns: tuple[re.Pattern[str], ...], name: str) -> int | None:
    return next((rank for rank, pattern in enumerate(patterns) if pattern.search(name)), None)
