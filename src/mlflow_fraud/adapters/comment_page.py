"""A pull request's comment as one HTML page that opens anywhere: its Markdown as GitHub shows it, pictures inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlflow_fraud.adapters.page_style import STYLE, picture

ELEMENT = re.compile(r"</?(?:details|summary|code)>")
"""The HTML that a comment of ours has; all else is shown as it was written."""

PAGE = (
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>"""
    + STYLE
    + """
  body {{ max-width: 62rem; background: #f3f5f8 }}
  article {{ background: #fff; border: 1px solid {colour}; border-radius: .5rem; overflow: hidden }}
  header {{ background: #e9eff9; border-bottom: 1px solid {colour}; padding: .6rem 1rem }}
  main {{ padding: .2rem 1.2rem 1rem; overflow-x: auto }}
  table {{ margin: 1rem 0; font-size: .88rem }}
  th, td {{ padding: .3rem .7rem }}
  td code {{ white-space: nowrap }}
  img {{ width: 32%; min-width: 16rem }}
</style>
<article>
<header>{title}</header>
<main>
{comment}</main>
</article>
</html>
"""
)


def comment_page(text: str, title: str, folder: Path) -> str:
    """Return the page of a comment's Markdown, `title` above it; nothing in it is fetched, and no script runs.

    A picture is a file in `folder`; of one that is not in it only the words are shown.
    """
    reader = MarkdownIt("commonmark").enable("table")
    reader.add_render_rule("html_block", _only_ours)
    reader.add_render_rule("html_inline", _only_ours)
    reader.add_render_rule("image", _inside)
    comment = reader.render(text, {"folder": folder.resolve()})
    return PAGE.format(title=escape(title), colour="#b9cbe8", comment=comment)


def _only_ours(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Path]) -> str:
    """Return HTML that stands in the Markdown: ours as it is, other's as text."""
    content, shown, end = tokens[place].content, "", 0
    for element in ELEMENT.finditer(content):
        shown += escape(content[end : element.start()]) + element[0]
        end = element.end()
    return shown + escape(content[end:])


def _inside(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Path]) -> str:
    """Return a picture as a part of the page."""
    words, file = tokens[place].content, (env["folder"] / str(tokens[place].attrs["src"])).resolve()
    if not (file.is_relative_to(env["folder"]) and file.is_file()):
        return escape(words)
    return picture(file.read_bytes(), words)
