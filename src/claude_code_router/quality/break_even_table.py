"""The table of docs/escalation.md: `python -m claude_code_router.quality.break_even_table docs/escalation.md` writes it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from claude_code_router.quality.break_even import Chances, Costs, needed_accuracy

K = 0.05
CHANCES = (0.5, 0.6, 0.7, 0.8, 0.9)
RATIOS = (0.025, 0.1, 0.2, 0.33, 0.5, 0.6)
_MARKED = re.compile(r"(<!-- break-even -->\n).*?(<!-- end of break-even -->)", re.S)


def rows(ratios: Iterable[float] = RATIOS, k: float = K) -> Iterator[tuple[str, ...]]:
    """For each price ratio the judge's accuracy that is needed, by the lighter tier's chance; `-`: no judge is enough."""
    for ratio in ratios:
        needed = [needed_accuracy(Chances(chance), Costs(ratio, k)) for chance in CHANCES]
        yield (f"{ratio:.3g}", *("-" if one is None else f"{one:.2f}" for one in needed))


def markdown() -> str:
    head = ("lighter : stronger", *(f"p = {chance:g}" for chance in CHANCES))
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows())) + "\n"


def document(page: str) -> str:
    return _MARKED.sub(lambda found: found[1] + markdown() + found[2], page)


def main(path: str) -> None:
    page = Path(path)
    page.write_text(document(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
