"""How our pages look and what they are put together from, said once; a page adds what is its own."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

STYLE = """
  body {{ font: 15px/1.5 system-ui, sans-serif; color: #1b2330; margin: 2.5rem auto; padding: 0 1rem }}
  h1 {{ font-size: 1.5rem; border-left: .4rem solid {colour}; padding-left: .8rem }}
  table {{ border-collapse: collapse; margin: 1rem 0 2rem }}
  th, td {{ text-align: right; border-bottom: 1px solid #e6e9ee }}
  td {{ font-variant-numeric: tabular-nums }}
  th:first-child, td:first-child {{ text-align: left }}"""
"""Rules for a template that is formatted with the `colour` of its verdict."""

WIDE = """
  body {{ max-width: 66rem }}
  th, td {{ padding: .3rem .7rem }}
  img {{ width: 100% }}
"""
"""Rules of a page of wide tables and one picture, behind those of all."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of texts.

    >>> table(("", "F1"), [("a < b", "0.5")])
    '<table><tr><th></th><th>F1</th></tr><tr><td>a &lt; b</td><td>0.5</td></tr></table>'
    """
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the same in Markdown, numbers to the right.

    >>> markdown(("", "F1"), [("a", "0.5")]).splitlines()
    ['|  | F1 |', '| --- | ---: |', '| a | 0.5 |']
    """
    lines = [list(heads), ["---", *(["---:"] * (len(heads) - 1))], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def picture(content: bytes, said: str) -> str:
    """Return a PNG as a part of the page itself; `said` is what it shows, in words."""
    return f'<img alt="{escape(said)}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'
