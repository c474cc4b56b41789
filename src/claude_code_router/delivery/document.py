"""Writes the failure table of docs/reliability.md: `python -m claude_code_router.delivery.document docs/reliability.md`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from claude_code_router.delivery.policy import FAILURES, Line

_PART = re.compile(r"(<!-- failure table -->\n).*?(<!-- end of failure table -->)", re.S)
_HEAD = (
    "| failure | what happened | the same target again | next target | left alone | the client sees |\n"
    "|---|---|---|---|---|---|\n"
)


def render(text: str) -> str:
    """`text` with the table between its marks written anew."""
    rows = "".join(f"| `{kind.value}` | {_cells(line)} |\n" for kind, line in FAILURES.items())
    return _PART.sub(lambda part: part[1] + _HEAD + rows + part[2], text)


def _cells(line: Line) -> str:
    return " | ".join((line.when, _again(line), _next(line), _cools(line), _told(line)))


def _again(line: Line) -> str:
    if not line.again_here:
        return "no"
    times = "once" if line.again_here == 1 else f"up to {line.again_here} times"
    first = ", before the next target" if line.again_first else ", when there is no next target"
    return times + first + ("; the first time at once" if line.at_once else "")


def _next(line: Line) -> str:
    return {"no": "no", "yes": "yes", "larger": "one with a larger context window"}[line.next_target]


def _cools(line: Line) -> str:
    return f"the {line.cools}, {line.cool_s:g} s" if line.cools else ""


def _told(line: Line) -> str:
    if line.answer:
        return "the reply as it came"
    final = "" if line.client_retries else ", final"
    return f"the upstream's own, or {line.client_status} `{line.client_type}`{final}"


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
