"""A drafted contract is one that reads, with the roles that a person would give."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.describing.drafting import draft
from mlflow_fraud.core.document import read_document
from mlflow_fraud.simulation import SimulationPlan, simulate


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.all().cast(pl.String))


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    """Two months in the layout of the default contract, as text."""
    return as_text(simulate(SimulationPlan(start=date(2020, 1, 1), days=60, transactions=4000, cards=40, merchants=60)))


def test_the_roles_of_the_default_layout_are_guessed(raw: pl.DataFrame, contract: Contract) -> None:
    drafted = read_contract(yaml.safe_load(draft(raw, "own")), where="draft")
    guessed = {column.source: (column.role, column.type) for column in drafted.columns}
    stated = {column.source: (column.role, column.type) for column in contract.columns if column.source in raw.columns}
    assert guessed == stated
    assert set(drafted.places) == {"home", "merchant"}


def test_a_column_of_card_numbers_is_proposed_as_a_secret_and_one_of_short_ids_is_not(raw: pl.DataFrame) -> None:
    proposed = "# Careful: the values of cc_num look like numbers of cards or accounts; `secret: true` in the line"
    assert proposed in draft(raw, "own")
    short = raw.with_columns(pl.col("cc_num").str.slice(-4))
    assert "secret" not in draft(short, "own")
    ibans = raw.with_columns(pl.lit("DE89 3704 0044 0532 0130 00").alias("cc_num"))
    assert proposed in draft(ibans, "own")
    drafted = draft(raw, "own")
    assert not any(card in drafted for card in raw["cc_num"].unique())


def test_what_was_not_found_is_named_on_top(raw: pl.DataFrame) -> None:
    text = draft(raw.drop("is_fraud", "amt"), "own")
    assert "# TO DO: no column seems to be the amount; give one of them `role: amount`." in text
    assert "# TO DO: no column seems to be the label" in text
    assert text.count("# TO DO") == 2


def test_gaps_other_times_and_leading_zeros_are_seen(raw: pl.DataFrame) -> None:
    sample = pl.DataFrame(
        {
            "payment_id": ["1", "2", "3"],
            "when": ["01.02.2020 10:00", "02.02.2020 11:30", "03.02.2020 00:00"],
            "branch code": ["007", "012", "012"],
            "score": ["1", None, "1"],
        }
    )
    columns = yaml.safe_load(draft(sample, "own"))["columns"]
    assert columns["payment_id"] == {"role": "event_id", "type": "integer"}
    assert columns["when"] == {"role": "event_time", "type": "timestamp", "format": "%d.%m.%Y %H:%M"}
    assert columns["branch code"]["type"] == "text"
    assert columns["score"]["nullable"] is True


def test_ranges_are_drafted_where_a_role_has_them_and_shown_where_they_tell_no_person(raw: pl.DataFrame) -> None:
    text = draft(raw, "own")
    columns = yaml.safe_load(text)["columns"]
    assert (columns["lat"]["minimum"], columns["lat"]["maximum"]) == (-90, 90)
    assert (columns["is_fraud"]["minimum"], columns["is_fraud"]["maximum"]) == (0, 1)
    assert columns["amt"]["minimum"] == 0
    shown = {line.split(":")[0].strip() for line in text.splitlines() if line.endswith("in the sample")}
    assert shown == {"trans_date_trans_time", "category", "amt", "city_pop"}


def test_the_time_of_a_label_and_times_with_an_offset_are_seen() -> None:
    sample = pl.DataFrame(
        {
            "at": ["2020-01-01T10:00:00+01:00", "2020-01-02T10:00:00+01:00"],
            "chargeback_at": ["2020-02-01 10:00:00", None],
            "no": ["1.5", "2.5"],
        }
    )
    columns = read_document(draft(sample, "own"), where="draft").values["columns"]
    assert columns["at"] | {"role": "event_time"} == columns["at"]
    assert (columns["at"]["format"], columns["at"]["timezone"]) == ("%Y-%m-%dT%H:%M:%S%z", "UTC")
    assert (columns["chargeback_at"]["role"], columns["chargeback_at"]["nullable"]) == ("label_time", True)
    assert "no" in columns


def drafted(**columns: list[str | None]) -> str:
    """Return the draft for these columns beside an id, an amount and a label, forty rows of each."""
    usual = {
        "id": [f"{1000 + i}" for i in range(ROWS)],
        "amount": [f"{i}.5" for i in range(ROWS)],
        "is_fraud": [f"{int(i % 9 == 0)}" for i in range(ROWS)],
    }
    return draft(pl.DataFrame({"at": HOURS} | usual | columns), "own")


def without_label(**columns: list[str | None]) -> str:
    """Return the draft for these columns beside a time, an id and an amount."""
    usual = {"at": HOURS, "id": [f"{1000 + i}" for i in range(ROWS)], "amount": HUNDREDTHS}
    return draft(pl.DataFrame(usual | columns), "own")


def top(text: str) -> str:
    """Return what a draft says before it begins, in one line."""
    return " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))


def column(text: str, source: str) -> dict[str, object]:
    contract = read_contract(yaml.safe_load(text), where="draft")
    found: dict[str, object] = yaml.safe_load(text)["columns"][source]
    assert source in [each.source for each in contract.columns]
    return found


ROWS = 40
DAYS = [date(2020, 1, 1) + timedelta(days=9 * i) for i in range(ROWS)]
HOURS = [f"{day} 10:{i:02}:00" for i, day in enumerate(DAYS)]

TIMES = [
    ("%Y-%m-%d %H:%M:%S", "2020-{m:02}-{d:02} 10:{i:02}:07", "%Y-%m-%d %H:%M:%S"),
    ("T and an offset", "2020-{m:02}-{d:02}T10:{i:02}:07+01:00", "%Y-%m-%dT%H:%M:%S%z"),
    ("T and Z", "2020-{m:02}-{d:02}T10:{i:02}:07Z", "%Y-%m-%dT%H:%M:%S%z"),
    ("one digit of a second", "2020-{m:02}-{d:02} 10:{i:02}:07.{t}", "%Y-%m-%d %H:%M:%S%.f"),
    ("nine digits of a second", "2020-{m:02}-{d:02}T10:{i:02}:07.1234567{i:02}Z", "%Y-%m-%dT%H:%M:%S%.f%z"),
    ("a zone in words", "2020-{m:02}-{d:02} 10:{i:02}:07 UTC", "%Y-%m-%d %H:%M:%S UTC"),
    ("another zone in words", "2020-{m:02}-{d:02} 10:{i:02} CET", "%Y-%m-%d %H:%M CET"),
    ("the time of day first", "10:{i:02} {d:02}/{m:02}/2020", "%H:%M %d/%m/%Y"),
    ("a database's", "2020-{m:02}-{d:02}-10.{i:02}.07.000000", "%Y-%m-%d-%H.%M.%S%.f"),
    ("a program's", "{a} {b} {d:02} 10:{i:02}:07 2020", "%a %b %d %H:%M:%S %Y"),
    ("the hour alone", "2020-{m:02}-{d:02} 10", "%Y-%m-%d %H"),
    ("slashes, year first", "2020/{m:02}/{d:02} 10:{i:02}", "%Y/%m/%d %H:%M"),
    ("points", "{d}.{m}.2020 9:{i:02}", "%d.%m.%Y %H:%M"),
    ("points, two digits of a year", "{d:02}.{m:02}.20 09:{i:02}", "%d.%m.%y %H:%M"),
    ("day first", "{d:02}/{m:02}/2020 10:{i:02}:07", "%d/%m/%Y %H:%M:%S"),
    ("month first, AM or PM", "{m}/{d}/2020 1:{i:02}:07 PM", "%m/%d/%Y %I:%M:%S %p"),
    ("month first, small letters", "{m:02}/{d:02}/20 01:{i:02}pm", "%m/%d/%y %I:%M%p"),
    ("compact", "2020{m:02}{d:02}10{i:02}07", "%Y%m%d%H%M%S"),
    ("compact without seconds", "2020{m:02}{d:02}10{i:02}", "%Y%m%d%H%M"),
    ("compact with a space", "2020{m:02}{d:02} 10{i:02}07", "%Y%m%d %H%M%S"),
    ("a month's name", "{d:02} {b} 2020 10:{i:02}", "%d %b %Y %H:%M"),
    ("a month's name first", "{b} {d}, 2020 10:{i:02} AM", "%b %d, %Y %I:%M %p"),
    ("capitals", "{d:02}-{B}-20 10.{i:02}.07.000000 AM", "%d-%b-%y %I.%M.%S%.f %p"),
    ("a web server's", "{d:02}/{b}/2020:10:{i:02}:07 +0000", "%d/%b/%Y:%H:%M:%S %z"),
]


@pytest.mark.parametrize(("written", "format"), [each[1:] for each in TIMES], ids=[each[0] for each in TIMES])
def test_every_usual_form_of_a_time_is_known(written: str, format: str) -> None:
    times = [
        written.format(d=day.day, m=day.month, i=i, t=i % 10, a=f"{day:%a}", b=f"{day:%b}", B=f"{day:%b}".upper())
        for i, day in enumerate(DAYS)
    ]
    found = column(drafted(at=times), "at")
    assert (found["role"], found["format"]) == ("event_time", format)
    assert found.get("timezone") == ("UTC" if "%z" in format else None)


COUNTS = [
    ("at", 1_577_836_800, 3600, "seconds", "1970-01-01"),
    ("ts", 1_577_836_800_000, 3_600_000, "milliseconds", "1970-01-01"),
    ("timestamp", 1_577_836_800.25, 3600.5, "seconds", "1970-01-01"),
    ("date", 43_831.5, 9.3, "days", "1899-12-30"),
    ("Time", 0, 4000, "seconds", "2001-01-01"),
    ("step", 1, 18, "hours", "2001-01-01"),
    ("step", 0, 4, "days", "2001-01-01"),
    ("hours_elapsed", 0, 4, "hours", "2001-01-01"),
    ("TransactionDT", 86400, 60_000, "seconds", "2001-01-01"),
]


@pytest.mark.parametrize(("name", "first", "each", "unit", "since"), COUNTS)
def test_a_count_of_time_has_a_unit_and_a_start(name: str, first: float, each: float, unit: str, since: str) -> None:
    counted = pl.DataFrame({name: [f"{first + each * i}" for i in range(ROWS)], "amount": HUNDREDTHS, "class": ZEROS})
    text = draft(counted, "own")
    found = column(text, name)
    assert (found["role"], found["unit"], found["since"]) == ("event_time", unit, since)
    assert ("# TO DO: " + name in text) == (since == "2001-01-01")


HUNDREDTHS = [f"{i}.25" for i in range(ROWS)]
ZEROS = ["0", "1"] * (ROWS // 2)


def test_a_time_that_may_be_day_or_month_first_is_said() -> None:
    both = [f"{1 + i % 3:02}/0{1 + i // 10}/2020 10:00" for i in range(ROWS)]
    text = drafted(at=both)
    assert 'every row of at in the sample can be read by "%m/%d/%Y %H:%M" as well' in text
    assert column(text, "at")["format"] == "%d/%m/%Y %H:%M"
    in_order = sorted(both, key=lambda at: (at[0:2], at[3:5]))
    assert column(drafted(at=in_order), "at")["format"] == "%m/%d/%Y %H:%M", "in which the rows are in time order"


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        pytest.param({"at": [str(day) for day in DAYS]}, "at is a day without a time of day", id="a day alone"),
        pytest.param(
            {"at": [str(day) for day in DAYS], "clock": [f"10:{i:02}" for i in range(ROWS)]},
            "when a payment was made is in at and clock: make one column of them",
            id="two columns",
        ),
        pytest.param(
            {
                "at": ["x"] * ROWS,
                "Year": ["2020"] * ROWS,
                "Month": ["1"] * ROWS,
                "Day": ["3", "4"] * 20,
                "Time": HUNDREDTHS,
            },
            "when a payment was made is in Year, Month and Day",
            id="a column each",
        ),
        pytest.param(
            {"at": [f"{1_577_836_800_000_000 + i}" for i in range(ROWS)]},
            "at counts microseconds since 1970: write milliseconds",
            id="microseconds",
        ),
    ],
)
def test_a_time_that_no_column_says_as_it_is_has_to_be_made(
    columns: dict[str, list[str | None]], sentence: str
) -> None:
    text = drafted(**columns)
    assert sentence in top(text)
    assert "role: event_time, type: timestamp" in text


NUMBERS = [
    ("exponents", ["4.2e-05", "0.5"], "decimal"),
    ("large exponents", ["1e+05", "7"], "integer"),
    ("signs", ["+1.5", "-2.5"], "decimal"),
    ("no digit before the point", [".5", "-.25"], "decimal"),
    ("no digit after it", ["5.", "6.25"], "decimal"),
    ("capital exponents", ["1.5E-7", "3"], "decimal"),
    ("missing words", ["1.5", "NA"], "decimal"),
    ("NaN", ["NaN", "2.5"], "decimal"),
]


@pytest.mark.parametrize(("values", "kind"), [each[1:] for each in NUMBERS], ids=[each[0] for each in NUMBERS])
def test_a_number_in_a_usual_notation_is_a_predictor(values: list[str | None], kind: str) -> None:
    text = drafted(score=values * (ROWS // 2))
    found = column(text, "score")
    assert (found["role"], found["type"]) == ("numeric", kind)
    assert ("leave that empty in the files" in text) == bool({"NA", "NaN"} & set(values)) == ("nullable" in found)


IDS = [
    ("cc_num", [f"{6_466_147_605_252_358_141 + i}" for i in range(ROWS)], "entity"),
    ("card_number", [f"{46_466_147_605_252_358_141 + i % 9}" for i in range(ROWS)], "entity"),
    ("acct", [f"00{i % 5}" for i in range(ROWS)], "entity"),
    ("nameOrig", [f"C{i}" for i in range(ROWS)], "entity"),
    ("sender_account", [f"{i % 6}.0" for i in range(ROWS)], "entity"),
    ("ip_address", [f"{732758368.79 + i}" for i in range(ROWS)], "personal"),
    ("ip", [f"10.0.0.{i}" for i in range(ROWS)], "unused"),
    ("session_id", [f"{i % 30}" for i in range(ROWS)], "unused"),
    ("reference_no", [f"{i % 30}" for i in range(ROWS)], "unused"),
    ("whatever", [f"{7919 * i}" for i in range(ROWS)], "unused"),
    ("customer_email", [f"a{i}@bank.example" for i in range(ROWS)], "personal"),
    ("merchant_zip", [f"{10115 + i % 7}" for i in range(ROWS)], "personal"),
    ("Merchant Name", [f"-{727_612_092_139 + i % 5}" for i in range(ROWS)], "entity"),
    ("Unnamed: 0", [f"{i}" for i in range(ROWS)], "unused"),
    ("device_hash", [f"{i}e+12" for i in range(1, ROWS + 1)], "entity"),
    ("tx_time_seconds", [f"{900 * i}" for i in range(ROWS)], "unused"),
    ("note", [f"text {i}" for i in range(ROWS)], "unused"),
]


@pytest.mark.parametrize(("name", "values", "role"), IDS, ids=[each[0] for each in IDS])
def test_no_identifier_becomes_a_predictor(name: str, values: list[str | None], role: str) -> None:
    text = drafted(**{name: values})
    assert column(text, name)["role"] == role
    assert role == "entity" or f"Left out: {name}: " in top(text), "what is left out is said"


MEASURES = [
    ("age", [f"{i % 6}" for i in range(ROWS)], "numeric"),
    ("age", [f"'{i % 6}'" for i in range(ROWS)], "categorical"),
    ("age", [f"'{'012345U'[i % 7]}'" for i in range(ROWS)], "categorical"),
    ("discount", [f"{i % 4}%" for i in range(ROWS)], "categorical"),
    ("app_version", [f"{1 + i % 3}.2.2020" for i in range(ROWS)], "categorical"),
    ("firmware", [f"10.{i % 4}.1" for i in range(ROWS)], "categorical"),
    ("build", [f"14.4.{i % 4}" for i in range(ROWS)], "categorical"),
    ("x", [f"14.4.{i % 4}" for i in range(ROWS)], "categorical"),
    ("V1", [f"{0.37 * i - 5:.9f}" for i in range(ROWS)], "numeric"),
    ("customer_age", [f"{20 + i % 30}" for i in range(ROWS)], "numeric"),
    ("account_balance", [f"{17 * i}" for i in range(ROWS)], "numeric"),
    ("x1", [f"{i % 7}" for i in range(ROWS)], "numeric"),
    ("num_items", [f"{i % 7}" for i in range(ROWS)], "numeric"),
    ("email_is_free", ["0", "1"] * 20, "numeric"),
    ("card_present", ["Y", "N"] * 20, "categorical"),
    ("M1", ["T", "F"] * 20, "categorical"),
    ("used_pin_number", ["0.0", "1.0"] * 20, "numeric"),
    ("is_weekend", ["True", "False"] * 20, "categorical"),
    ("mcc", ["5411", "5912"] * 20, "categorical"),
    ("card_type", ["visa", "amex"] * 20, "categorical"),
    ("merchant_category", ["food", "fuel"] * 20, "categorical"),
    ("discount", ["10%", "5%"] * 20, "categorical"),
]


@pytest.mark.parametrize(("name", "values", "role"), MEASURES, ids=[each[0] for each in MEASURES])
def test_what_is_measured_or_told_is_a_predictor(name: str, values: list[str | None], role: str) -> None:
    assert column(drafted(**{name: values}), name)["role"] == role


@pytest.mark.parametrize("name", ["isFlaggedFraud", "newbalanceOrig", "balance_after", "chargeback", "fraud_score"])
def test_what_is_known_too_late_is_left_out_with_a_word(name: str) -> None:
    text = drafted(**{name: ["0", "1"] * 20})
    assert column(text, name)["role"] == "unused"
    assert f"# Careful: {name}: by their names known only after the payment" in text


LABEL_WORDS = [
    ("is_fraud", "false", "true"),
    ("is_fraud", "N", "Y"),
    ("is_fraud", "No", "Yes"),
    ("is_fraud", "genuine", "fraud"),
    ("Betrug", "nein", "ja"),
    ("ist_betrug", "N", "J"),
    ("fraude", "non", "oui"),
    ("Fraude", "No", "Sí"),
    ("fraude", "não", "sim"),
    ("frode", "no", "sì"),
    ("fraudulent", "legitimate", "fraudulent"),
    ("chargeback", "no", "yes"),
    ("is_chargeback", "False", "True"),
    ("charged_back", "n", "y"),
    ("is_scam", "falsch", "wahr"),
    ("isScam", "F", "T"),
    ("class", "normal", "fraud"),
    ("label", "Legit", "Fraud"),
    ("betrugskennzeichen", "nein", "ja"),
]


@pytest.mark.parametrize(("name", "none", "fraud"), LABEL_WORDS)
def test_a_label_in_words_is_said(name: str, none: str, fraud: str) -> None:
    text = without_label(**{name: [none, none, fraud, none] * 10})
    assert f"{name} says {none} and {fraud}, a label is 0 or 1: write {fraud} as 1 and {none} as 0" in top(text)
    assert column(text, name)["role"] == "label"


@pytest.mark.parametrize("name", dict.fromkeys(name for name, *_ in LABEL_WORDS))
def test_a_label_of_0_and_1_needs_no_word(name: str) -> None:
    text = without_label(**{name: ZEROS})
    assert column(text, name)["role"] == "label"
    assert "TO DO" not in text


@pytest.mark.parametrize(
    ("name", "values"), [("Betrugsfall", ["x", "o"]), ("fraud", ["'0'", "'1'"]), ("frode", ["1", "2"])]
)
def test_a_label_of_other_values_is_said(name: str, values: list[str | None]) -> None:
    text = without_label(**{name: values * 20}, target_group=["a", "b"] * 20)
    assert f"{name} is called like a label and has 2 different values, a label is 0 or 1" in top(text)
    assert (column(text, name)["role"], column(text, "target_group")["role"]) == ("label", "categorical")


@pytest.mark.parametrize("values", [["ja", "nein"], ["x", "o"]])
def test_a_second_label_is_no_predictor(values: list[str | None]) -> None:
    assert column(drafted(betrug=values * 20), "betrug")["role"] == "unused"


def test_where_no_label_is_found_each_column_of_two_values_is_offered() -> None:
    switches = {f"s{i}": ZEROS for i in range(14)}
    text = without_label(
        **switches, outcome=["rot", "blau"] * 20, gender=["F", "M"] * 20, three=["a", "b", "c", "a"] * 10
    )
    said = top(text)
    to_do = said[said.index("no column seems to be the label") :].split("TO DO")[0].split("Chosen")[0]
    assert all(f" {name}" in to_do for name in (*switches, "outcome"))
    assert "outcome has two values that are not 0 and 1" in to_do
    assert "where its values are not 0 and 1, write fraud as 1 and the other as 0 in the files first" in to_do
    assert [word for word in ("gender", "three", "rot") if word in to_do] == []
    assert "none has two values: put one in the files" in top(without_label())


def test_a_label_of_more_values_is_said() -> None:
    text = drafted(is_fraud=["no", "suspected", "yes", "no"] * 10)
    assert "is_fraud is called like a label and has 3 different values" in text
    assert column(text, "is_fraud")["role"] == "label"


def test_which_of_two_columns_was_taken_is_said() -> None:
    text = drafted(price=HUNDREDTHS, settled_at=HOURS, posted_time=HOURS, target=ZEROS)
    said = top(text)
    assert "amount is taken for the amount, by their names price may be it too" in said
    assert "is_fraud is taken for the label, by their names target may be it too" in said
    assert "at is taken for the time, by their names posted_time may be it too" in said
    assert "Left out: settled_at and posted_time: times that nothing reads" in said
    assert column(text, "target")["role"] == "unused"


def test_an_amount_with_a_currency_is_said_and_one_with_three_decimals_kept() -> None:
    assert "amount has '$' in or around its numbers" in drafted(amount=[f"${i}.50" for i in range(ROWS)])
    assert "if that is the decimal mark" in top(drafted(amount=[f"{i + 1},250" for i in range(ROWS)]))
    three = drafted(amount=[f"{i}.125" for i in range(ROWS)])
    assert "\ncurrency_decimals: 3\n" in three
    assert "if the point stands between thousands" in top(three)
    assert "if the point stands between thousands" not in top(drafted(amount=["7.12", "1.125"] * 20))


def test_who_pays_stands_before_who_is_paid() -> None:
    text = drafted(merchant=["a", "b"] * 20, card_id=[f"c{i % 3}" for i in range(ROWS)])
    contract = read_contract(yaml.safe_load(text), where="draft")
    assert contract.entities == ("card", "merchant")


def test_a_column_that_is_called_like_another_inside_the_pipeline_is_left_out() -> None:
    text = drafted(merchant_id=[f"m{i % 3}" for i in range(ROWS)], merchant=["a", "b"] * 20)
    assert column(text, "merchant_id")["role"] == "entity"
    assert column(text, "merchant")["role"] == "unused"
    assert "merchant: called like another column inside the pipeline" in text


def test_what_may_be_there_once_is_there_once() -> None:
    unix = [f"{1_577_836_800 + 900 * i}" for i in range(ROWS)]
    born = [f"19{50 + i}-01-31" for i in range(ROWS)]
    text = drafted(unix_time=unix, epoch=unix, dob=born, partner_birth=born)
    assert (column(text, "unix_time")["role"], column(text, "epoch")["role"]) == ("clock", "unused")
    assert (column(text, "dob")["role"], column(text, "partner_birth")["role"]) == ("birth_date", "personal")


def test_half_a_place_is_a_number() -> None:
    assert column(drafted(lat=[f"5{i % 3}.25" for i in range(ROWS)]), "lat")["role"] == "numeric"


@pytest.mark.parametrize("name", ["ip", "client", "host", "x", "date", "at2", "address", "last_login_ip"])
@pytest.mark.parametrize("written", ["10.0.0.{}", "192.168.1.{}", "10.12.20.{}:443", "1.2.20.{}", "010.000.000.0{:02}"])
def test_an_address_is_no_time(name: str, written: str) -> None:
    text = drafted(**{name: [written.format(10 + i % 25) for i in range(ROWS)]})
    assert column(text, name)["role"] in ("unused", "personal", "entity")
    assert "times that nothing reads" not in top(text)
    assert column(text, "at")["role"] == "event_time"


@pytest.mark.parametrize(
    ("name", "written", "offered"),
    [
        ("txn", "{}", True),
        ("payment", "{}", True),
        ("Beleg", "{}", True),
        ("folio", "F-{}", True),
        ("nr", "{}", True),
        ("balance", "{}", False),
        ("seconds", "{}", False),
        ("customer_email", "a{}@bank.example", False),
        ("phone", "{}", False),
        ("remark", "text {}", False),
        ("host", "10.0.0.{}", False),
    ],
)
def test_a_column_whose_values_all_differ_is_offered_as_the_id(name: str, written: str, offered: bool) -> None:
    different = {name: [written.format(7919 * i % 211) for i in range(ROWS)]}
    text = draft(pl.DataFrame({"at": HOURS, "amount": HUNDREDTHS, "is_fraud": ZEROS} | different), "own")
    assert "so the number of a row in its file stands for it" in top(text)
    assert (f"{name} may be it" in top(text)) == offered
    assert ("then give it `role: event_id` in place of this line" in top(text)) == offered


def test_the_id_that_is_offered_can_take_the_place_of_the_row_number() -> None:
    numbered = pl.DataFrame({"txn": [f"{i}" for i in range(ROWS)], "at": HOURS, "amount": HUNDREDTHS, "fraud": ZEROS})
    text = (
        draft(numbered, "own")
        .replace("\nevent_id: row_number", "")
        .replace("txn: {role: unused", "txn: {role: event_id")
    )
    assert column(text, "txn")["role"] == "event_id"


def test_each_column_that_is_left_out_is_named_with_a_reason() -> None:
    unix = [f"{1_577_836_800 + 900 * i}" for i in range(ROWS)]
    born = [f"19{50 + i}-01-31" for i in range(ROWS)]
    notes = {f"note{i}": [f"text {j}" for j in range(ROWS)] for i in range(20)}
    text = drafted(
        **notes, dob=born, partner_birth=born, unix_time=unix, epoch=unix, gender=["F", "M"] * 20, nothing=[""] * ROWS
    )
    left_out = top(text).split("Left out: ")[1:]
    columns = yaml.safe_load(text)["columns"]
    unread = [name for name, spec in columns.items() if spec["role"] in ("unused", "personal")]
    assert len(unread) == 24
    assert [name for name in unread if not any(re.search(rf"\b{name}\b", said) for said in left_out)] == []
    said = "partner_birth and gender: personal data, which never goes on; `role: categorical, type: text` where the law"
    assert said in top(text)
    as_category = text.replace("gender: {role: personal", "gender: {role: categorical")
    assert column(as_category, "gender") == {"role": "categorical", "type": "text"}


NAMES = st.sampled_from(
    "id time Time date dob step ts amount amt price label class isFraud fraud_flag card card_id merchant merchant_id "
    "nameOrig nameDest user_id lat long merch_lat merch_long unix_time epoch email zip V1 V2 C1 state age hour month "
    "device_id ip batch event_id label_time chargeback_at x1 count".split()
) | st.text(min_size=1, max_size=8)
VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=True).map(str),
    st.datetimes(min_value=datetime(1900, 1, 1)).map(str),
    st.dates(min_value=date(1900, 1, 1)).map(lambda day: f"{day:%d/%m/%Y}"),
    st.sampled_from(["0", "1", "Y", "N", "NA", "", "$5", "1,234", "12%", "10:30", "'x'", "1e+05", "007", "x y"]),
    st.text(max_size=6),
)


@st.composite
def samples(draw: st.DrawFn) -> pl.DataFrame:
    """Return columns of whatever, each of values of a kind."""
    rows = draw(st.integers(1, 12))
    sources = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    columns = {}
    for source in sources:
        few = draw(st.lists(VALUES, min_size=1, max_size=3))
        columns[source] = draw(st.lists(st.sampled_from(few) | st.none(), min_size=rows, max_size=rows))
    return pl.DataFrame(columns, schema=dict.fromkeys(sources, pl.String))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(samples())
def test_any_sample_has_a_draft_that_is_a_contract_but_for_what_it_says_is_missing(sample: pl.DataFrame) -> None:
    text = draft(sample, "own")
    document = read_document(text, where="draft").values
    if any(f"the {role};" in text or "paid_at" in text for role in ("event_time", "amount", "label")):
        return
    assert read_contract(document, where="draft").name == "own"
