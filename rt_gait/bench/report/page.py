"""One HTML page that needs nothing else: no script, no style or picture from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1160px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.7em; margin-bottom: .2em } h2 { margin-top: 2.2em; border-bottom: 1px solid #ccc }
p.note { background: #fff4d6; border-left: 4px solid #e0a800; padding: .5em .8em }
p.small { color: #666; font-size: .9em }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0 }
th, td { padding: .25em .6em; border-bottom: 1px solid #ddd; text-align: right;
  font-variant-numeric: tabular-nums }
th { background: #f4f5f7; vertical-align: bottom }
th:first-child, td:first-child { text-align: left }
td.words { text-align: left; max-width: 24em }
details summary { cursor: pointer; color: #345 } svg { max-width: 100%; height: auto }
.plots { display: flex; flex-wrap: wrap; gap: 1em } .plots svg { width: 560px }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """Return the page of parts that are HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def heading(text: str) -> str:
    """Return a heading."""
    return f"<h2>{escape(text)}</h2>"


def small(text: str) -> str:
    """Return a paragraph of what is less important."""
    return f'<p class="small">{escape(text)}</p>'


def note(text: str) -> str:
    """Return a paragraph that stands out."""
    return f'<p class="note">{escape(text)}</p>'


def plots(svgs: Sequence[str]) -> str:
    """Return plots side by side, as many as there is room for."""
    shown = "".join(svg for svg in svgs if svg)
    return f'<div class="plots">{shown}</div>' if shown else ""


def folded(summary: str, inner: str) -> str:
    """Return HTML that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; cells of words are aligned to the left."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    lines = "".join(f"<tr>{''.join(_cell(c) for c in row)}</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(text: str) -> str:
    words = len(text) > 24
    return f'<td class="words">{escape(text)}</td>' if words else f"<td>{escape(text)}</td>"
