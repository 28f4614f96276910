"""stub"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    day: int
    reason: str


@dataclass(frozen=True)
class Watched:
    seed: int
    scenario: str
    years: list


def text_of(*a):
    return ""


def picture(*a):
    return b""
