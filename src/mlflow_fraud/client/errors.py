"""Why there is no answer.

ServiceError      also itself: an answer that is none of the service, from something in between
├── NotAllowed    401, 403: the key is none, over, or for something else
├── NotFound      404: there is no such path, transaction or prediction
├── Conflict      409: the record says otherwise
├── Invalid       other 4xx: the request is not what the contract says
└── Unavailable   no connection, 408, 429, 5xx: later it may be answered; it was tried again already
"""

from __future__ import annotations

from mlflow_fraud.client.answers import Refused
from mlflow_fraud.core.errors import FraudError

TRY_AGAIN = (408, 429, 502, 503, 504)
"""What may be answered a while later. A 500 is not: the same payment gets the same."""


class ServiceError(FraudError):
    """The service gave no good answer; `problem` is what it said, None where it said nothing that can be read."""

    def __init__(self, sentence: str, problem: Refused | None = None) -> None:
        super().__init__(sentence)
        self.problem = problem

    @property
    def status(self) -> int:
        """The status of the answer; 0 where there was none."""
        return self.problem.status if self.problem else 0


class NotAllowed(ServiceError):
    """There is no key, a wrong one, one that is over, or one that is for something else."""


class NotFound(ServiceError):
    """There is no such path, transaction or prediction."""


class Conflict(ServiceError):
    """A transaction of this id was scored with other content, or a correction is of another payment."""


class Invalid(ServiceError):
    """The request is not what the contract says; `problem.errors` has each value."""


class Unavailable(ServiceError):
    """The service cannot be reached or cannot answer now."""


def error_of(problem: Refused) -> ServiceError:
    """Return what to raise for an answer that is not good.

    >>> error_of(Refused(409, "/problems/otherwise-on-record", "scored with other content"))
    Conflict('409 scored with other content')
    """
    status = problem.status
    if status in TRY_AGAIN or status >= 500:
        return Unavailable(str(problem), problem)
    if status < 400:  # a proxy's login page, say: the service sends nobody elsewhere
        return ServiceError(str(problem), problem)
    kind = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict}.get(status, Invalid)
    return kind(str(problem), problem)
