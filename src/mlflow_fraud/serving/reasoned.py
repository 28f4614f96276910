"""What the service says of the reasons of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from mlflow_fraud.adapters.explanation import NoReasons
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.explaining.reasons import MOST
from mlflow_fraud.serving.explaining import Explaining, Outlook, asked_of
from mlflow_fraud.serving.loading import LiveRelease

HowMany = Annotated[
    int | None, Query(ge=1, le=MOST, description="how many reasons to give with the answer, where they are soon there")
]


class ReasonTold(BaseModel):
    """A reason: its code, words for the card holder in English and French, and what it adds to the log odds.

    `raises` is towards fraud.
    """

    code: str
    en: str
    fr: str
    contribution: float
    direction: Literal["raises", "lowers"]


class ReasonsTold(BaseModel):
    """The strongest reasons, or that they `follow` with the prediction, or `why` there are none.

    `base`, every contribution and `others` add up to the log odds of the score before calibration.
    """

    status: Literal["given", "follow", "none"]
    why: str | None = None
    base: float | None = None
    strongest: list[ReasonTold] = []
    others: float | None = None


FOLLOW = ReasonsTold(status="follow")


def reasons_told(outlook: Outlook, number: int = MOST) -> ReasonsTold:
    """Return what is said of reasons, so many at most."""
    if outlook is None:
        return FOLLOW
    if isinstance(outlook, NoReasons):
        return ReasonsTold(status="none", why=outlook.why)
    few = outlook.first(number)
    strongest = [ReasonTold(**each.model_dump(), direction=each.direction) for each in few.strongest]
    return ReasonsTold(status="given", base=few.base, strongest=strongest, others=few.others)


async def explained(
    explaining: Explaining, live: LiveRelease, payments: Sequence[Payment], number: int | None
) -> list[ReasonsTold | None]:
    """Have what is flagged explained after its answer; wait for all, not for long, where reasons are asked for."""
    if number is None:
        return [followed(explaining, live, payment) for payment in payments]
    outlooks = await explaining.told(live, [asked_of(payment) for payment in payments])
    return [reasons_told(outlook, number) for outlook in outlooks]


def followed(explaining: Explaining, live: LiveRelease, payment: Payment) -> ReasonsTold | None:
    """Have a payment explained after its answer where it is flagged, and return what is said of that until then.

    That is the same whatever becomes of it, since a payment that is sent again gets the answer that it got; of a
    release that gives no reasons it is why.
    """
    if payment.answer is None or not payment.answer.flagged:
        return None
    why_none = explaining.without(live, payment.answer.release)
    if why_none:
        return reasons_told(why_none)
    explaining.ask(live, asked_of(payment))
    return FOLLOW
