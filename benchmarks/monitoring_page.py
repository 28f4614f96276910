"""The tables and the picture of `docs/monitoring.md`, from the alarms of many years."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlflow_fraud.core.measuring.difference import student
from mlflow_fraud.core.measuring.metrics import share_interval
from mlflow_fraud.core.watching.retrain import MonitorRule

SHOWN = "![on which day the new kind of fraud is noticed](images/monitoring.png)"
WITHOUT = ("stable", "seasonal")
NEW = "new-pattern"
IN_DAYS = 30
"""After the labels' horizon a new kind is to be noticed within so many days."""

BAR_ALARMS, BAR_NOTICED = 1.0, 0.9
LABELLED = ("bursts", "f1 ", "recall")
"""How the reasons of those alarms begin or what they name that labels lead to."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Alarm:
    """On which day of a year an alarm was given, and why."""

    day: int
    reason: str

    @property
    def labelled(self) -> bool:
        """Whether it needed labels."""
        return self.reason.startswith(LABELLED[1:]) or LABELLED[0] in self.reason


@dataclass(frozen=True)
class Watched:
    """A business's alarms: those of its year as it came, and then those of each redrawn one."""

    seed: int
    scenario: str
    years: list[list[Alarm]]

    def alarms(self) -> float:
        """Return the mean number of alarms a year."""
        return float(np.mean([len(year) for year in self.years]))

    def noticed(self, by: int, *, labelled: bool) -> float:
        """Return the share of years with an alarm by a day: any, or one that needed no label."""
        return float(np.mean([self.first(year, labelled=labelled) <= by for year in self.years]))

    @staticmethod
    def first(year: Sequence[Alarm], *, labelled: bool) -> float:
        """Return the day of the first alarm, infinite where none is."""
        return min((each.day for each in year if labelled or not each.labelled), default=np.inf)


def text_of(watched: Sequence[Watched], rule: MonitorRule, payments: int, late: int) -> str:
    """Return the page below its heading; what the bars ask for is said beside what came."""
    seeds, redrawn = len({each.seed for each in watched}), len(watched[0].years) - 1
    by = late + IN_DAYS
    said = (
        f"{seeds} businesses of {payments:,} payments a year for each scenario, {redrawn + 1} years of each: the one "
        f"that came, from payments through features and a fitted model, and {redrawn} whose blocks of 28 days are "
        f"drawn anew from those next to them. Labels count after {late} days. The model stays for the whole year, "
        f"each alarm is followed by a cooldown of {rule.cooldown_days} days, and a day is looked at as it ends. "
        "Intervals are of 95 %, over businesses."
    )
    return "\n\n".join([SHOWN, said, "\n".join(_false_alarms(watched)), "\n".join(_noticed(watched, by))])


def picture(watched: Sequence[Watched], late: int) -> bytes:
    """Return the share of years in which the new kind is noticed by a day, and of the others how many have alarmed."""
    figure = Figure(figsize=(9.5, 3.6), layout="tight", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    days = np.arange(0, 121)
    for scenario, colour in ((NEW, "#2f6fde"), ("seasonal", "#e0a030"), ("stable", "#8a94a3")):
        own = [each for each in watched if each.scenario == scenario]
        shares = [np.mean([each.noticed(int(day), labelled=True) for each in own]) for day in days]
        axes.step(days, shares, where="post", label=scenario, color=colour, linewidth=2)
    axes.axvline(late, color="#8a94a3", linewidth=1, linestyle=":")
    axes.axvline(late + IN_DAYS, color="#d1495b", linewidth=1, linestyle="--")
    axes.set(xlabel="days since it began", ylabel="share of years with an alarm", ylim=(0, 1.02), xlim=(0, 120))
    axes.legend(frameon=False, loc="center right")
    axes.grid(color="#e6e9ee")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _false_alarms(watched: Sequence[Watched]) -> Iterator[str]:
    yield from (
        "| false alarms a year | mean | upper bound | as they came | for missed fraud | for F1 or recall | other |",
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for scenario in WITHOUT:
        own = [each for each in watched if each.scenario == scenario]
        mean, _, upper = _interval(np.array([each.alarms() for each in own]))
        came = np.mean([len(each.years[0]) for each in own])
        years = [year for each in own for year in each.years]
        missed, pooled, other = (
            np.mean([sum(_kind(alarm) == kind for alarm in year) for year in years]) for kind in range(3)
        )
        yield f"| {scenario} | {mean:.2f} | {upper:.2f} | {came:.2f} | {missed:.2f} | {pooled:.2f} | {other:.2f} |"
    yield f"| asked for | {BAR_ALARMS:.2f} at most | | | | | |"


def _kind(alarm: Alarm) -> int:
    return 0 if LABELLED[0] in alarm.reason else 1 if alarm.labelled else 2


def _noticed(watched: Sequence[Watched], by: int) -> Iterator[str]:
    own = [each for each in watched if each.scenario == NEW]
    yield f"| `{NEW}` is noticed | by day {by}, in of years | interval | median day | nine of ten by day |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, labelled in (("with labels", True), ("without a label", False)):
        mean, lower, upper = _interval(np.array([each.noticed(by, labelled=labelled) for each in own]))
        first = np.array([each.first(year, labelled=labelled) for each in own for year in each.years])
        median, most = np.quantile(first, [0.5, 0.9], method="inverted_cdf")
        bounds = f"{max(lower, 0):.0%} to {min(upper, 1):.0%}"
        yield f"| {name} | {mean:.0%} | {bounds} | {_day(median)} | {_day(most)} |"
    yield f"| asked for, with labels: {IN_DAYS} days after the first could count | {BAR_NOTICED:.0%} | | | |"


def _interval(values: Floats) -> tuple[float, float, float]:
    """Return mean and bounds by Student's t over businesses; of shares that are all 0 or all 1 those of Wilson."""
    mean, number = float(values.mean()), len(values)
    if number > 1 and mean in (0, 1) and not values.std():
        return mean, *share_interval(mean, number)
    if number < 2:
        return mean, mean, mean
    width = student(0.025, number - 1) * float(values.std(ddof=1)) / number**0.5
    return mean, mean - width, mean + width


def _day(day: float) -> str:
    return f"{day:.0f}" if np.isfinite(day) else "never"
