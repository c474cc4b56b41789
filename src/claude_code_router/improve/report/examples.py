"""The misses from which most can be learned, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.improve.report.figures import Example
from claude_code_router.quality.misses import Comparison, MissSettings, compared
from claude_code_router.store.row import Row

MOST = 10
TEXT_LENGTH = 300


def instructive(pairs: Sequence[Pair], ranks: Mapping[str, int], settings: MissSettings) -> tuple[Example, ...]:
    """Under-routed ones by how far the heavier answer was better, over-routed ones by what they cost more; of each rule and
    category one, before any has two."""
    seen = [(pair, one) for pair in pairs if (one := compared(pair, ranks, settings.threshold)) is not None]
    under = sorted(
        ((pair, one) for pair, one in seen if one.direction == "heavier" and one.lighter_bad and not one.heavier_bad),
        key=lambda found: (-_gap(found[0]), found[0].request_id),
    )
    over = sorted(
        ((pair, one) for pair, one in seen if one.direction == "lighter" and not one.lighter_bad),
        key=lambda found: (-(found[1].extra_usd or 0.0), found[0].request_id),
    )
    first, second = _various(under), _various(over)
    half = MOST // 2
    chosen = [*first[: max(half, MOST - len(second))], *second[: max(half, MOST - len(first))]]
    return tuple(_example(pair, one) for pair, one in chosen[:MOST])


def with_rows(examples: Sequence[Example], rows: Mapping[str, Row]) -> tuple[Example, ...]:
    """With what the records say of them (`store.kpis.explained`)."""
    return tuple(_with_row(example, rows) for example in examples)


def _gap(pair: Pair) -> float:
    return abs((pair.served_value or 0.0) - (pair.other_value or 0.0))


def _various(found: Sequence[tuple[Pair, Comparison]]) -> list[tuple[Pair, Comparison]]:
    met: dict[tuple[str, str], int] = {}
    rounds: list[tuple[int, int, tuple[Pair, Comparison]]] = []
    for place, (pair, one) in enumerate(found):
        turn = met[pair.rule, pair.category] = met.get((pair.rule, pair.category), 0) + 1
        rounds.append((turn, place, (pair, one)))
    return [one for _, _, one in sorted(rounds, key=lambda entry: entry[:2])[:MOST]]


def _example(pair: Pair, one: Comparison) -> Example:
    return Example(
        id=pair.request_id,
        other_id=pair.other_id,
        kind="under-routed" if one.direction == "heavier" else "over-routed",
        at=pair.at,
        namespace=pair.namespace,
        category=pair.category,
        rule=pair.rule,
        because="",
        told=" ".join(_told(pair, one)),
        text="",
    )


_PREFERRED = {"served": "preferred the one served", "other": "preferred the other"}


def _told(pair: Pair, one: Comparison) -> Iterator[str]:
    served, other = f"{pair.served_tier} ({pair.served_target})", f"{pair.other_tier} ({pair.other_target})"
    if pair.escalated:
        yield f"{other} answered first; its answer was scored {pair.other_value:.2f} and discarded."
        yield f"{served} answered again: {pair.served_value:.2f}."
    else:
        yield f"{served} answered; its answer was scored {pair.served_value:.2f}."
        yield f"{other} would have got {pair.other_value:.2f}."
    if pair.preferred:
        yield f"A judge that saw both, blind, {_PREFERRED.get(pair.preferred, 'found neither better')}."
    if one.extra_usd is not None:
        yield f"The heavier answer cost ${abs(one.extra_usd):.4f} {'more' if one.extra_usd >= 0 else 'less'}."


def _with_row(example: Example, rows: Mapping[str, Row]) -> Example:
    row, other = rows.get(example.id, {}), rows.get(example.other_id, {})
    told = example.told
    if row.get("reason"):
        told += f" Of the served answer the judge says: {_short(row['reason'])}"
    if other.get("reason"):
        told += f" Of the other: {_short(other['reason'])}"
    text = _last_words(row["request"]) if row.get("request") else ""
    return msgspec.structs.replace(example, because=row.get("because") or "", told=told, text=text)


def _short(text: str) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= TEXT_LENGTH else f"{words[: TEXT_LENGTH - 1]}…"


class _Message(msgspec.Struct):
    role: str = ""
    content: object = None


class _Body(msgspec.Struct):
    messages: list[_Message] = []


def _last_words(body: str) -> str:
    """What the person said last, of a body that was redacted when it was written."""
    try:
        messages = msgspec.json.decode(body, type=_Body).messages
    except msgspec.DecodeError:
        return ""
    for message in reversed(messages):
        if message.role == "user" and (said := _text(message.content)):
            return _short(said)
    return ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if part.get("type") == "text").strip()
