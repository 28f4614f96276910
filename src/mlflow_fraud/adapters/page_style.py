"""How our pages look, said once; a page adds its own widths."""

from __future__ import annotations

STYLE = """
  body {{ font: 15px/1.5 system-ui, sans-serif; color: #1b2330; margin: 2.5rem auto; padding: 0 1rem }}
  h1 {{ font-size: 1.5rem; border-left: .4rem solid {colour}; padding-left: .8rem }}
  table {{ border-collapse: collapse; margin: 1rem 0 2rem }}
  th, td {{ text-align: right; border-bottom: 1px solid #e6e9ee }}
  td {{ font-variant-numeric: tabular-nums }}
  th:first-child, td:first-child {{ text-align: left }}"""
"""Rules for a template that is formatted with the `colour` of its verdict."""
