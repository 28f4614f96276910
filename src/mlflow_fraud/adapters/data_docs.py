"""Great Expectations' pages made to open anywhere and to be the same for the same data.

They ask no other host for styles and scripts, and carry no time of day and no random id, so DVC can keep them.
The index, a table that a script from elsewhere would draw, becomes what a reviewer reads in ten seconds: what does not
hold, how often, up to three masked examples; below it, a list of the pages.
"""

from __future__ import annotations

import re
import shutil
from html import escape
from pathlib import Path

from mlflow_fraud.core.gate.findings import Finding, Report

FROM_ELSEWHERE = re.compile(
    r"<img[^>]*src=\"https?://[^>]*>|"
    r"<link[^>]*href=\"https?://[^>]*>|<script[^>]*src=\"https?://[^>]*>\s*</script>|<footer.*?</footer>",
    re.DOTALL,
)
MOMENT = re.compile(r"20(?!000101T)\d{6}T\d{6}\.\d+Z|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2330; max-width: 66rem; margin: 0 auto; padding: 1.5rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #e6e9ee; vertical-align: top }
nav ol, .navbar ol { display: flex; gap: 1.5rem; padding: 0; list-style: none }
.col-lg-2 { display: none }
.fa-check-circle::before { content: "holds"; color: #2f9e5b }
.fa-times::before, .fa-exclamation-triangle::before { content: "fails"; color: #d1495b }
.badge { background: #eef1f5; border-radius: .3rem; padding: 0 .35rem }
.modal, #ge-cta-footer, .ge-walkthrough-modal { display: none }
a { color: #2f6fde; text-decoration: none }
tr.critical td:first-child { color: #d1495b; font-weight: 600 }
tr.warning td:first-child { color: #b7791f; font-weight: 600 }
</style>
</head>"""
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{headline}</title>
{style}
<body><h1>{headline}</h1>
{broken}
<h2>All rules, one by one</h2><ul>
{items}
</ul></body></html>
"""
HEADS = "<tr><th>level</th><th>rule</th><th>what does not hold</th><th>for example</th></tr>"


def settle(folder: Path, report: Report) -> None:
    """Make every page below `folder` self-contained and repeatable, begin with what the report says."""
    shutil.rmtree(folder / "static", ignore_errors=True)
    index = folder / "index.html"
    index.unlink(missing_ok=True)
    pages = sorted(folder.rglob("*.html"), reverse=True)
    for page in pages:
        text = FROM_ELSEWHERE.sub("", page.read_text(encoding="utf-8"))
        text = _number_ids(MOMENT.sub("not kept", text.replace("</head>", STYLE, 1)))
        page.write_text(text, encoding="utf-8")
    items = "\n".join(f'<li><a href="{page.relative_to(folder)}">{_title(page, folder)}</a></li>' for page in pages)
    index.write_text(summary_page(report, items), encoding="utf-8")


def summary_page(report: Report, items: str = "") -> str:
    """Return the page that tells a report in ten seconds; `items` lists the other pages."""
    broken = [*report.failures, *report.warnings]
    rows = "\n".join(_row(finding) for finding in broken)
    table = f"<table>{HEADS}\n{rows}\n</table>" if broken else "<p>Every rule holds.</p>"
    return INDEX.format(style=STYLE, headline=escape(report.headline), broken=table, items=items)


def _row(finding: Finding) -> str:
    cells = (finding.severity, finding.rule, finding.found, ", ".join(finding.examples) or "-")
    return f"<tr class={finding.severity}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _title(page: Path, folder: Path) -> str:
    kind, *rest = page.relative_to(folder).with_suffix("").parts
    return f"{'What was found' if kind == 'validations' else 'What is expected'}: {rest[0]}"


def _number_ids(text: str) -> str:
    """Return `text` with its random ids replaced by their number in order of appearance."""
    known: dict[str, str] = {}
    return RANDOM_ID.sub(lambda match: known.setdefault(match[0], f"id{len(known)}"), text)
