"""How a request names a target outright: `provider,model`, `provider/model`, or an id from our own model list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from claude_code_router.core.target import Target

_DISCOVERY_PREFIX = (
    "claude/"  # Claude Code's model discovery keeps only ids that contain "claude" or "anthropic" (2.1.330)
)

Models = Mapping[str, Sequence[str]]


class Unknown(msgspec.Struct, frozen=True):
    """It is a selector, but names nothing that is configured."""

    problem: str
    """Half a sentence."""


def discovery_id(target: Target) -> str:
    """The id under which GET /v1/models offers a target, in a form that Claude Code's picker keeps."""
    return f"{_DISCOVERY_PREFIX}{target.provider}/{target.model}"


def read_selector(text: str, models: Models) -> Target | Unknown | None:
    """None when `text` is no selector but a plain model name. Names match in any case; the owner's spelling is returned."""
    pair = _comma_pair(text, models) if "," in text else None
    return pair if isinstance(pair, Target) else _slash_pair(text, models) or pair


def _comma_pair(text: str, models: Models) -> Target | Unknown:
    provider, _, model = (part.strip() for part in text.partition(","))
    name = _provider(provider, models)
    if name is None:
        return Unknown(f'there is no provider "{provider[:80]}"')
    if not model:
        return Unknown(f'no model is named after "{provider[:80]},"')
    return Target(name, _model(model, models[name]))


def _slash_pair(text: str, models: Models) -> Target | None:
    offered = text[len(_DISCOVERY_PREFIX) :] if text.lower().startswith(_DISCOVERY_PREFIX) else ""
    found = [target for target in (_headed(text, models), _headed(offered, models)) if target is not None]
    listed = [target for target in found if target.model in models[target.provider]]
    # Both readings exist only where a provider is itself called "claude": then the listed model decides.
    return next(iter([*listed, *reversed(found)]), None)


def _headed(text: str, models: Models) -> Target | None:
    """Of several providers whose names begin the text, the longest name."""
    lowered = text.lower()
    heads = [name for name in models if lowered.startswith(f"{name.lower()}/") and len(text) > len(name) + 1]
    if not heads:
        return None
    name = max(heads, key=len)
    return Target(name, _model(text[len(name) + 1 :], models[name]))


def _provider(text: str, models: Models) -> str | None:
    if text in models:
        return text
    return next((name for name in models if name.lower() == text.lower()), None)


def _model(text: str, listed: Sequence[str]) -> str:
    """The owner's list only lends its spelling: a model that is not on it is the upstream's to judge."""
    if text in listed:
        return text
    return next((name for name in listed if name.lower() == text.lower()), text)
