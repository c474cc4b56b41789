"""A page as one HTML file that loads nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from claude_code_router.improve.report.charts import bars, ranges
from claude_code_router.improve.report.page import Bars, Page, Ranges, Table
from claude_code_router.improve.report.text import plain

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --faint: #667080; --line: #d5dae1; --wash: #f5f7fa;
  --c0: #2f6db5; --c1: #d98524; --c2: #7a4fb0; --c3: #3b8f5a; --c4: #b0475a; --c5: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14171c; --faint: #9aa4b2; --line: #333a45;
  --wash: #1c2128; --c0: #6ea8ec; --c1: #f0ab5a; --c2: #b391e6; --c3: #6cc48c; --c4: #e58395; --c5: #9ca3af; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
.lead { color: var(--faint); margin: 0; } p { margin: .6rem 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .75rem 0; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 600; } .n { text-align: right; white-space: nowrap; }
figure { margin: 1rem 0; padding: .75rem; background: var(--wash); border-radius: 6px; }
figcaption { color: var(--faint); margin-bottom: .4rem; } svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .faint { fill: var(--faint); }
.better { color: var(--c3); } .worse { color: var(--c4); }
"""


def as_html(page: Page) -> str:
    return "\n".join(_lines(page))


def _lines(page: Page) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    # Nothing is loaded, whatever an odd name in the records may try.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_safe(page.title)}</title><style>{_STYLE}</style></head><body>"
    yield f'<h1>{_safe(page.title)}</h1><p class="lead">{_safe(page.lead)}</p>'
    for section in page.sections:
        yield f"<h2>{_safe(section.title)}</h2>"
        for part in section.parts:
            yield _part(part)
    yield "</body></html>"


def _part(part: str | Table | Bars | Ranges) -> str:
    match part:
        case str():
            return f"<p>{_safe(part)}</p>"
        case Table():
            return _table(part)
        case Bars():
            return f"<figure><figcaption>{_safe(part.title)}</figcaption>{bars(part)}</figure>"
        case Ranges():
            return f"<figure><figcaption>{_safe(part.title)}</figcaption>{ranges(part)}</figure>"


def _table(table: Table) -> str:
    head = "".join(_cell("th", cell, at >= table.right) for at, cell in enumerate(table.head))
    rows = "".join(
        "<tr>" + "".join(_cell("td", cell, at >= table.right) for at, cell in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(tag: str, text: str, figure: bool) -> str:
    kinds = [*(("n",) if figure else ()), *((text,) if text in ("better", "worse") else ())]
    mark = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<{tag}{mark}>{_safe(text)}</{tag}>"


def _safe(text: str) -> str:
    return escape(plain(text))
