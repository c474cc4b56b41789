"""A request for a server that speaks Anthropic's dialect and is not Anthropic: what it would refuse or misread is taken out
where it stands, and every other byte stays as the client wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from claude_code_router.dialects.anthropic_messages.near_blocks import Blocks, Cut, Fields, applied, list_cuts
from claude_code_router.dialects.anthropic_messages.near_thinking import thought, turn_without_thinking
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
_FORCED = (b'"any"', b'"tool"')
_GO_ON = b'{"role":"user","content":"Continue."}'
_FIRST = {"max_tokens": 0, "tools": 0, "tool_choice": 1, "thinking": 2}
"""What others depend on: tools before tool_choice, limit and choice before thinking, thinking before its context edits."""
_LEVELS = ("low", "medium", "high", "xhigh", "max")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
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
        self._forced = False
        self._thinks = True  # unless the request says or is made to say otherwise

    def cuts(self) -> list[Cut]:
        """Replacements of members' values; members that go are cut with their key."""
        replaced: list[Cut] = []
        gone: set[str] = set()
        for member in sorted(self._members, key=lambda member: _FIRST.get(member.key, 3)):
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
                return Blocks(quirks).messages(self._body, member.start, member.end) + self._asked_to_go_on(member)
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
            case "context_management":
                return self._context_management(raw)
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
            if quirks.server_tools is not None and not kind.startswith(quirks.server_tools or ("\0",)):
                return None
            plain = False
        else:
            plain = not quirks.betas
        if plain and bytes(fields.get("name", b"")) == _PLACEHOLDER:
            return None
        kept: Fields = {k: v for k, v in fields.items() if not plain or k in _TOOL_MEMBERS}
        self._blocks.cache_control(kept)
        return raw if _same(kept, fields) else _encode(kept)

    def _tool_choice(self, raw: bytes) -> bytes | list[Cut] | None:
        fields = _fields.decode(raw)
        name = bytes(fields.get("name", b""))
        if self._offered is not None and not self._offered:
            return None
        if self._offered is not None and name and name not in self._offered:
            return b'{"type":"auto"}'
        if bytes(fields.get("type", b"")) not in _FORCED:
            return []
        if self._quirks.forced_tool:
            self._forced = True
            return []
        kept = {key: value for key, value in fields.items() if key != "name"}
        return _encode({**kept, "type": "auto"})

    def _thinking(self, raw: bytes) -> bytes | list[Cut] | None:
        quirks, fields = self._quirks, _fields.decode(raw)
        may_think = not (self._forced or (quirks.thinking_opens_turns and self._goes_on_without_thinking()))
        new = thought(fields, quirks, self._max_tokens, may_think=may_think)
        if new is not None:
            self._thinks = new.on
            least = new.least and not any(member.key == "output_config" for member in self._members)
            return new.raw + b',"output_config":{"effort":"low"}' if new.raw is not None and least else new.raw
        if not quirks.betas and fields.keys() - {"type", "budget_tokens"}:
            return _encode({k: v for k, v in fields.items() if k in ("type", "budget_tokens")})
        return []

    def _goes_on_without_thinking(self) -> bool:
        return any(
            turn_without_thinking(self._body, start, end) for key, start, end in self._members if key == "messages"
        )

    def _asked_to_go_on(self, member: Member) -> list[Cut]:
        """Where the model takes no beginning of its own answer."""
        if self._quirks.prefill or not elements(self._body, member.start, member.end):
            return []
        return [(member.end - 1, member.end - 1, b"," + _GO_ON)]

    def _context_management(self, raw: bytes) -> bytes | list[Cut] | None:
        """What is to be done with thinking is refused where there is none."""
        if self._thinks or b'"clear_thinking' not in raw:
            return []
        fields = _fields.decode(raw)
        edits = [edit for edit in _raws.decode(fields.get("edits", b"[]")) if b'"clear_thinking' not in bytes(edit)]
        rest = {key: value for key, value in fields.items() if key != "edits"}
        return _encode({**rest, "edits": edits}) if edits or rest else None

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
