"""The shipped features as one writes them in pandas, to measure the batch engine against.

Windows are `groupby.rolling(span, closed="left")`, those since midnight grouped running totals, labels two
`merge_asof`. Distinct counts and last values come in three ways: `plain`, by `rolling.apply` as it is by default, each
window a Series; `apply`, the same on arrays (`raw=True`); and `native`, by `rolling.nunique` of pandas 3 and by shifts
over the instants of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    THOUSANDTHS,
    TODAY,
    Entities,
    Feature,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    span_of,
    windows_behind,
)
from mlflow_fraud.core.features.schema import FeatureSchema

Way = Literal["plain", "apply", "native"]
Floats = npt.NDArray[np.float64]

EVER = pd.Timedelta(days=36_500)
NIGHT_FROM, NIGHT_TO = 22, 4
EARTH_RADIUS_KM = 6371.0088


class PandasFeatures:
    """The features of a frame that is in time order, by their names."""

    def __init__(self, transactions: pl.DataFrame, schema: FeatureSchema, way: Way) -> None:
        self.schema, self.way = schema, way
        self.frame = transactions.to_pandas()
        self.frame.index = pd.DatetimeIndex(self.frame["event_time"])
        self.at = self.frame["event_time"].to_numpy()
        self.frame["midnight"] = self.at.astype("datetime64[D]").astype(self.at.dtype)
        self.made: dict[str, Floats] = {}
        self.order = cache(self._order)
        self.first_of_instant = cache(self._first_of_instant)

    def all(self) -> pd.DataFrame:
        """Return every feature of the schema in its order."""
        scores = [f for f in self.schema.features if isinstance(f, Score)]
        windows = windows_behind(self.schema.features)
        of_scores = {score.name for score in scores}
        for window in windows:
            if window.of not in of_scores:
                self.made[window.name] = self._window(window)
        for score in scores:
            self.made[score.name] = self._score(score)
            self.frame[score.name] = self.made[score.name]
        for window in windows:
            if window.of in of_scores:
                self.made[window.name] = self._window(window)
        return pd.DataFrame({f.name: self._feature(f).astype(np.float32) for f in self.schema.features})

    def _feature(self, feature: Feature) -> Floats:
        match feature:
            case Row(name):
                return self._row(name)
            case Ratio(upper, lower):
                above, below = (self._operand(name) for name in (upper, lower))
                return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0))
            case Labels():
                return self._labels(feature)
            case Last():
                self.made[feature.name] = self._last(feature)
        return self._operand(feature.name)

    def _operand(self, name: str) -> Floats:
        if Row(name) in self.schema.features:
            return self._row(name)
        return self.made[name] / THOUSANDTHS if name in self.schema.in_thousandths else self.made[name]

    def _row(self, name: str) -> Floats:
        at, of = pd.DatetimeIndex(self.at), self.frame
        if name == "hour":
            return (at.hour + (at.minute * 60 + at.second) / 3600).to_numpy(float)
        if name == "weekday":
            return at.dayofweek.to_numpy(float) + 1
        if name == "night":
            return self._night().astype(float)
        if name == "age":
            birth = pd.to_datetime(of["birth_date"]).to_numpy().astype("datetime64[D]")
            return np.asarray((self.at.astype("datetime64[D]") - birth).astype(float) / 365.25)
        if name == "distance":
            return self._distance()
        return self._numbers(name)

    def _night(self) -> npt.NDArray[np.bool_]:
        hour = pd.DatetimeIndex(self.at).hour.to_numpy()
        return np.asarray((hour >= NIGHT_FROM) | (hour < NIGHT_TO))

    def _distance(self) -> Floats:
        ends = [f"{place}_{axis}" for place in self.schema.contract.places[:2] for axis in ("latitude", "longitude")]
        lat1, long1, lat2, long2 = (np.radians(self.frame[end].to_numpy(float)) for end in ends)
        a = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((long2 - long1) / 2) ** 2
        return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(a, 0, 1))))

    def _numbers(self, name: str) -> Floats:
        """Return a column as numbers; a category is its place in the schema's list."""
        column = self.frame[name]
        if name in self.schema.categories:
            codes = pd.Categorical(column, categories=list(self.schema.categories[name])).codes.astype(float)
            return np.where(codes < 0, np.nan, codes)
        return column.to_numpy(float)

    def _seen(self, of: str, window: Window) -> Floats:
        """Return the column with only what the window sees, texts as codes."""
        column = self.frame[of]
        if column.dtype.kind in "iuf":
            values = column.to_numpy(float)
        else:
            codes = pd.factorize(column)[0].astype(float)
            values = np.where(codes < 0, np.nan, codes)
        if of != AMOUNT and of not in self.schema.whole and window.statistic != "distinct":
            values = np.floor(values * THOUSANDTHS + 0.5)
        if window.only == "night":
            return np.where(self._night(), values, np.nan)
        if window.only == "large":
            return np.where(self.frame[AMOUNT].to_numpy() >= self.schema.large_amount, values, np.nan)
        return values

    def _window(self, window: Window) -> Floats:
        values = self._seen(window.of, window)
        if window.span == TODAY:
            return self._since_midnight(values, window)
        rolling = self._grouped(values, window.by, window.hop).rolling(window.span, closed="left")
        match window.statistic:
            case "distinct":
                made = (
                    rolling.nunique() if self.way == "native" else self._applied(rolling, _distinct, pd.Series.nunique)
                )
            case "std":
                made = rolling.std(ddof=0)
            case statistic:
                made = getattr(rolling, statistic)()
        result = self._put_back(made.to_numpy(float), window.by)
        if window.statistic == "std":
            count = Window(window.by, window.span, "count", window.only, window.of, window.hop)
            return np.where(self._window(count) > 1, result, np.nan)
        return np.nan_to_num(result) if window.statistic in ("count", "sum", "distinct") else result

    def _since_midnight(self, values: Floats, window: Window) -> Floats:
        keys = [*(self.frame[name].to_numpy() for name in window.by), self.frame["midnight"].to_numpy()]
        count = self._before(pd.Series(~np.isnan(values)).groupby(keys, dropna=False).cumsum(), keys, window.by)
        if window.statistic == "count":
            return np.nan_to_num(count)
        if window.statistic in ("min", "max"):
            running = pd.Series(values).groupby(keys, dropna=False)
            extreme = running.cummin() if window.statistic == "min" else running.cummax()
            return self._before(extreme.groupby(keys, dropna=False).ffill(), keys, window.by)
        total = self._before(pd.Series(np.nan_to_num(values)).groupby(keys, dropna=False).cumsum(), keys, window.by)
        if window.statistic == "sum":
            return np.nan_to_num(total)
        return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=np.nan_to_num(count) > 0))

    def _before(self, running: pd.Series[Any], keys: list[Any], by: Entities) -> Floats:
        """Return what a running total was before the row's instant."""
        return np.asarray(running.groupby(keys, dropna=False).shift(1).to_numpy(float)[self.first_of_instant(by)])

    def _score(self, score: Score) -> Floats:
        mean, std = self.made[score.mean.name], self.made[score.std.name]
        far = self.frame[AMOUNT].to_numpy(float) - mean
        score_of = np.divide(far, std, out=np.full(len(std), np.nan), where=std > 0)
        return np.asarray(np.floor(score_of * THOUSANDTHS + 0.5))

    def _last(self, last: Last) -> Floats:
        if last.take == "seconds":
            values = self.at.astype("datetime64[us]").astype(np.int64) / 1e6
            return np.asarray(values - self._value_before(values, last))
        return self._value_before(self._numbers(last.take), last)

    def _value_before(self, values: Floats, last: Last) -> Floats:
        groups = self._grouped(values, last.by)
        if self.way == "native":
            return np.asarray(groups.shift(last.back).to_numpy(float)[self.first_of_instant(last.by)])
        ever = groups.rolling(EVER, closed="left", min_periods=0)
        before = self._applied(ever, _newest(last.back), _newest_of_series(last.back))
        return self._put_back(before.to_numpy(float), last.by)[self.first_of_instant(last.by)]

    def _applied(self, rolling: Any, of_array: Callable[[Floats], float], of_series: Callable[[Any], float]) -> Any:
        return rolling.apply(of_series) if self.way == "plain" else rolling.apply(of_array, raw=True)

    def _labels(self, labels: Labels) -> Floats:
        by = list(labels.by)
        arrived = self.frame[[*by, "label", "event_time"]].reset_index(drop=True)
        arrived["arrived"] = arrived["event_time"] + self.schema.label_delay
        arrived = arrived.sort_values("arrived", kind="stable")
        arrived["count"] = arrived.groupby(by).cumcount() + 1
        arrived["frauds"] = arrived.groupby(by)["label"].cumsum()
        until, since = (self._arrived_before(end, arrived, by) for end in (self.at, self._start(labels.span)))
        count, frauds = until["count"] - since["count"], until["frauds"] - since["frauds"]
        match labels.statistic:
            case "labels":
                return count.to_numpy(float)
            case "frauds":
                return frauds.to_numpy(float)
            case "fraud_rate":
                return (frauds / count.where(count > 0)).to_numpy(float)

    def _arrived_before(self, end: npt.NDArray[Any], arrived: pd.DataFrame, by: list[str]) -> pd.DataFrame:
        rows = self.frame[by].reset_index(drop=True).assign(end=end)
        columns = arrived[[*by, "arrived", "count", "frauds"]]
        joined = pd.merge_asof(rows, columns, left_on="end", right_on="arrived", by=by, allow_exact_matches=False)
        return joined[["count", "frauds"]].fillna(0)

    def _start(self, span: str) -> npt.NDArray[Any]:
        return self.frame["midnight"].to_numpy() if span == TODAY else self.at - np.timedelta64(span_of(span))

    def _grouped(self, values: Floats, by: Entities, hop: str | None = None) -> Any:
        at: Any = self.frame.index
        at = at if hop is None else at.floor(span_of(hop))
        return pd.Series(values, at).groupby([self.frame[name].to_numpy() for name in by], dropna=False)

    def _order(self, by: Entities) -> npt.NDArray[np.int64]:
        """Return the places of the rows in the order in which a grouped window hands them back."""
        return np.argsort(self.frame.groupby(list(by), dropna=False).ngroup().to_numpy(), kind="stable")

    def _put_back(self, grouped: Floats, by: Entities) -> Floats:
        result = np.empty_like(grouped)
        result[self.order(by)] = grouped
        return result

    def _first_of_instant(self, by: Entities) -> npt.NDArray[np.int64]:
        keys = [*(self.frame[name].to_numpy() for name in by), self.at]
        return pd.Series(np.arange(len(self.at))).groupby(keys, dropna=False).transform("first").to_numpy()


def _distinct(values: Floats) -> float:
    return float(len(np.unique(values[~np.isnan(values)])))


def _newest(back: int) -> Callable[[Floats], float]:
    return lambda values: values[-back] if len(values) >= back else np.nan


def _newest_of_series(back: int) -> Callable[[pd.Series[Any]], float]:
    return lambda values: values.iloc[-back] if len(values) >= back else np.nan
