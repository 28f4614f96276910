"""Great Expectations' pages made to open anywhere and to be the same for the same data.

They ask no other host for styles and scripts, and carry no time of day and no random id, so DVC can keep them.
The index, a table that a script from elsewhere would draw, becomes a plain list of the pages.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

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
</style>
</head>"""
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Data docs</title>
{style}
<body><h1>Data docs</h1><ul>
{items}
</ul></body></html>
"""


def settle(folder: Path) -> None:
    """Make every page below `folder` self-contained and repeatable, and take away what no page needs."""
    shutil.rmtree(folder / "static", ignore_errors=True)
    index = folder / "index.html"
    index.unlink(missing_ok=True)
    pages = sorted(folder.rglob("*.html"), reverse=True)
    for page in pages:
        text = FROM_ELSEWHERE.sub("", page.read_text(encoding="utf-8"))
        text = _number_ids(MOMENT.sub("not kept", text.replace("</head>", STYLE, 1)))
        page.write_text(text, encoding="utf-8")
    items = "\n".join(f'<li><a href="{page.relative_to(folder)}">{_title(page, folder)}</a></li>' for page in pages)
    index.write_text(INDEX.format(style=STYLE, items=items), encoding="utf-8")


def _title(page: Path, folder: Path) -> str:
    kind, *rest = page.relative_to(folder).with_suffix("").parts
    return f"{'What was found' if kind == 'validations' else 'What is expected'}: {rest[0]}"


def _number_ids(text: str) -> str:
    """Return `text` with its random ids replaced by their number in order of appearance."""
    known: dict[str, str] = {}
    return RANDOM_ID.sub(lambda match: known.setdefault(match[0], f"id{len(known)}"), text)
