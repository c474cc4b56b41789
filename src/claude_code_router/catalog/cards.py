"""What models are able to do, by family. Careful where nothing is known: a card never invents a limit.

Claude's figures are those of LiteLLM 1.109.1's model data and Anthropic's model pages, read 2026-11; other families' are from
the makers' model pages as known 2026-11. Prices are elsewhere (`catalog.prices`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, get_args

import msgspec

ThinkingForm = Literal["adaptive", "enabled", "disabled", "between_tools"]
THINKING_FORMS: tuple[ThinkingForm, ...] = get_args(ThinkingForm)
_LOW_TO_MAX = ("low", "medium", "high", "xhigh", "max")


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """None means unknown. The fields from `thinking` on speak of the Anthropic dialect and hold for Claude models."""

    family: str = ""
    """Empty when the name says nothing to us."""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    vision: bool | None = None
    reasons: bool | None = None
    """Can think before it answers."""
    thinking: frozenset[ThinkingForm] = frozenset()
    """Values of `thinking.type` that are accepted; empty when unknown."""
    efforts: tuple[str, ...] = ()
    """Accepted values of `output_config.effort`; empty: the field is refused or unknown."""
    default_effort: str = "high"
    """What Claude Code (2.1.330) sends when nobody set an effort (the maker's own differs for Sonnet 5.5: high); for OpenAI's
    models, whose own clients send none, the maker's."""
    sampling: bool = True
    """temperature, top_p and top_k are accepted."""
    prefill: bool = True
    """A trailing assistant turn is accepted."""
    forced_tool: bool = True
    """`tool_choice` any or tool is accepted."""
    mid_system: bool = False
    """`role: "system"` messages in mid-conversation are accepted."""
    turn_settings: bool = False
    """Messages may carry an `output_config` of their own (what Claude Code 2.1.330 sends to the 5.5 families only)."""
    fast: bool = False
    """`speed: "fast"` is accepted."""
    cache_min_tokens: int | None = None
    """Shorter prompts are not cached."""

    @property
    def claude(self) -> bool:
        return self.family.startswith("claude")


def _claude(
    family: str,
    thinking: str,
    *,
    context: int = 1_000_000,
    output: int = 128_000,
    efforts: tuple[str, ...] = _LOW_TO_MAX,
    default: str = "high",
    sampling: bool = False,
    prefill: bool = False,
    forced_tool: bool = True,
    mid_system: bool = True,
    turn_settings: bool = False,
    fast: bool = False,
    cache_min: int = 512,
) -> ModelCard:
    forms: dict[str, ThinkingForm] = {"a": "adaptive", "e": "enabled", "d": "disabled", "b": "between_tools"}
    return ModelCard(
        family=f"claude-{family}",
        context_tokens=context,
        max_output_tokens=output,
        vision=True,
        reasons=bool(thinking),
        thinking=frozenset(forms[letter] for letter in thinking),
        efforts=efforts,
        default_effort=default,
        sampling=sampling,
        prefill=prefill,
        forced_tool=forced_tool,
        mid_system=mid_system,
        turn_settings=turn_settings,
        fast=fast,
        cache_min_tokens=cache_min,
    )


def _old(
    family: str,
    thinking: str = "ed",
    *,
    output: int = 64_000,
    cache_min: int = 1024,
    context: int = 200_000,
    efforts: tuple[str, ...] = (),
    prefill: bool = True,
) -> ModelCard:
    return _claude(
        family, thinking, context=context, output=output, efforts=efforts, sampling=True, prefill=prefill, mid_system=False,
        cache_min=cache_min,
    )  # fmt: skip


_46_EFFORTS = ("low", "medium", "high", "max")

# Matched against the canonical name (see `canonical`), first fit wins: longer versions stand before shorter ones.
_CLAUDE: tuple[tuple[str, ModelCard], ...] = (
    (r"haiku-5-5", _claude("haiku-5-5", "ad", default="medium", turn_settings=True)),
    (r"sonnet-5-5", _claude("sonnet-5-5", "ab", default="medium", forced_tool=False, turn_settings=True)),
    (r"opus-5-5", _claude("opus-5-5", "a", default="medium", forced_tool=False, turn_settings=True, fast=True)),
    (r"fable-5-2", _claude("fable-5-1", "a", default="medium", forced_tool=False, turn_settings=True, fast=True)),
    (r"mythos-5-2", _claude("fable-5-1", "a", forced_tool=False, turn_settings=True, fast=True)),
    (r"(fable|mythos)-5-[1-9]", _claude("fable-5-1", "a", forced_tool=False)),
    (r"(fable|mythos)-5", _claude("fable-5", "a")),
    (r"opus-5", _claude("opus-5", "ad", fast=True)),
    (r"sonnet-5", _claude("sonnet-5", "ad", cache_min=1024)),
    (r"opus-4-8", _claude("opus-4-8", "ad", fast=True, cache_min=1024)),
    (r"opus-4-7", _claude("opus-4-7", "ad", mid_system=False, cache_min=2048)),
    (
        r"opus-4-6",
        _old("opus-4-6", "aed", context=1_000_000, output=128_000, efforts=_46_EFFORTS, prefill=False, cache_min=4096),
    ),
    (r"sonnet-4-6", _old("sonnet-4-6", "aed", context=1_000_000, output=128_000, efforts=_46_EFFORTS, prefill=False)),
    (r"opus-4-5", _old("opus-4-5", efforts=("low", "medium", "high"), cache_min=4096)),
    (r"sonnet-4-5", _old("sonnet-4-5")),
    (r"haiku-4-5", _old("haiku-4-5", cache_min=4096)),
    (r"opus-4(-[01])?", _old("opus-4", output=32_000)),
    (r"sonnet-4(-0)?", _old("sonnet-4")),
    (r"3-7-sonnet", _old("3-7-sonnet")),
    (r"3-5-sonnet", _old("3-5-sonnet", "", output=8192)),
    (r"3-5-haiku", _old("3-5-haiku", "", output=8192, cache_min=2048)),
    (r"3-(opus|haiku|sonnet)", _old("3", "", output=4096, cache_min=2048)),
    # A Claude that came after this table: what all of the newest have in common, and no figures.
    (
        r"",
        ModelCard(
            family="claude", vision=True, reasons=True, thinking=frozenset({"adaptive"}), sampling=False, prefill=False
        ),
    ),
)


def _other(
    family: str,
    context: int | None = None,
    output: int | None = None,
    *,
    vision: bool | None = None,
    reasons: bool | None = None,
) -> ModelCard:
    return ModelCard(
        family=family,
        context_tokens=context,
        max_output_tokens=output,
        vision=vision,
        reasons=reasons,
        default_effort="medium" if family == "gpt" else "high",
    )


_OTHERS: tuple[tuple[str, ModelCard], ...] = (
    (r"^gpt-(5\.[6-9]|[6-9])", _other("gpt", 922_000, 128_000, vision=True, reasons=True)),
    (r"^gpt-5.*chat", _other("gpt", 128_000, 16_384, vision=True, reasons=False)),
    (r"^gpt-5", _other("gpt", 400_000, 128_000, vision=True, reasons=True)),
    (r"^gpt-4\.1", _other("gpt", 1_047_576, 32_768, vision=True, reasons=False)),
    (r"^(gpt-4o|chatgpt-4o)", _other("gpt", 128_000, 16_384, vision=True, reasons=False)),
    (r"^gpt-oss", _other("gpt-oss", 131_072, None, vision=False, reasons=True)),
    (r"^o[134]($|-)", _other("gpt", 200_000, 100_000, vision=True, reasons=True)),
    (r"^(gpt-(?!oss)|codex)", _other("gpt")),
    (r"^deepseek-(v[4-9]|flash)", _other("deepseek", 1_000_000, 393_216, vision=False, reasons=True)),
    (r"^deepseek-(r1|reasoner)", _other("deepseek", 128_000, 65_536, vision=False, reasons=True)),
    (r"^deepseek-(v3|chat)", _other("deepseek", 128_000, None, vision=False)),
    (r"^kimi-k(2[.-][5-9]|[3-9])", _other("kimi", 262_144, None, vision=True, reasons=True)),
    (r"^kimi-k2.*thinking", _other("kimi", 262_144, None, vision=False, reasons=True)),
    (r"^kimi-k2-0711", _other("kimi", 131_072, None, vision=False, reasons=False)),
    (r"^kimi-k2", _other("kimi", 262_144, None, vision=False, reasons=False)),
    (r"^glm-[\d.]+v", _other("glm", 65_536, 16_384, vision=True, reasons=True)),
    (r"^glm-5\.[2-9]", _other("glm", 1_000_000, 131_072, vision=False, reasons=True)),
    (r"^glm-4\.5", _other("glm", 131_072, 98_304, vision=False, reasons=True)),
    (r"^glm-(4\.[67]|[5-9])", _other("glm", 200_000, 131_072, vision=False, reasons=True)),
    (r"^qwen.*(vl|omni)", _other("qwen", vision=True)),
    (r"^qwen3-max", _other("qwen", 262_144, 65_536, vision=False)),
    (r"^qwen3-coder", _other("qwen", 262_144, 65_536, vision=False, reasons=False)),
    (r"^qwen(-|3-)?coder-plus", _other("qwen", 1_000_000, 65_536, vision=False, reasons=False)),
    (r"^qwen", _other("qwen")),
    (r"^gemini-(2\.5|[3-9])", _other("gemini", 1_048_576, 65_536, vision=True, reasons=True)),
    (r"^gemini-2\.0", _other("gemini", 1_048_576, 8192, vision=True, reasons=False)),
    (r"^grok-4.*fast", _other("grok", 2_000_000, None, vision=True)),
    (r"^grok-4", _other("grok", 256_000, None, vision=True, reasons=True)),
    (r"^grok-code", _other("grok", 256_000, None, vision=False, reasons=True)),
    (r"^minimax-m2", _other("minimax", 196_608, None, vision=False, reasons=True)),
    (r"^minimax", _other("minimax")),
    (r"^(mistral-large|mistral-medium)", _other("mistral", 131_072)),
    (r"^(codestral|devstral)", _other("mistral", 256_000, None, vision=False)),
    (r"^llama-4", _other("llama", None, None, vision=True, reasons=False)),
    (r"^llama-3\.[123]", _other("llama", 131_072, None, reasons=False)),
)

UNKNOWN = ModelCard()
MAX_NAME_CHARS = 200

_VERSION_FIRST = re.compile(r"^claude-(\d)(?:-(\d))?-(opus|sonnet|haiku|fable|mythos)(.*)$")


def canonical(model: str) -> str:
    """The bare lower-case name: without provider and vendor (`mine,anthropic/`, `us.anthropic.`), variant (`:free`, `[1m]`,
    `@date`, `-v1:0`) and date; Claude's versions with dashes, in the order of 4.x and later."""
    name = re.split(r"[/,]", model.strip().lower())[-1]
    name = re.sub(r"\[[^\]]*\]$", "", name)
    name = re.split(r"[:@]", name, maxsplit=1)[0]
    found = re.search(r"(?:^|\.)anthropic\.(claude.*)$", name)
    name = found[1] if found else name
    name = re.sub(r"-(latest|v\d+)$", "", name)
    name = re.sub(r"-(\d{8}|\d{4}-\d{2}-\d{2})$", "", name)
    if not name.startswith("claude"):
        return name
    name = name.replace(".", "-")
    swapped = _VERSION_FIRST.match(name)
    if swapped and int(swapped[1]) >= 4:
        version = "-".join(part for part in (swapped[1], swapped[2]) if part)
        return f"claude-{swapped[3]}-{version}{swapped[4]}"
    return name


def card(model: str) -> ModelCard:
    """Never raises; an unknown name gets a card that knows nothing."""
    # Names come from clients: what no maker would call a model is not worth a place in the cache.
    return _card(model) if len(model) <= MAX_NAME_CHARS else UNKNOWN


@lru_cache(maxsize=1024)
def _card(model: str) -> ModelCard:
    name = canonical(model)
    if name.startswith("claude"):
        rest = name.removeprefix("claude").removeprefix("-")
        # A further digit would be another version: 5-6 is not 5.
        return next(known for pattern, known in _CLAUDE if not pattern or re.match(pattern + r"(?!-?\d)", rest))
    return next((known for pattern, known in _OTHERS if re.search(pattern, name)), UNKNOWN)


def default_effort(model: str) -> str:
    """The effort that Claude Code sends to `model` when nobody set another: `high`, or `medium` for the newest families."""
    return card(model).default_effort


class OwnCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner knows of a model. None leaves the catalogue's word."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    vision: bool | None = None
    reasons: bool | None = None

    def over(self, known: ModelCard) -> ModelCard:
        said = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(known, **said, family=known.family or "own")
