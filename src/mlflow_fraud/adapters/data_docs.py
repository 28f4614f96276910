"""Great Expectations' pages made to open anywhere: they ask no other host for styles and scripts."""

from __future__ import annotations

import re
from pathlib import Path

FROM_ELSEWHERE = re.compile(
    r"<img[^>]*src=\"https?://[^>]*>|"
    r"<link[^>]*href=\"https?://[^>]*>|<script[^>]*src=\"https?://[^>]*>\s*</script>|<footer.*?</footer>",
    re.DOTALL,
)
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


def make_self_contained(folder: Path) -> None:
    """Take the references to other hosts out of every page below `folder` and style it from within."""
    for page in sorted(folder.rglob("*.html")):
        text = FROM_ELSEWHERE.sub("", page.read_text(encoding="utf-8"))
        page.write_text(text.replace("</head>", STYLE, 1), encoding="utf-8")
