"""Each command, setting, statistic, metric and endpoint has its place in the documents, and nothing else has one."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import typer
import yaml
from pydantic.fields import FieldInfo

from docs.made import commands, engines, reasons, statistics
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.cli import app
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.define import CLOCK_FEATURES, define
from mlflow_fraud.core.features.definitions import MOST_BACK, FeatureParams, LabelStatistic, Statistic
from mlflow_fraud.core.features.plan import LATENESS
from mlflow_fraud.core.features.row import NIGHT_FROM, NIGHT_TO
from mlflow_fraud.core.learning.fits import MISSING
from mlflow_fraud.core.learning.training import Assessment
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import HIGHER_IS_BETTER, LOWER_IS_BETTER, evaluate
from mlflow_fraud.core.measuring.weights import Weights
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.serving import page as page_of_the_api
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.described import OF_EVERY_KEY, OF_EVERY_REQUEST
from mlflow_fraud.serving.problems import KINDS
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.serving.scopes import needed
from mlflow_fraud.settings import Params
from tests.conftest import ROOT, make_period

AGAIN = "run `python -m docs.made`"


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text: str, first: str) -> list[dict[str, str]]:
    """Return the rows, by the heads of their columns, of every table whose first column is headed `first`."""
    found, heads = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            heads = []
        elif not heads:
            heads = cells
        elif heads[0] == first and cells[0] != "---":
            found.append(dict(zip(heads, cells, strict=True)))
    return found


def names(cell: str) -> list[str]:
    """Return what stands between ticks.

    >>> names("`GET /docs`, `GET /redoc`")
    ['GET /docs', 'GET /redoc']
    """
    return re.findall(r"`([^`]+)`", cell)


def name(cell: str) -> str:
    (only,) = names(cell)
    return only


def settings_of(model: type[Strict], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield each key that holds a value; `<name>` stands for any name, `[]` for each place of a list."""
    for key, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Strict)]
        if inner and type(None) not in kinds:
            step = {dict: ".<name>.", tuple: "[]."}.get(getattr(field.annotation, "__origin__", None), ".")
            yield from settings_of(inner[0], above + key + step)
        else:
            yield above + key, field


def if_not_stated(field: FieldInfo) -> str:
    if field.is_required():
        return "must be there"
    usual = field.default
    if usual in (None, "", (), {}):
        return "-"
    return f"`{str(usual).lower() if isinstance(usual, bool) else usual}`"


def test_every_setting_has_a_line_with_what_holds_if_it_is_not_stated() -> None:
    said = {name(row["key"]): row["if not stated"] for row in rows(page("settings.md"), "key")}
    assert said == {key: if_not_stated(field) for key, field in settings_of(Params)}


def test_the_shipped_settings_are_walked_to_their_ends() -> None:
    keys = [key for key, _ in settings_of(Params)]
    assert {"datasets.<name>.split.protocol", "features.windows[].only", "compare.bootstrap.seed"} <= set(keys)
    assert {key.partition(".")[0] for key in keys} == set(yaml.safe_load((ROOT / "params.yaml").read_text()))


def test_the_tables_in_money_have_the_columns_of_their_command() -> None:
    heads = runpy.run_path(str(ROOT / "docs/own-data/by_money.py"))["HEADS"]
    found = [row for row in rows(page("metrics.md"), "policy") if "money saved" in row]
    assert len(found) >= 5
    assert {tuple(row) for row in found} == {heads}


def test_the_page_of_commands_is_the_one_that_they_make() -> None:
    assert page("commands.md") == commands.page(), AGAIN


def commands_of(group: Any, above: str) -> Iterator[tuple[str, Any]]:
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{above} {word}")
        else:
            yield f"{above} {word}", command


def test_every_command_has_its_place_with_all_its_words() -> None:
    found = {}
    for section in page("commands.md").split("\n### ")[1:]:
        heading, _, below = section.partition("\n")
        command = re.match(r"`([a-z -]+?)(?: [\[A-Z].*)?`", heading)
        assert command, heading
        found[command[1]] = [name(row["word"]).split()[0] for row in rows(below.partition("\n#")[0], "word")]
    assert found == {
        command: [each.opts[0] if each.opts[0].startswith("-") else each.opts[0].upper() for each in told.params]
        for command, told in commands_of(typer.main.get_command(app), "mlflow-fraud")
    }


def test_every_make_word_has_its_place() -> None:
    words = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = [name(row["word"]) for row in rows(page("commands.md"), "word")]
    assert [word for word in said if word.startswith("make ")] == [f"make {word}" for word in words]


def test_every_metric_is_defined_with_its_better_side() -> None:
    costs = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=1, burst_gap_days=7)
    measured = evaluate(make_period([0, 1, 1]), np.array([0.1, 0.6, 0.2]), 0.5, costs)
    sides = {**dict.fromkeys(HIGHER_IS_BETTER, "high"), **dict.fromkeys((*LOWER_IS_BETTER, "drift"), "low")}
    said = [(name(row["metric"]), row["better"]) for row in rows(page("metrics.md"), "metric")]
    assert sorted(said) == sorted((metric, sides.get(metric, "")) for metric in (*measured, "drift"))


def test_what_stands_beside_the_metrics_of_weighted_rows_is_defined() -> None:
    period, costs = make_period([0, 1, 1]), CostRule(alert=5.0, missed_share=1.0, alerts_per_day=1, burst_gap_days=7)
    scores, ones = np.array([0.1, 0.6, 0.2]), np.ones(3)
    plain, weighted = (
        evaluate(replace(period, weights=weights), scores, 0.5, costs) for weights in (None, Weights(ones, ones))
    )
    said = [each for row in rows(page("metrics.md"), "of weighted rows") for each in names(row["of weighted rows"])]
    assert said == [name for name in weighted if name not in plain]


def test_every_key_of_a_metrics_file_has_a_line() -> None:
    said = [
        each for row in rows(page("metrics.md"), "key of `metrics.json`") for each in names(next(iter(row.values())))
    ]
    assert said == list(Assessment.model_fields)


def test_every_endpoint_has_a_line_with_its_answer_and_its_refusals(tmp_path: Path) -> None:
    with open_record(f"sqlite:///{tmp_path / 'record.db'}") as record:
        service = create_app(open_store(str(tmp_path)), record=record, poll_seconds=1)
    said = {request: row for row in rows(page("serving.md"), "request") for request in names(row["request"])}
    described = service.openapi()
    of_all = {str(status) for status in (*OF_EVERY_REQUEST, *OF_EVERY_KEY)}
    answered = {
        f"{method.upper()} {path}": told["responses"]
        for path, methods in described["paths"].items()
        for method, told in methods.items()
    }
    assert set(said) == {*answered, "GET /openapi.json", f"GET {page_of_the_api.PATH}"}
    assert (service.openapi_url, service.docs_url, service.redoc_url) == ("/openapi.json", None, None)
    for request, row in said.items():
        assert set(names(row["key"])) == needed(request.partition(" ")[2]), request
    for request, responses in answered.items():
        shape = json.dumps(responses.pop("200")["content"].get("application/json", {}))
        models = set(re.findall(r"#/components/schemas/(\w+)", shape)) - {"ProblemDocument"}
        fields = {field for model in models for field in described["components"]["schemas"][model]["properties"]}
        assert set(re.findall(r"\b\d{3}\b", said[request]["otherwise"])) == set(responses) - of_all, request
        assert fields <= set(names(said[request]["answer"])) or request == "POST /v1/score/batch", request


def test_every_status_that_is_no_good_answer_has_a_line() -> None:
    said = {int(row["status"]): (name(row["`type`"]), row["`title`"]) for row in rows(page("serving.md"), "status")}
    assert said == {status: (kind.type, kind.title) for status, kind in KINDS.items()}


@pytest.fixture(scope="module")
def tried() -> str:
    return engines.table()


def test_the_table_of_engines_is_what_comes_out_when_each_is_asked(tried: str) -> None:
    assert page("features.md").partition(engines.HEADING)[2] == tried, AGAIN


def test_the_table_of_reasons_is_what_the_rule_makes() -> None:
    assert page("reasons.md").partition(reasons.HEADING)[2] == reasons.table(), AGAIN


def test_every_engine_gives_every_statistic(tried: str) -> None:
    lines = rows(tried, "below")
    assert len(lines) > 20
    for line in lines:
        for engine in engines.ENGINES:
            assert not line[engine].startswith("no"), line


def test_a_wrong_number_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    def off_by_a_bit(stream: Any, schema: Any) -> Any:
        return np.nextafter(engines.one_by_one(stream, schema), np.float32(np.inf))

    only = [asked for asked in statistics.everything() if asked.what == "seconds"]
    monkeypatch.setattr(engines, "everything", lambda: iter(only))
    monkeypatch.setattr(engines, "ENGINES", {"online": off_by_a_bit})
    assert [line["online"] for line in rows(engines.table(), "below")] == ["no"]


def test_every_kind_of_feature_is_tried() -> None:
    asked = [(each.key, each.what) for each in statistics.everything()]
    assert {key for key, _ in asked} == set(FeatureParams.model_fields) - {"large_amount"}
    assert {what for key, what in asked if key == "windows"} == set(statistics.OF_A_WINDOW) == set(get_args(Statistic))
    assert (
        {what for key, what in asked if key == "labels"} == set(statistics.OF_LABELS) == set(get_args(LabelStatistic))
    )
    assert {what for key, what in asked if key == "row"} >= {*CLOCK_FEATURES, "amount", "age", "distance"}


def test_the_examples_of_features_have_the_names_that_the_page_says(contract: Contract) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page("features.md"), re.DOTALL)
    said = re.findall(r"[^\s,]+", " ".join(re.findall(r"# (.*)", example)))
    features = define(FeatureParams.model_validate(yaml.safe_load(example)), contract)
    assert sorted(said) == sorted(feature.name for feature in features)


def test_the_page_on_features_says_the_real_numbers() -> None:
    text = page("features.md")
    assert f"from {NIGHT_FROM}:00 until before {NIGHT_TO:02}:00" in text
    assert f"read it as {MISSING:g}." in text
    assert "within a day is counted" in text
    assert timedelta(days=1) == LATENESS
    assert f"{MOST_BACK} the most" in page("settings.md")


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def headings(text: str) -> set[str]:
    """Return the headings as a link has them: small letters, digits and hyphens.

    >>> sorted(headings("# What it is, and why\\n## `a b`"))
    ['a-b', 'what-it-is-and-why']
    """
    found = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [
        (file, place)
        for file, place in links
        if place not in headings((page.parent / file if file else page).read_text(encoding="utf-8"))
    ] == []


def test_every_page_is_linked_from_the_first_one_or_from_another() -> None:
    linked = {
        (each.parent / link).resolve()
        for each in PAGES
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", each.read_text(encoding="utf-8"))
    }
    assert [each.name for each in PAGES if each.parent.name == "docs" and each.resolve() not in linked] == []
