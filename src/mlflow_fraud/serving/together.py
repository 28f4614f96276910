"""Payments whose turn comes in one round of the event loop are scored in one call, which costs each of them less."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.serving.history import Observed
from mlflow_fraud.serving.loading import LiveRelease, NotScored
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.writer import Ticket

AT_ONCE = 40
"""So many are scored in one call at most: the next ones would wait for all of them."""

Given = tuple[Payment, Ticket]
"""A payment with its answer, and what says whether it is in the record."""


class _Waiting(NamedTuple):
    observed: Observed
    began: float
    given: asyncio.Future[Given]


class Together:
    """The payments that are in the past and have no score yet, in the order in which they came.

    Only the model waits: the features of each are read when it comes, before the next one's. `settle` is for whoever
    needs each payment that came before to have its answer.
    """

    def __init__(self, record: Record, at_once: int = AT_ONCE) -> None:
        self.record, self._at_once = record, at_once
        self._live: LiveRelease | None = None
        self._waiting: list[_Waiting] = []

    def take(self, live: LiveRelease, transaction: Transaction, began: float) -> asyncio.Future[Given]:
        """Take a new payment into the past; its answer is there when the round of the event loop is over.

        The answer raises `NotScored` where the model gives it no score: the payment belongs to the past all the same.
        Raises `AheadOfNow` for what leaves no trace.
        """
        if live is not self._live or len(self._waiting) >= self._at_once:
            self.settle()
            self._live = live
        observed, loop = live.history.observe(transaction), asyncio.get_running_loop()
        given: asyncio.Future[Given] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self.settle)
        self._waiting.append(_Waiting(observed, began, given))
        return given

    def settle(self) -> None:
        """Give those that wait their answers, and have them written in their order."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            answers = self._answers(waiting)
        except Exception as error:  # whatever it is, nobody is to wait for ever: it is told to all who asked
            answers = [error] * len(waiting)
        for each, answer in zip(waiting, answers, strict=True):
            if each.given.done():  # the one who asked is gone
                continue
            if isinstance(answer, Exception):
                each.given.set_exception(answer)
            else:
                each.given.set_result(answer)

    def _answers(self, waiting: Sequence[_Waiting]) -> list[Given | Exception]:
        assert self._live is not None  # it read their features
        try:
            found = self._live.score_all([each.observed for each in waiting], [each.began for each in waiting])
        except Exception:  # they are in the past all the same: written without an answer, as one without a score is
            self.record.settle_all([payment._replace(scores=scores) for (_, scores, payment), _, _ in waiting])
            raise
        tickets = self.record.settle_all([each.payment if isinstance(each, NotScored) else each for each in found])
        return [
            each if isinstance(each, NotScored) else (each, ticket) for each, ticket in zip(found, tickets, strict=True)
        ]
