"""What a study is of: a candidate, the cuts that it is judged on, what is searched and what stays fixed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.split import borders
from mlflow_fraud.core.learning.tuning import SPACES, Space, Values, stretch
from mlflow_fraud.core.strict import Strict, parse
from mlflow_fraud.operations.evaluation.history import (
    Cut,
    History,
    build_history,
    of_dataset,
    one_test,
    read_transactions,
    rolling_tests,
)
from mlflow_fraud.operations.evaluation.judging import require_cuts
from mlflow_fraud.settings import Params, contract_of

OBJECTIVES = ("validation", "prequential")


@dataclass(frozen=True)
class Task:
    """What is tuned on what: the candidate, the cuts that it is judged on, and the part that judges."""

    candidate: str
    objective: str
    history: History
    cuts: list[Cut]
    part: str
    train: TrainParams
    rule: Strict

    @property
    def section(self) -> Strict:
        """The candidate's parameters as they are."""
        section: Strict = getattr(self.train, self.candidate)
        return section

    @property
    def current(self) -> Values:
        """The values that are searched for, as they are."""
        told = self.section.model_dump()
        return {each.name: told[each.name] for each in SPACES[self.candidate]}

    @property
    def space(self) -> Space:
        """Where to search."""
        return stretch(SPACES[self.candidate], self.current)

    @property
    def name(self) -> str:
        """The study's name: another one for other rows, folds, fixed parameters, space or seed."""
        fixed = {name: value for name, value in self.section.model_dump().items() if name not in self.current}
        space = [vars(each) for each in self.space]
        rule = self.rule.model_dump(mode="json", exclude_none=True)
        content = [self.history.sha256, rule, self.part, fixed, space, self.train.seed]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"{self.candidate}-{self.objective}-{digest[:10]}"

    def with_values(self, values: Values) -> TrainParams:
        """Return the training parameters with these values of the candidate's."""
        told = {**self.section.model_dump(), **values}
        return self.train.model_copy(update={self.candidate: parse(type(self.section), told, where="trial")})


def task_for(candidate: str, objective: str, params: Params) -> Task:
    """Return the task; raise `SettingsError` where no objective has that name."""
    if objective not in OBJECTIVES:
        raise SettingsError(f"no objective is called {objective}, {nearest(objective, OBJECTIVES)}")
    rolling = params.evaluate.prequential
    told = of_dataset(params, "", rolling.label_delay_days if objective == "prequential" else None)
    transactions = read_transactions(told, active=params.dataset)
    split = params.active.split
    cuts, part = [one_test(transactions, split)], "validation"
    if objective == "prequential":  # the test period of the data set's own split stays unseen
        until = borders(transactions, split).test_from.replace(hour=0, minute=0, second=0, microsecond=0)
        card = contract_of(params.active).payer
        cuts, part = rolling_tests(transactions, rolling, card, until), "test"
    require_cuts(transactions, cuts, tuple(dict.fromkeys(("train", "validation", part))))
    history = build_history(transactions, told, cuts[0])
    rule = split if part == "validation" else rolling
    return Task(candidate, objective, history, cuts, part, params.train, rule)
