"""What differs between the generations of Gemini, read from the model's name: how thinking is asked for, and whether calls that
are sent back need their signature.

Sources: https://ai.google.dev/gemini-api/docs/thinking and /thought-signatures, LiteLLM 1.109.1; read 2026-11.
"""

from __future__ import annotations

import re

from claude_code_router.core.chat import ChatRequest

Json = dict[str, object]

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")

# Steps for the models that take a budget in tokens. Above "medium" the model decides by itself (-1).
_BUDGETS = {"minimal": 512, "low": 2048, "medium": 8192}
_DYNAMIC = -1
_LOW_BUDGET_TOKENS = 1024
_MEDIUM_BUDGET_TOKENS = 8192


def generation(model: str) -> tuple[int, int]:
    """(3, 1) for `gemini-3.1-pro`; names without a version (`gemini-flash-latest`) count as (3, 0), and what is
    no Gemini (Gemma, tuned models) as (0, 0): nothing special is sent there."""
    name = model.lower()
    found = _VERSION.search(name)
    if found is not None:
        return int(found[1][:4]), int((found[2] or "0")[:4])
    return (3, 0) if "gemini" in name and "latest" in name else (0, 0)


def needs_signatures(model: str) -> bool:
    """Since Gemini 3 the first call of a step is refused without its thought signature (400)."""
    return generation(model) >= (3, 0)


def takes_ids(model: str) -> bool:
    """Calls have ids since Gemini 3; before that, results are matched by name and order."""
    return generation(model) >= (3, 0)


def shows_images_in_results(model: str) -> bool:
    """`functionResponse.parts`: since Gemini 3."""
    return generation(model) >= (3, 0)


def thinking_config(chat: ChatRequest, model: str) -> Json:
    """generationConfig.thinkingConfig; empty when nothing is to be said. A level and a budget together are refused."""
    version = generation(model)
    if version < (2, 5):
        return {}
    if not (chat.thinking or chat.effort):
        return {}
    on = chat.thinking != "disabled"
    config: Json = {"includeThoughts": True} if on else {}
    if version >= (3, 0):
        level = _level(chat, model.lower(), version, on=on)
        if level:
            config["thinkingLevel"] = level
        return config
    budget = _budget(chat, model.lower(), on=on)
    if budget is not None:
        config["thinkingBudget"] = budget
    return config


def _level(chat: ChatRequest, name: str, version: tuple[int, int], *, on: bool) -> str:
    """Thinking cannot be switched off: the lowest level is `LOW` on the Pro models, `MINIMAL` on the others."""
    pro = "pro" in name
    if not on:
        return "LOW" if pro else "MINIMAL"
    wanted = chat.effort or _effort_of(chat.thinking_budget)
    if wanted == "medium" and pro and version == (3, 0):
        return "HIGH"  # 3 Pro knows only LOW and HIGH, which is its default
    return {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}.get(wanted, "")


def _budget(chat: ChatRequest, name: str, *, on: bool) -> int | None:
    least, most = (128, 32_768) if "pro" in name else (512, 24_576) if "lite" in name else (1, 24_576)
    if not on:
        return least if "pro" in name else 0  # 2.5 Pro cannot do without
    if chat.thinking_budget is not None:
        return min(max(chat.thinking_budget, least), most)
    if not chat.effort:
        return None
    budget = _BUDGETS.get(chat.effort)
    return _DYNAMIC if budget is None else max(budget, least)


def _effort_of(budget_tokens: int | None) -> str:
    if budget_tokens is None:
        return ""
    if budget_tokens <= _LOW_BUDGET_TOKENS:
        return "low"
    return "medium" if budget_tokens <= _MEDIUM_BUDGET_TOKENS else "high"
