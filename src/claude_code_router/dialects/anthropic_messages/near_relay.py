"""A request for a server that speaks Anthropic's dialect and is not Anthropic: what it would refuse or misread is taken out
where it stands, and every other byte stays as the client wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from claude_code_router.dialects.anthropic_messages.near_blocks import Blocks, Cut, Fields, applied, list_cuts
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayQuirks
from claude_code_router.dialects.anthropic_messages.request import BILLING_PREFIX
from claude_code_router.dialects.anthropic_messages.spans import Member, elements, members
from claude_code_router.dialects.unreadable import UNREADABLE

_BETA_FIELDS = frozenset({
    "context_management", "safeguards", "mcp_servers", "container", "speed", "fallbacks", "fallback_credit_token",
    "diagnostics", "billing_policy", "inference_geo", "service_tier", "user_profile_id", "workspace_id",
})  # fmt: skip
"""Top-level fields that need a beta header, or mean something to Anthropic's own servers only. Not `thread` and
`compaction`: without them the request would mean something else, so the server may say no."""

_TOOL_MEMBERS = frozenset({"name", "description", "input_schema", "cache_control"})
_PLACEHOLDER = b'"DeferredToolPlaceholder"'
"""Stands for the tools that tool search may load later (Claude Code 2.1.330); it cannot be called."""
_ATTRIBUTION = BILLING_PREFIX.encode()
_COMMA = re.compile(rb"[ \t\n\r]*,")
_MANUAL_BUDGET_TOKENS = 31_999
"""What the client itself asks for where it thinks manually (2.1.330)."""
_LEAST_BUDGET_TOKENS = 1024
_LEVELS = ("low", "medium", "high", "xhigh", "max")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def adapt(body: bytes, quirks: RelayQuirks) -> bytes:
    """The very same object when there is nothing to change."""
    if quirks is NOTHING or quirks == NOTHING:
        return body
    try:
        cuts = _Adaptation(body, quirks).cuts()
    except UNREADABLE:
        return body  # not ours to judge here: reading the signals has said what is wrong with it
    return applied(body, cuts)


class _Adaptation:
    def __init__(self, body: bytes, quirks: RelayQuirks) -> None:
        self._body = body
        self._quirks = quirks
        self._blocks = Blocks(quirks)
        self._members = members(body)
        self._max_tokens = 0
        self._offered: set[bytes] | None = None  # names of the tools that stay, as JSON; None: all

    def cuts(self) -> list[Cut]:
        """Replacements of members' values; members that go are cut with their key."""
        replaced: list[Cut] = []
        gone: set[str] = set()
        # tools before tool_choice, max_tokens before thinking
        order = {"max_tokens": 0, "tools": 0}
        for member in sorted(self._members, key=lambda member: order.get(member.key, 1)):
            value = self._value(member)
            if value is None:
                gone.add(member.key)
            elif isinstance(value, bytes):
                replaced.append((member.start, member.end, value))
            else:
                replaced += value
        return [cut for cut in replaced if not self._in_gone(cut, gone)] + list(self._without(gone))

    def _value(self, member: Member) -> bytes | list[Cut] | None:
        """New bytes for the value, cuts inside it, or None when the member goes."""
        quirks, raw = self._quirks, self._body[member.start : member.end]
        if member.key in quirks.drop_fields or (not quirks.betas and member.key in _BETA_FIELDS):
            return None
        match member.key:
            case "system":
                return self._system(member)
            case "messages":
                return Blocks(quirks).messages(self._body, member.start, member.end)
            case "tools":
                return self._tools(member)
            case "tool_choice":
                return self._tool_choice(raw)
            case "thinking":
                return self._thinking(raw)
            case "output_config":
                return self._output_config(raw)
            case "max_tokens":
                return self._limit(raw)
            case "cache_control":
                return None if quirks.cache_control != "keep" else []
        return []

    def _without(self, gone: set[str]) -> Iterator[Cut]:
        """Whole members with their commas."""
        kept_before = False
        begin = self._body.index(b"{") + 1
        for at, member in enumerate(self._members):
            if member.key not in gone:
                kept_before = True
            elif kept_before:
                yield self._members[at - 1].end, member.end, b""
            else:
                comma = _COMMA.match(self._body, member.end)
                end = comma.end() if comma else member.end
                yield begin, end, b""
                begin = end

    def _in_gone(self, cut: Cut, gone: set[str]) -> bool:
        return any(m.key in gone and m.start <= cut[0] < m.end for m in self._members)

    # --- single members ---

    def _system(self, member: Member) -> list[Cut]:
        body = self._body
        if body[member.start : member.start + 1] != b"[":
            return []
        spans = elements(body, member.start, member.end)
        changed: list[bytes | None] = []
        for start, end in spans:
            block = body[start:end]
            if not self._quirks.attribution and _ATTRIBUTION in block[:200]:
                changed.append(None)
            else:
                changed.append(self._blocks.block(block))
        return list_cuts(body, spans, changed)

    def _tools(self, member: Member) -> list[Cut] | None:
        spans = elements(self._body, member.start, member.end)
        changed = [self._tool(self._body[start:end]) for start, end in spans]
        if any(new is None for new in changed):
            kept = [new if new is not None else b"" for new in changed]
            self._offered = {bytes(_fields.decode(tool).get("name", b"")) for tool in kept if tool}
            if not self._offered:
                return None
        return list_cuts(self._body, spans, changed)

    def _tool(self, raw: bytes) -> bytes | None:
        quirks = self._quirks
        fields = _fields.decode(raw)
        kind = bytes(fields.get("type", b"")).strip(b'"').decode()
        if kind and kind != "custom":
            return raw if quirks.server_tools is None or kind.startswith(quirks.server_tools or ("\0",)) else None
        plain = quirks.plain_tools or not quirks.betas
        if plain and bytes(fields.get("name", b"")) == _PLACEHOLDER:
            return None
        kept: Fields = {k: v for k, v in fields.items() if not plain or k in _TOOL_MEMBERS}
        self._blocks.cache_control(kept)
        return raw if _same(kept, fields) else _encode(kept)

    def _tool_choice(self, raw: bytes) -> bytes | list[Cut] | None:
        if self._offered is None:
            return []
        if not self._offered:
            return None
        name = bytes(_fields.decode(raw).get("name", b""))
        return b'{"type":"auto"}' if name and name not in self._offered else []

    def _thinking(self, raw: bytes) -> bytes | list[Cut] | None:
        quirks, fields = self._quirks, _fields.decode(raw)
        kind = bytes(fields.get("type", b"")).strip(b'"')
        if kind == b"disabled":
            return [] if quirks.can_disable_thinking else None
        if kind == b"adaptive" and quirks.adaptive == "drop":
            return None
        if kind == b"adaptive" and quirks.adaptive == "enabled":
            budget = min(_MANUAL_BUDGET_TOKENS, self._max_tokens - 1) if self._max_tokens else _MANUAL_BUDGET_TOKENS
            if budget < _LEAST_BUDGET_TOKENS:
                return None
            return _encode({"type": "enabled", "budget_tokens": budget})
        if not quirks.betas and fields.keys() - {"type", "budget_tokens"}:
            return _encode({k: v for k, v in fields.items() if k in ("type", "budget_tokens")})
        return []

    def _output_config(self, raw: bytes) -> bytes | list[Cut] | None:
        fields = _fields.decode(raw)
        kept = dict(fields)
        if not self._quirks.betas:
            kept.pop("task_budget", None)
        if not self._quirks.output_format:
            kept.pop("format", None)
        levels = self._quirks.effort
        if levels is not None and "effort" in kept:
            level = nearest(bytes(kept["effort"]).strip(b'"').decode(), levels)
            if not level:
                del kept["effort"]
            else:
                kept["effort"] = msgspec.Raw(_encode(level))
        if _same(kept, fields):
            return []
        return _encode(kept) if kept else None

    def _limit(self, raw: bytes) -> bytes | list[Cut]:
        try:
            self._max_tokens = int(raw)
        except ValueError:
            return []
        most = self._quirks.max_output_tokens
        if most is None or self._max_tokens <= most:
            return []
        self._max_tokens = most
        return str(most).encode()


def nearest(level: str, levels: Sequence[str]) -> str:
    """The highest of `levels` that is not above `level`, else the lowest; empty when there is none, or no such level."""
    if not levels or level not in _LEVELS:
        return ""
    rank = _LEVELS.index(level)
    below = [other for other in levels if _LEVELS.index(other) <= rank]
    return below[-1] if below else levels[0]


def _same(kept: Fields, fields: Fields) -> bool:
    return kept.keys() == fields.keys() and all(bytes(kept[key]) == bytes(fields[key]) for key in fields)
