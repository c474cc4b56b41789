"""How far the token estimate is from a real tokenizer (cl100k), by kind of text.

    python benchmarks/token_estimate.py [URL]

`URL` is a running npm router 2.0.0 (`ccr start` of @musistudio/claude-code-router@2), whose count_tokens endpoint is
cl100k; without one, only the estimates are printed. The texts are files of this machine and synthetic ones, wrapped
into requests of 8 kB to 120 kB as a client would send them. Prints a Markdown table: docs/routing.md shows it.
"""

from __future__ import annotations

import gettext
import json
import random
import statistics
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from claude_code_router.routing import media, tokens, wire
from claude_code_router.routing.contents import look_through

SIZES_CHARACTERS = (8_000, 30_000, 120_000)
API_KEY = "k"
LANGUAGES = {
    "Chinese": ("zh_CN", "zh_TW"),
    "Japanese": ("ja",),
    "Korean": ("ko",),
    "Russian": ("ru",),
    "Greek": ("el",),
    "Arabic": ("ar",),
    "Hindi": ("hi",),
    "Thai": ("th",),
    "German, French, Polish": ("de", "fr", "pl"),
}


def texts() -> Iterator[tuple[str, list[str]]]:
    """Kind of text, and pieces of it. Kinds whose files this machine lacks are left out."""
    library = Path(sysconfig.get_paths()["stdlib"])
    site = Path(sysconfig.get_paths()["purelib"])
    yield "code (Python)", _pieces(sorted(library.glob("*.py")))
    yield "code (Python, packages)", _pieces(sorted(site.glob("*/*.py"))[:400])
    yield "code (JavaScript)", _pieces(sorted(Path("/usr/lib/node_modules/npm/lib").rglob("*.js")))
    yield "English (docs)", _pieces([*sorted(Path("/usr/share/perl").rglob("*.pod")), *sorted(site.rglob("*.md"))])
    yield "English (manuals)", _pieces(sorted(Path("/usr/lib/node_modules/npm/docs").rglob("*.md")))
    yield (
        "JSON (indented)",
        _pieces([path for path in sorted(site.rglob("*.json"))[:80] if path.stat().st_size < 500_000]),
    )
    yield "JSON (compact, synthetic)", [_synthetic_json(seed, size) for seed, size in enumerate(SIZES_CHARACTERS)]
    yield "log lines (synthetic)", [_synthetic_log(seed, size) for seed, size in enumerate(SIZES_CHARACTERS)]
    for name, languages in LANGUAGES.items():
        yield name, _pieces_of("\n".join(_translations(languages)), (3_000, 20_000))
    yield "CJK (synthetic)", [_synthetic_cjk(seed, size) for seed, size in enumerate((3_000, 20_000, 60_000))]


def _pieces(files: list[Path]) -> list[str]:
    return _pieces_of("\n".join(path.read_text(errors="replace") for path in files if path.is_file()), SIZES_CHARACTERS)


def _pieces_of(whole: str, sizes: tuple[int, ...]) -> list[str]:
    pieces, start = [], 0
    for size in (*sizes, *sizes):
        piece = whole[start : start + size]
        if len(piece) < size:
            break
        pieces.append(piece)
        start += size
    return pieces


def _translations(languages: tuple[str, ...]) -> Iterator[str]:
    """What programs of this machine say in these languages: their gettext catalogues."""
    for language in languages:
        for catalogue in sorted(Path(f"/usr/share/locale/{language}/LC_MESSAGES").glob("*.mo")):
            try:
                with catalogue.open("rb") as file:
                    texts = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
            except (OSError, UnicodeDecodeError):
                continue
            yield from (text for key, text in texts.items() if key and isinstance(text, str))


def _synthetic_json(seed: int, size: int) -> str:
    dice = random.Random(seed)
    rows: list[str] = []
    while sum(map(len, rows)) < size:
        row = {"id": dice.randrange(10**6), "name": f"user_{dice.randrange(999)}", "active": dice.random() > 0.5}
        rows.append(json.dumps({**row, "score": round(dice.random(), 4), "tags": ["alpha", "beta"]}))
    return "[" + ",".join(rows) + "]"


def _synthetic_log(seed: int, size: int) -> str:
    dice = random.Random(seed)
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        day, hour, minute, thousandth = (dice.randrange(1, top) for top in (29, 24, 60, 999))
        clock = f"2026-11-{day:02d}T{hour:02d}:{minute:02d}:07.{thousandth:03d}Z"
        call = f"GET /api/v1/items/{dice.randrange(9999)} 200 {dice.randrange(900)}ms"
        lines.append(f"{clock} INFO worker-{dice.randrange(9)} {call}")
    return "\n".join(lines)


def _synthetic_cjk(seed: int, size: int) -> str:
    dice = random.Random(seed)
    common = (
        "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然"
        "没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二"
    )
    marks = "，。、；：？！\n"
    return "".join(dice.choice(marks if dice.random() < 0.08 else common) for _ in range(size))


def request_of(text: str) -> bytes:
    """The text as a conversation: what a person says, what tools answer, in pieces."""
    step = max(1, len(text) // 6)
    messages: list[dict[str, object]] = []
    for number, start in enumerate(range(0, len(text), step)):
        piece = text[start : start + step]
        if number % 2:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": piece}]})
        else:
            messages.append(
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": f"toolu_{number:04}", "content": piece}],
                }
            )
    body = {"model": "p,m", "messages": messages}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def counted(url: str, body: bytes) -> int:
    headers = {"content-type": "application/json", "x-api-key": API_KEY}
    call = urllib.request.Request(f"{url}/v1/messages/count_tokens", body, headers)
    with urllib.request.urlopen(call) as answer:
        return int(json.load(answer)["input_tokens"])


def estimated(body: bytes) -> float:
    return tokens.estimate(body, media.weigh(look_through(wire.decode_body(body).messages))).tokens


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else ""
    print("| text | requests | bytes a token (cl100k) | mean error | worst error | bytes / 4 would be |")
    print("|---|---|---|---|---|---|")
    for kind, pieces in texts():
        bodies = [request_of(piece) for piece in pieces]
        if not bodies:
            continue
        if not url:
            print(f"| {kind} | {len(bodies)} | {[round(estimated(body)) for body in bodies]} | | | |")
            continue
        actual = [counted(url, body) for body in bodies]
        errors = [estimated(body) / count - 1 for body, count in zip(bodies, actual, strict=True)]
        plain = statistics.mean(len(body) / 4 / count - 1 for body, count in zip(bodies, actual, strict=True))
        size = sum(map(len, bodies)) / sum(actual)
        worst = max(errors, key=abs)
        print(f"| {kind} | {len(bodies)} | {size:.2f} | {statistics.mean(errors):+.1%} | {worst:+.1%} | {plain:+.0%} |")
    _speed()


def _speed() -> None:
    body = request_of(_synthetic_log(7, 600_000))
    seen = media.weigh(look_through(wire.decode_body(body).messages))
    started = time.perf_counter()
    for _ in range(200):
        tokens.estimate(body, seen)
    spent_us = (time.perf_counter() - started) / 200 * 1e6
    print(f"\n{len(body) / 1000:.0f} kB: {spent_us:.0f} µs an estimate")


if __name__ == "__main__":
    main()
