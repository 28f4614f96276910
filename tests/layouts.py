"""Made-up files in the layouts of public fraud data sets: the columns, types and notations, no value of theirs.

`python -m tests.layouts paysim .local/paysim.csv` writes one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.random import Generator, default_rng

LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
FRAUD_SHARE = 0.04
ROWS = 10_000


def creditcard(rows: int = ROWS, seed: int = 1) -> pl.DataFrame:
    """Return rows as in creditcard.csv: seconds since the first one, components, an amount and a class in quotes."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)
    seconds = np.sort(rng.integers(0, 172_800, rows))
    parts = rng.normal(size=(rows, 28)) - fraud[:, None] * np.linspace(3, 0, 28)
    times = pl.Series(seconds).cast(pl.String)
    return pl.DataFrame(
        {
            "Time": times.scatter(rows // 2, "1e+05").cast(pl.String),
            **{f"V{i + 1}": [f"{value:.15g}" for value in parts[:, i] * 10.0 ** -(i % 7)] for i in range(28)},
            "Amount": _amounts(rng, rows),
            "Class": fraud.astype(str),
        }
    ).sort(pl.col("Time").cast(pl.Float64))


def paysim(rows: int = ROWS, seed: int = 2) -> pl.DataFrame:
    """Return rows as in PaySim: hours as steps, accounts of both sides, balances before and after."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)
    kinds = np.where(fraud, rng.choice(["TRANSFER", "CASH_OUT"], rows), rng.choice(_PAYSIM_TYPES, rows))
    before = _amounts(rng, rows) * 40
    amount = np.where(fraud == 1, before, np.minimum(_amounts(rng, rows) * 8, before)).round(2)
    shop, mule = rng.integers(0, 300, rows), rng.integers(0, 25, rows)
    dest = np.where(kinds == "PAYMENT", shop + 1_000_000_000, shop + 2_000_000_000)
    dest = np.where(fraud == 1, mule + 3_000_000_000, dest)
    old = _amounts(rng, rows) * 100
    return pl.DataFrame(
        {
            "step": np.sort(rng.integers(1, 744, rows)),
            "type": kinds,
            "amount": amount,
            "nameOrig": [f"C{number}" for number in rng.integers(10**8, 10**10, rows)],
            "oldbalanceOrg": before.round(2),
            "newbalanceOrig": (before - amount).round(2),
            "nameDest": [f"{'M' if kind == 'PAYMENT' else 'C'}{n}" for kind, n in zip(kinds, dest, strict=True)],
            "oldbalanceDest": old.round(2),
            "newbalanceDest": (old + amount).round(2),
            "isFraud": fraud,
            "isFlaggedFraud": fraud * (amount > np.quantile(amount, 0.999)),
        }
    )


def banksim(rows: int = ROWS, seed: int = 3) -> pl.DataFrame:
    """Return rows as in BankSim: days as steps, every text in single quotes of its own."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)
    kinds = np.where(fraud, rng.choice(_BANKSIM_KINDS[-4:], rows), rng.choice(_BANKSIM_KINDS, rows))
    quoted = {
        "customer": [f"C{number}" for number in rng.integers(0, 400, rows) + 1_000_000_000],
        "age": rng.choice([*"0123456", "U"], rows),
        "gender": rng.choice([*"FMEU"], rows, p=[0.55, 0.43, 0.01, 0.01]),
        "zipcodeOri": ["28007"] * rows,
        "merchant": [f"M{number}" for number in rng.integers(0, 50, rows) + 300_000_000],
        "zipMerchant": ["28007"] * rows,
        "category": kinds,
    }
    return pl.DataFrame(
        {
            "step": np.sort(rng.integers(0, 180, rows)),
            **{name: [f"'{value}'" for value in values] for name, values in quoted.items()},
            "amount": (_amounts(rng, rows) * (1 + 6 * fraud)).round(2),
            "fraud": fraud,
        }
    )


def ieee_cis(rows: int = ROWS, seed: int = 4) -> pl.DataFrame:
    """Return rows as in IEEE-CIS' train_transaction: seconds, codes as decimals, flags as letters, many gaps."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)
    codes = {"card2": 500, "card3": 114, "card5": 115}
    cards = {
        "card1": rng.integers(1000, 2200, rows),
        **{name: _with_gaps(rng, rng.integers(100, 100 + n, rows).astype(float)) for name, n in codes.items()},
        "card4": rng.choice(["visa", "mastercard", "discover"], rows),
        "card6": rng.choice(["debit", "credit"], rows),
    }
    matches = {f"M{i}": _with_gaps(rng, rng.choice(["T", "F"], rows)) for i in range(1, 10)}
    matches["M4"] = _with_gaps(rng, rng.choice(["M0", "M1", "M2"], rows))
    flags = {f"V{i}": _with_gaps(rng, rng.integers(0, 4, rows).astype(float)) for i in range(1, 340)}
    flags["V258"] = _with_gaps(rng, rng.integers(0, 4, rows) + 2.0 * fraud)
    return pl.DataFrame(
        {
            "TransactionID": np.arange(2_987_000, 2_987_000 + rows),
            "isFraud": fraud,
            "TransactionDT": 86_400 + np.sort(rng.choice(15_000_000, rows, replace=False)),
            "TransactionAmt": (_amounts(rng, rows) + 0.005).round(3),
            "ProductCD": rng.choice([*"WCRHS"], rows),
            **{f"card{i}": cards[f"card{i}"] for i in range(1, 7)},
            "addr1": _with_gaps(rng, rng.integers(100, 430, rows).astype(float)),
            "addr2": _with_gaps(rng, rng.choice([87.0, 60.0, 96.0], rows)),
            "dist1": _with_gaps(rng, rng.integers(0, 3000, rows).astype(float)),
            "dist2": _with_gaps(rng, rng.integers(0, 3000, rows).astype(float)),
            "P_emaildomain": _with_gaps(rng, rng.choice(["gmail.com", "yahoo.com", "hotmail.com"], rows)),
            "R_emaildomain": _with_gaps(rng, rng.choice(["gmail.com", "anonymous.com"], rows)),
            **{f"C{i}": rng.poisson(2 + 3 * fraud, rows).astype(float) for i in range(1, 15)},
            **{f"D{i}": _with_gaps(rng, rng.integers(0, 640, rows).astype(float)) for i in range(1, 16)},
            **matches,
            **flags,
        }
    )


def bank_account(rows: int = ROWS, seed: int = 5) -> pl.DataFrame:
    """Return rows as in the Bank Account Fraud suite: applications with a month, and measures of many kinds."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)

    def flags() -> np.ndarray:
        return rng.integers(0, 2, rows)

    return pl.DataFrame(
        {
            "fraud_bool": fraud,
            "income": rng.choice(np.arange(1, 10) / 10, rows),
            "name_email_similarity": rng.random(rows) * (1 - 0.6 * fraud),
            "prev_address_months_count": rng.integers(-1, 380, rows),
            "current_address_months_count": rng.integers(-1, 420, rows),
            "customer_age": rng.choice(np.arange(10, 100, 10), rows),
            "days_since_request": rng.exponential(1, rows),
            "intended_balcon_amount": rng.normal(10, 20, rows),
            "payment_type": rng.choice(["AA", "AB", "AC", "AD", "AE"], rows),
            "zip_count_4w": rng.integers(1, 6700, rows),
            **{name: rng.normal(5000, 1500, rows) for name in ("velocity_6h", "velocity_24h", "velocity_4w")},
            "bank_branch_count_8w": rng.integers(0, 2400, rows),
            "date_of_birth_distinct_emails_4w": rng.integers(0, 40, rows),
            "employment_status": rng.choice(["CA", "CB", "CC", "CD"], rows),
            "credit_risk_score": rng.integers(-170, 390, rows) + 60 * fraud,
            "email_is_free": flags(),
            "housing_status": rng.choice(["BA", "BB", "BC", "BD"], rows),
            **{name: flags() for name in ("phone_home_valid", "phone_mobile_valid")},
            "bank_months_count": rng.integers(-1, 33, rows),
            "has_other_cards": flags(),
            "proposed_credit_limit": rng.choice([200.0, 500.0, 1000.0, 1500.0, 2000.0], rows),
            "foreign_request": flags(),
            "source": rng.choice(["INTERNET", "TELEAPP"], rows, p=[0.99, 0.01]),
            "session_length_in_minutes": rng.exponential(7, rows),
            "device_os": rng.choice(["windows", "linux", "macintosh", "other"], rows),
            "keep_alive_session": flags(),
            "device_distinct_emails_8w": rng.choice([-1, 0, 1, 2], rows),
            "device_fraud_count": np.zeros(rows, int),
            "month": np.sort(rng.integers(0, 8, rows)),
        }
    )


def ecommerce(rows: int = ROWS, seed: int = 6) -> pl.DataFrame:
    """Return rows as in Fraud_Data.csv: one purchase a user, devices that several share, addresses as numbers."""
    rng = default_rng(seed)
    fraud = _frauds(rng, rows)
    bought = np.sort(rng.choice(180 * 86_400, rows, replace=False))
    waited = np.where(fraud == 1, 1, rng.integers(86_400, 120 * 86_400, rows))
    devices = _words(rng, 2000, 13)
    return pl.DataFrame(
        {
            "user_id": rng.permutation(400_000)[:rows],
            "signup_time": [_written(second) for second in bought - waited],
            "purchase_time": [_written(second) for second in bought],
            "purchase_value": rng.integers(9, 154, rows),
            "device_id": np.where(fraud == 1, devices[rng.integers(0, 20, rows)], devices[rng.integers(0, 2000, rows)]),
            "source": rng.choice(["SEO", "Ads", "Direct"], rows),
            "browser": rng.choice(["Chrome", "Safari", "IE", "FireFox", "Opera"], rows),
            "sex": rng.choice(["M", "F"], rows),
            "age": rng.integers(18, 76, rows),
            "ip_address": [f"{value:.11g}" for value in rng.random(rows) * 4e9],
            "class": fraud,
        }
    )


LAYOUTS: Mapping[str, Callable[[], pl.DataFrame]] = {
    "creditcard": creditcard,
    "paysim": paysim,
    "banksim": banksim,
    "ieee_cis": ieee_cis,
    "bank_account": bank_account,
    "ecommerce": ecommerce,
}


def write(frame: pl.DataFrame, file: Path) -> Path:
    """Write a file as its publisher does: creditcard.csv has quotes around its classes."""
    quotes: Literal["non_numeric", "necessary"] = "non_numeric" if "Class" in frame.columns else "necessary"
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(file, quote_style=quotes)
    return file


_PAYSIM_TYPES = ["PAYMENT", "TRANSFER", "CASH_OUT", "DEBIT", "CASH_IN"]
_BANKSIM_KINDS = [
    f"es_{kind}" for kind in "transportation food health fashion home leisure travel sportsandtoys".split()
]


def _frauds(rng: Generator, rows: int) -> np.ndarray:
    return (rng.random(rows) < FRAUD_SHARE).astype(int)


def _amounts(rng: Generator, rows: int) -> np.ndarray:
    return (rng.lognormal(3.5, 1, rows) + 0.5).round(2)


def _with_gaps(rng: Generator, values: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(rng.random(len(values)) > 0.3)).then(pl.Series(values))).to_series()


def _words(rng: Generator, words: int, letters: int) -> np.ndarray:
    return np.array(["".join(word) for word in LETTERS[rng.integers(0, 26, (words, letters))]])


def _written(second: int) -> str:
    return (datetime(2015, 2, 1) + timedelta(seconds=int(second))).strftime("%Y-%m-%d %H:%M:%S")


if __name__ == "__main__":
    layout, target = sys.argv[1:]
    write(LAYOUTS[layout](), Path(target))
