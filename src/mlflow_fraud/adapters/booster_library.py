"""XGBoost's own library, asked by its C interface for what each feature adds to a score.

Its Python package imports scikit-learn and pandas wherever they are installed: 145 MB and a second of a service's
start, for one call. The library alone takes 19 MB. See `xgboost/c_api.h` for the functions.
"""

from __future__ import annotations

import ctypes
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from weakref import finalize

import numpy as np
import numpy.typing as npt

from mlflow_fraud.adapters.model_formats.booster_file import read_booster
from mlflow_fraud.core.errors import ReleaseRejected

NAMES = ("libxgboost.so", "libxgboost.dylib", "xgboost.dll")
"""What the library is called, by system."""

CONTRIBUTIONS = json.dumps(
    {"type": 2, "training": False, "iteration_begin": 0, "iteration_end": 0, "strict_shape": False}
).encode()
"""Exact TreeSHAP with all trees; the last number of a row is where they begin."""

ONE_THREAD = json.dumps({"missing": float("nan"), "nthread": 1}).encode()


class BoosterLibrary:
    """A booster in the library, on one thread; raises `ReleaseRejected` where its file is not sound."""

    def __init__(self, content: bytes) -> None:
        self._features = read_booster(content).features
        self._library, self._booster = _library(), ctypes.c_void_p()
        try:
            self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._booster))
            self._end = finalize(self, self._library.XGBoosterFree, self._booster)
            self._call("XGBoosterLoadModelFromBuffer", self._booster, content, ctypes.c_uint64(len(content)))
            self._call("XGBoosterSetParam", self._booster, b"nthread", b"1")
        except RuntimeError as error:
            raise ReleaseRejected(f"the booster is not one that XGBoost loads: {error}") from None

    def contributions(self, row: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return what each feature adds to the log odds of a row, shape (features + 1,): the last is the beginning.

        One thread asks at a time. Raises `ValueError` for a row of another shape, `RuntimeError` as the library does.
        """
        if row.shape != (self._features,):
            raise ValueError(f"expected {self._features} features, found {row.shape}")
        held = np.ascontiguousarray(row, np.float32)
        rows, shape, axes = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        found = ctypes.POINTER(ctypes.c_float)()
        self._call("XGDMatrixCreateFromDense", _described(held), ONE_THREAD, ctypes.byref(rows))
        try:
            into = (ctypes.byref(shape), ctypes.byref(axes), ctypes.byref(found))
            self._call("XGBoosterPredictFromDMatrix", self._booster, rows, CONTRIBUTIONS, *into)
            numbers = np.ctypeslib.as_array(found, shape=(self._features + 1,))
            return numbers.astype(np.float64)  # a copy: the library's own is overwritten by the next
        finally:
            self._library.XGDMatrixFree(rows)

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            said = self._library.XGBGetLastError().decode(errors="replace")
            raise RuntimeError(said.strip().splitlines()[0][:200])


def _described(row: npt.NDArray[np.float32]) -> bytes:
    """Return where the numbers of a row lie, as NumPy's array interface says it."""
    place = {"data": [row.ctypes.data, True], "shape": [1, len(row)], "typestr": "<f4", "version": 3}
    return json.dumps(place).encode()


@cache
def _library() -> ctypes.CDLL:
    """Return the library of the installed package, without importing the package."""
    package = find_spec("xgboost")
    folders = [Path(place) / "lib" for place in (package.submodule_search_locations or ())] if package else []
    files = [folder / name for folder in folders for name in NAMES if (folder / name).is_file()]
    if not files:
        raise ReleaseRejected("the library of XGBoost is not installed here, which gives the reasons of a booster")
    library = ctypes.CDLL(str(files[0]))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library
