"""How the average card spends and how fraud looks, by category, hour, weekday and month.

Figures were measured on the public Sparkov files (2019 and 2020) and rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from mlflow_fraud.simulation.streams import Floats

RHYTHMS = 4  # early bird, day, evening, night owl


@dataclass(frozen=True)
class Spending:
    """A category: share of payments, share before noon, and amounts as small and large purchases.

    Each of the two is log-normal, given by its median in dollars and its sigma.
    """

    share: float
    before_noon: float
    large: float
    small_median: float
    small_sigma: float
    large_median: float
    large_sigma: float

    @property
    def mean(self) -> float:
        """The mean amount, in dollars."""
        small = self.small_median * np.exp(self.small_sigma**2 / 2)
        large = self.large_median * np.exp(self.large_sigma**2 / 2)
        return float((1 - self.large) * small + self.large * large)


SPENDING = {
    "entertainment": Spending(7.34, 0.17, 0.62, 13.7, 1.20, 75.2, 0.57),
    "food_dining": Spending(7.06, 0.12, 0.65, 8.3, 1.02, 62.3, 0.56),
    "gas_transport": Spending(9.93, 0.92, 0.64, 51.9, 0.19, 67.7, 0.14),
    "grocery_net": Spending(3.40, 0.92, 0.87, 23.6, 0.54, 55.0, 0.31),
    "grocery_pos": Spending(9.40, 0.92, 0.17, 96.3, 0.32, 192.9, 0.08),
    "health_fitness": Spending(6.79, 0.04, 0.59, 13.3, 1.11, 64.1, 0.53),
    "home": Spending(9.52, 0.04, 0.64, 14.9, 1.05, 66.8, 0.52),
    "kids_pets": Spending(8.79, 0.04, 0.74, 12.1, 1.03, 58.3, 0.58),
    "misc_net": Spending(4.84, 0.80, 0.45, 5.1, 0.79, 103.2, 0.92),
    "misc_pos": Spending(6.08, 0.65, 0.60, 4.6, 0.77, 53.1, 1.14),
    "personal_care": Spending(7.08, 0.04, 0.53, 11.1, 1.09, 62.1, 0.57),
    "shopping_net": Spending(7.66, 0.48, 0.44, 4.6, 0.72, 85.6, 1.12),
    "shopping_pos": Spending(8.91, 0.44, 0.38, 4.5, 0.66, 104.1, 1.09),
    "travel": Spending(3.19, 0.04, 0.17, 4.6, 0.59, 360.3, 0.97),
}
CATEGORIES = tuple(SPENDING)

# Fraud: share of a card burst's payments, mean and deviation of their amount in dollars.
FRAUD_SPENDING = {
    "entertainment": (3.2, 513, 74), "food_dining": (2.6, 121, 12), "gas_transport": (8.4, 12.8, 4.8),
    "grocery_net": (1.6, 11.5, 3.0), "grocery_pos": (22.2, 312, 26), "health_fitness": (2.0, 20.0, 2.2),
    "home": (3.1, 252, 36), "kids_pets": (2.9, 17.8, 5.2), "misc_net": (12.1, 807, 75), "misc_pos": (3.0, 9.0, 2.5),
    "personal_care": (3.3, 26, 12), "shopping_net": (22.6, 998, 94), "shopping_pos": (11.0, 887, 126),
    "travel": (2.0, 8.8, 3.1),
}  # fmt: skip

WEEKDAYS = np.array([1.40, 1.03, 0.70, 0.78, 0.80, 0.99, 1.30])  # Monday first, mean 1
MONTHS = np.array([0.66, 0.70, 0.90, 0.89, 0.91, 1.12, 1.11, 1.11, 0.93, 0.87, 0.93, 1.80])


def season(day: int) -> float:
    """Return the day's volume against an average day of the year; `day` is a `date.toordinal`.

    >>> round(season(date(2019, 12, 2).toordinal()), 2)  # a Monday in December
    2.53
    """
    when = date.fromordinal(day)
    return float(WEEKDAYS[when.weekday()] * MONTHS[when.month - 1] / _MONTHS_MEAN)


def hour_shares() -> Floats:
    """Return the share of each hour, one row for each rhythm and category (rhythm x 14 + category)."""
    hours = np.arange(24)
    peaks = np.array([9, 13, 18, 22])[:, None, None]
    before_noon = np.array([spending.before_noon for spending in SPENDING.values()])[None, :, None]
    halves = np.where(hours < 12, before_noon, 1 - before_noon)
    shares: Floats = halves * (1 + 0.35 * np.cos((hours - peaks) * np.pi / 12))
    return shares.reshape(RHYTHMS * len(CATEGORIES), 24)


def night_shares() -> Floats:
    """Return the share of each hour in a card burst: 85 % lies between 22 h and 4 h."""
    shares = np.full(24, 0.85)
    shares[[22, 23]], shares[:4] = 25.6, 8.3
    return shares


_MONTHS_MEAN = float(MONTHS @ [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] / 365)
