"""How a person is told of entities and columns, in English and French; of a name that is not known, the name itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlflow_fraud.core.features.definitions import AMOUNT


class Words(NamedTuple):
    """The same in both languages: a noun with its article, to stand after a colon or after "because of"."""

    en: str
    fr: str


class _Noun(NamedTuple):
    one: Words
    """With "this": what an earlier payment was of."""
    many: Words


_NOUNS: Mapping[str, _Noun] = {
    "account": _Noun(Words("this account", "ce compte"), Words("accounts", "comptes")),
    "card": _Noun(Words("this card", "cette carte"), Words("cards", "cartes")),
    "category": _Noun(Words("this kind of purchase", "ce type d'achat"), Words("kinds of purchase", "types d'achat")),
    "customer": _Noun(Words("this customer", "ce client"), Words("customers", "clients")),
    "device": _Noun(Words("this device", "cet appareil"), Words("devices", "appareils")),
    "merchant": _Noun(Words("this merchant", "ce commerçant"), Words("merchants", "commerçants")),
    "terminal": _Noun(Words("this terminal", "ce terminal"), Words("terminals", "terminaux")),
}

_COLUMNS: Mapping[str, Words] = {
    AMOUNT: Words("the amount", "le montant"),
    "hour": Words("the time of day", "l'heure du paiement"),
    "night": Words("the time of day", "l'heure du paiement"),
    "weekday": Words("the day of the week", "le jour de la semaine"),
    "age": Words("the age of the holder", "l'âge du titulaire"),
    "distance": Words("the distance between the places of the payment", "la distance entre les lieux du paiement"),
    "category": Words("the kind of purchase", "le type d'achat"),
}


def of_column(name: str) -> Words:
    """Return what a column of the transaction itself is called.

    >>> of_column("city_pop")
    Words(en='the value of city pop', fr='la valeur de « city pop »')
    """
    return _COLUMNS.get(name) or Words(f"the value of {_plain(name)}", f"la valeur de « {_plain(name)} »")


def of_entities(names: Sequence[str]) -> Words:
    """Return what an earlier payment has in common with this one.

    >>> of_entities(["card", "category"]).en, of_entities(["branch"]).fr
    ('this card and this kind of purchase', 'cette valeur de « branch »')
    """
    each = [_NOUNS[name].one if name in _NOUNS else _value(name) for name in names]
    return Words(" and ".join(words.en for words in each), " et ".join(words.fr for words in each))


def of_many(name: str) -> Words:
    """Return what several values of a column are called.

    >>> of_many("merchant"), of_many("job").en
    (Words(en='merchants', fr='commerçants'), 'values of job')
    """
    found = _NOUNS.get(name)
    return found.many if found else Words(f"values of {_plain(name)}", f"valeurs de « {_plain(name)} »")


def _value(name: str) -> Words:
    return Words(f"this {_plain(name)}", f"cette valeur de « {_plain(name)} »")


def _plain(name: str) -> str:
    return name.replace("_", " ")
