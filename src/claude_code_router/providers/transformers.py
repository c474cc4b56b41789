"""The classic transformer names of the npm tool: what each means here.

A vendor's own name stands in the vendor's file under `presets/`; the rest is below. The inventory is that of
@musistudio/llms 1.0.51 and the two names that came with 1.0.52.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, no_reasoning_fields
from claude_code_router.providers.preset import Effect, Options, Transformer, load_presets
from claude_code_router.providers.reasoning import wish

_OVERRIDES = ("temperature", "top_p", "top_k", "repetition_penalty")


def _number(options: Options, name: str) -> float | None:
    value = options.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _lower_cap(quirks: ChatQuirks, cap: float) -> int:
    return int(cap) if quirks.max_output_tokens is None else min(int(cap), quirks.max_output_tokens)


def _maxtoken(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del model
    cap = _number(options, "max_tokens")
    if cap is None:
        return Effect(
            warning='an option with a number, as in ["maxtoken", {"max_tokens": 8192}]; without it nothing is capped'
        )
    return Effect(fields={"max_output_tokens": _lower_cap(quirks, cap)})


def _maxcompletiontokens(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"max_tokens_field": "max_completion_tokens"})


def _sampling(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del model
    fields: dict[str, object] = {}
    cap = _number(options, "max_tokens")
    if cap is not None:
        fields["max_output_tokens"] = _lower_cap(quirks, cap)
    forced = {name: options[name] for name in _OVERRIDES if options.get(name) is not None}
    if forced:
        fields["force_body"] = forced
    return Effect(fields=fields)


def _customparams(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del model, quirks
    return Effect(fields={"extra_body": dict(options)})


def _streamoptions(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"stream_usage_option": True})


def _cleancache(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"cache_control": False})


def both_switches(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}` and `enable_thinking` together, as the npm tool's `reasoning` sends them."""
    del model
    on = wish(chat).on
    if on is None:
        return {}
    return {"thinking": {"type": "enabled" if on else "disabled"}, "enable_thinking": on}


def never_thinks(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """Both switches off, whatever the client asks for."""
    del chat, model
    return {"thinking": {"type": "disabled"}, "enable_thinking": False}


def _reasoning(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del model
    own_form = quirks.reasoning_fields
    if options.get("enable", True) is not False:
        return Effect() if own_form is not no_reasoning_fields else Effect(fields={"reasoning_fields": both_switches})
    if own_form is no_reasoning_fields:
        return Effect(fields={"reasoning_fields": never_thinks})

    def switched_off(chat: ChatRequest, model: str) -> Mapping[str, object]:
        """The vendor's own form of off."""
        return own_form(msgspec.structs.replace(chat, thinking="disabled", thinking_budget=None, effort=""), model)

    return Effect(fields={"reasoning_fields": switched_off})


def _think_tags(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"inline_think_tags": True})


def _enhancetool(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"repair_tool_json": True})


def _forcereasoning(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(
        fields={"inline_think_tags": True},
        warning="the name to be removed: no prompt is injected that makes a model think aloud; "
        "thinking is asked for with the server's own settings, and <think> tags are read",
    )


def _tooluse(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(
        warning="the name to be removed: no ExitTool is added and no call is forced; today's models call tools by themselves"
    )


_GENERAL = (
    Transformer(
        name="maxtoken",
        does="Caps `max_tokens` (or its newer name); sets none where the client sent none.",
        effect=_maxtoken,
        options=("max_tokens",),
    ),
    Transformer(
        name="maxcompletiontokens",
        does="Sends `max_completion_tokens` in the place of `max_tokens`.",
        effect=_maxcompletiontokens,
    ),
    Transformer(
        name="sampling",
        does="`max_tokens` is a cap; the other options replace what the client sent.",
        effect=_sampling,
        options=("max_tokens", *_OVERRIDES),
    ),
    Transformer(
        name="customparams",
        does="Adds the options to the body where they are missing; objects are merged, existing values stay.",
        effect=_customparams,
        options=("*",),
    ),
    Transformer(
        name="streamoptions",
        does="Asks for usage in streams (`stream_options.include_usage`), which is our default.",
        effect=_streamoptions,
    ),
    Transformer(name="cleancache", does="Leaves cache breakpoints out.", effect=_cleancache),
    Transformer(
        name="reasoning",
        does="Thinking is asked for as the client wishes: in the vendor's own form where there is a preset, else with "
        "`thinking: {type}` and `enable_thinking`. `enable: false` switches it off. `reasoning_content` comes back as thinking "
        "on every provider.",
        effect=_reasoning,
        options=("enable",),
    ),
    Transformer(
        name="forcereasoning",
        does="Not carried out: no prompt is injected. `<think>` tags at the start of a reply are read as thinking.",
        effect=_forcereasoning,
    ),
    Transformer(name="tooluse", does="Not carried out: no tool is added and no call is forced.", effect=_tooluse),
    Transformer(
        name="enhancetool",
        does="Tool arguments that are not JSON are mended when the call ends, which is our default; the rest streams as "
        "it comes.",
        effect=_enhancetool,
    ),
    Transformer(
        name="extrathinktag", does="`<think>…</think>` at the start of a reply is read as thinking.", effect=_think_tags
    ),
)


@cache
def load_transformers() -> Mapping[str, Transformer]:
    """Every name that is known, the vendors' included."""
    vendors = (transformer for preset in load_presets().values() for transformer in preset.transformers)
    return {transformer.name: transformer for transformer in (*_GENERAL, *vendors)}


def find_transformer(name: str) -> tuple[Transformer | None, str]:
    """The transformer and, when the name is not exactly right, what would be."""
    known = load_transformers()
    if name in known:
        return known[name], ""
    by_lower = {other.lower(): other for other in known}
    if name.lower() in by_lower:
        right = by_lower[name.lower()]
        return known[right], f"`{right}` (the npm tool ignores other spellings in silence; it is honoured here)"
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    guess = f"did you mean `{by_lower[close[0]]}`?" if close else f"one of: {', '.join(sorted(known, key=str.lower))}"
    return None, f"a known transformer name ({guess}); it has no effect"
