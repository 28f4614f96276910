"""Many payments in one request: each as if it was sent alone, in this order, with an answer of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.serving.answering import answered
from mlflow_fraud.serving.asked import Turns, service_of
from mlflow_fraud.serving.body import BODY_SECONDS
from mlflow_fraud.serving.clock import AheadOfNow
from mlflow_fraud.serving.guard import Client
from mlflow_fraud.serving.loading import LiveRelease, NotScored
from mlflow_fraud.serving.problems import ProblemDocument, document, document_of_values
from mlflow_fraud.serving.reasoned import HowMany, explained
from mlflow_fraud.serving.record import OtherContent, Record
from mlflow_fraud.serving.rows import BATCH_BYTES, ROWS, rows_of
from mlflow_fraud.serving.schema import problem, problems
from mlflow_fraud.serving.scored import Scored, scored, to_json
from mlflow_fraud.serving.together import Given, Together
from mlflow_fraud.serving.writer import Ticket

log = logging.getLogger(__name__)

BATCH_PATH = "/v1/score/batch"

PIECE, PIECE_SECONDS = 20, 0.005
"""So many rows are answered while other requests wait, or fewer where these take so long already."""

LOOPS = 2
"""In so many rounds of the event loop a payment that is there is read and begun."""

CUT_AT_ONCE = 100
"""So many rows are cut off the body while other requests wait."""

router = APIRouter()


class Told(NamedTuple):
    """A payment with its answer, and what says whether it is in the record."""

    payment: Payment
    ticket: Ticket


Outcome = Told | bytes
"""What became of a row: an answer, or the document that says what is wrong with it."""


@router.post(
    BATCH_PATH,
    response_model=list[Scored | ProblemDocument],
    responses={
        200: {"description": "an answer or a problem for each transaction, in their order"},
        408: {"description": f"the body was not there within {BODY_SECONDS:g} seconds"},
        413: {"description": f"the body is larger than {BATCH_BYTES} bytes, or holds more than {ROWS} transactions"},
        415: {"description": "the body is no JSON by its header, or compressed"},
        422: {"description": "the body is no array of transactions"},
        503: {"description": "no model, or too many batches at once"},
    },
)
async def score_batch(request: Request, reasons: HowMany = None) -> Response:
    """Score transactions one after the other, each as if it was sent alone in this order.

    One that is refused has a problem in its place and keeps none of the others back. Reasons are asked for as of one.
    """
    service = service_of(request)
    live, model, record, metrics, turns = (
        service.live(),
        service.model,
        service.record,
        service.metrics,
        service.turns,
    )
    rows = await _cut(await request.body())
    client: Client | None = getattr(request.state, "client", None)
    if client:
        client.take_requests(len(rows) - 1)  # one was counted at the door
    metrics.batch_rows.inc(len(rows))
    outcomes: list[Outcome] = []
    while len(outcomes) < len(rows):
        async with request.app.state.pieces:
            came = turns.came
            piece = Piece(live, service.together, len(outcomes), seconds=PIECE_SECONDS)
            outcomes += await piece.answered(rows[len(outcomes) : len(outcomes) + PIECE])
            model.unscored += piece.unscored
            await _let_others_in(turns, came, perf_counter() - piece.began)
    await _written(record, outcomes)
    payments = [each.payment for each in outcomes if isinstance(each, Told)]
    why = iter(await explained(service.explaining, live, payments, reasons))
    told = [
        each
        if isinstance(each, bytes)
        else to_json(scored(each.payment, bool(each.ticket.written), model, metrics, next(why)))
        for each in outcomes
    ]
    return Response(b"[" + b",".join(told) + b"]", media_type="application/json")


class Piece:
    """Some rows of a batch: their features one by one, their scores in one call, their writing in one go.

    Others wait for `seconds` and a row at most.
    """

    def __init__(self, live: LiveRelease, together: Together, start: int, *, seconds: float) -> None:
        self.unscored = 0
        self._live, self._together, self._start, self._seconds = live, together, start, seconds
        self.began = perf_counter()
        self._outcomes: list[Outcome] = []
        self._given: dict[int, asyncio.Future[Given]] = {}

    async def answered(self, rows: Sequence[bytes]) -> list[Outcome]:
        """Return what becomes of each row, up to the one at which the time was over."""
        try:
            for number, row in enumerate(rows):
                self._outcomes.append(b"")
                self._outcomes[number] = await self._outcome(number, row)
                if perf_counter() - self.began > self._seconds:
                    break
        finally:
            self._together.settle()
            for number, given in self._given.items():
                self._outcomes[number] = self._told(given)
        return self._outcomes

    async def _outcome(self, number: int, row: bytes) -> Outcome:
        """Return what becomes of a row; a new payment is taken into the past, and told of when all have a score."""
        live, together, place = self._live, self._together, self._start + number
        if len(row) > BODY_BYTES:
            return document(413, f"expected a transaction of at most {BODY_BYTES} bytes")
        try:
            transaction = live.request.read(row)
            if together.record.surely_new(live.schema.contract, transaction):
                self._given[number] = together.take(live, transaction, self.began)
                return b""
            return Told(*await answered(live, together, transaction, self.began))
        except ValidationError as error:
            return document_of_values(422, _in_row(place, problems(error)))
        except AheadOfNow as error:
            wrong = problem(live.request.time_column, str(error), "ahead_of_now")
            return document_of_values(422, _in_row(place, wrong))
        except OtherContent as error:
            return document(409, str(error))
        except NotScored as error:
            return self._not_scored(error)

    def _told(self, given: asyncio.Future[Given]) -> Outcome:
        try:
            return Told(*given.result())
        except NotScored as error:
            return self._not_scored(error)

    def _not_scored(self, error: NotScored) -> bytes:
        self.unscored += 1
        log.error("not scored: %s", error)
        return document(500, "the model's score is no number; the transaction is not scored")


async def _cut(body: bytes) -> list[bytes]:
    """Return the rows, in pieces between which other requests get their turn."""
    rows: list[bytes] = []
    for row in rows_of(body):
        rows.append(row)
        if len(rows) % CUT_AT_ONCE == 0:
            await asyncio.sleep(0)
    return rows


async def _let_others_in(turns: Turns, came: int, seconds: float) -> None:
    """Let a payment begin that came alone; where one did since the piece began, as much time is theirs."""
    for _ in range(LOOPS):
        await asyncio.sleep(0)
    if turns.came != came:
        await asyncio.sleep(seconds)


async def _written(record: Record, outcomes: Iterable[Outcome]) -> None:
    """Wait for the record once: what came before the last one is written before it."""
    waited_for = [each.ticket for each in outcomes if isinstance(each, Told) and each.ticket.is_open]
    if waited_for:
        await record.writer.written(waited_for[-1])


def _in_row(place: int, wrong: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same of one row of several: a pointer into the body as it was sent."""
    return [{**each, "loc": [each["loc"][0], place, *each["loc"][1:]]} for each in wrong]
