"""The tables show what was measured, how sure it is, and a dash where it was not."""

from __future__ import annotations

from mlflow_fraud.adapters.report import TEAM, markdown_table, slices_in_html


def test_the_team_reads_shares_in_percent_and_what_is_not_known_as_a_dash() -> None:
    metrics = {"bursts_caught": 0.9889, "money_saved": None, "frauds_before_alert": 0.6, "expected_cost": 165.0034}
    table = markdown_table({"xgboost": metrics}, columns=TEAM).splitlines()
    assert table[0] == (
        "| candidate | bursts caught | money saved | frauds before the alert "
        "| alerts a day | recall in the budget | cost a day |"
    )
    assert table[2] == "| xgboost | 98.9% | - | 0.6 | - | - | 165.00 |"


def test_an_interval_stands_beside_its_number_and_is_left_out_where_there_is_none() -> None:
    rows = {"a": {"f1": 0.5, "recall": 0.25}, "b": {"f1": 0.75, "recall": None}}
    table = markdown_table(
        rows,
        columns={"f1": ".2f", "recall": ".2f"},
        intervals={"a": {"f1": (0.4, 0.6), "recall": None}, "b": {"recall": (0.1, 0.2)}},
    ).splitlines()
    assert table[2:] == ["| a | 0.50 (0.400 to 0.600) | 0.25 |", "| b | 0.75 | - |"]


def test_the_parts_of_a_verdict_have_the_alerts_of_each_side() -> None:
    part = {"of": "category", "value": "travel", "rows": 1_000, "frauds": 3, "recall": None, "precision": None}
    page = slices_in_html({"challenger": [part | {"alerts": 1_234}], "champion": [part | {"alerts": 56}]})
    assert "challenger&#x27;s alerts" in page
    assert "<td>1,234</td>" in page
    assert "<td>56</td>" in page
