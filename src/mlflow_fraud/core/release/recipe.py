"""How a model is made, whatever data it is made from: the same recipe on newer rows is a refresh of what is live."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from mlflow_fraud.core.release.ledger import Kind
from mlflow_fraud.core.strict import Strict


class Recipe(Strict):
    """What a practice is made of: hashes of its features, its parameters and its code, those of all candidates.

    Which of the candidates validation chooses is part of the practice, so another choice is the same recipe.
    """

    features: str
    parameters: str
    code: str

    @classmethod
    def of(cls, features: Mapping[str, Any], params: Mapping[str, Any], code: Mapping[str, str]) -> Self:
        """Return the recipe of features' definition and of parameters; `code` maps each source file to its hash."""
        return cls(features=_hash(features), parameters=_hash(params), code=_hash(code))


def what_differs(ours: Recipe, theirs: Recipe) -> list[str]:
    """Return what of the recipe is another.

    >>> live = Recipe(features="a", parameters="b", code="c")
    >>> what_differs(live, live.model_copy(update={"code": "d", "parameters": "e"}))
    ['parameters', 'code']
    """
    return [name for name in Recipe.model_fields if getattr(ours, name) != getattr(theirs, name)]


def question(ours: Recipe, theirs: Recipe | None) -> tuple[Kind, str]:
    """Return what is asked, and why: a refresh only where all of the recipe is known to be the live release's.

    >>> live = Recipe(features="a", parameters="b", code="c")
    >>> question(live, live)
    ('refresh', "a refresh, the live release's recipe on newer rows: it goes live unless proven worse")
    >>> question(live, None)
    ('change', 'a change, since the recipe of the live release is not known: it goes live when proven better')
    """
    if theirs is None:
        return "change", "a change, since the recipe of the live release is not known: it goes live when proven better"
    others = what_differs(ours, theirs)
    if not others:
        return "refresh", "a refresh, the live release's recipe on newer rows: it goes live unless proven worse"
    said = " and ".join(others)
    return "change", f"a change, of {said}: it goes live when proven better than the live release"


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
