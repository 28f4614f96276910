"""The service as a program calls it: `Client` and `AsyncClient`, what they answer and what they raise."""

from mlflow_fraud.client.answers import Model, Reason, Reasons, Refused, Scored, Wrong
from mlflow_fraud.client.calling import AsyncClient, Client
from mlflow_fraud.client.errors import Conflict, Invalid, NotAllowed, NotFound, ServiceError, Unavailable
from mlflow_fraud.client.exchange import Patience

__all__ = [
    "AsyncClient",
    "Client",
    "Conflict",
    "Invalid",
    "Model",
    "NotAllowed",
    "NotFound",
    "Patience",
    "Reason",
    "Reasons",
    "Refused",
    "Scored",
    "ServiceError",
    "Unavailable",
    "Wrong",
]
