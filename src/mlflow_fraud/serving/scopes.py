"""Which keys may ask for which path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from mlflow_fraud.adapters.key_file import Scope

_ANY = frozenset[Scope](get_args(Scope))
_NONE = frozenset[Scope]()

BY_PATH: Mapping[str, frozenset[Scope]] = {
    "/v1/score": frozenset[Scope]({"score"}),
    "/v1/score/batch": frozenset[Scope]({"score"}),
    "/v1/labels": frozenset[Scope]({"label"}),
    "/v1/corrections": frozenset[Scope]({"label"}),
    "/v1/predictions/{id}": frozenset[Scope]({"admin"}),
    "/metrics": frozenset[Scope]({"admin"}),
    "/v1/model": _ANY,
    "/openapi.json": _ANY,
    "/docs": _ANY,
    "/livez": _NONE,
    "/readyz": _NONE,
}
"""A key needs one of these scopes; where there are none, no key is asked for. A scope includes no other one."""

_BELOW = {"/v1/predictions/": "/v1/predictions/{id}"}


def template(path: str) -> str:
    """Return the name of a path among those that are stated, or an empty text: a path may hold anything.

    >>> template("/v1/score"), template("/v1/predictions/xgboost-1.2f"), template("/4111111111111111")
    ('/v1/score', '/v1/predictions/{id}', '')
    """
    if path in BY_PATH:
        return path
    return next((known for above, known in _BELOW.items() if path.startswith(above)), "")


def needed(path: str) -> frozenset[Scope]:
    """Return the scopes of which a key must have one; of a path that is not stated, `admin`.

    >>> sorted(needed("/v1/corrections")), sorted(needed("/v1/scores")), sorted(needed("/livez"))
    (['label'], ['admin'], [])
    """
    return BY_PATH.get(template(path), frozenset({"admin"}))
