"""`GET /v1/models`: every configured target, in the shape of the client that asks."""

from __future__ import annotations

import msgspec

from claude_code_router.catalog.cards import card
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.target import Target
from claude_code_router.dialects.gemini.door import COUNT, GENERATE, STREAM
from claude_code_router.routing.selector import discovery_id
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services

_CREATED = 1_700_000_000  # the shape wants a date; a configured model has none


async def models(call: Call, services: Services) -> None:
    targets = _targets(services.snapshot.current)
    if call.dialect == "gemini":
        await call.answer(200, msgspec.json.encode(_googles(call.path, targets)))
        return
    user_agent = call.header.get("user-agent", "").lower()
    anthropic = "anthropic-version" in call.header or user_agent.startswith(("claude-", "anthropic"))
    body = _anthropic(targets) if anthropic else _openai(targets)
    await call.answer(200, msgspec.json.encode(body))


def _targets(config: Config) -> list[tuple[str, str]]:
    return [(provider.name, model) for provider in config.providers.values() for model in provider.models]


def _anthropic(targets: list[tuple[str, str]]) -> dict[str, object]:
    """Ids begin with `claude/`: the client's discovery keeps only names with "claude" or "anthropic" in them, and
    routing's explicit rule reads them back."""
    data = [
        {
            "type": "model",
            "id": discovery_id(Target(provider, model)),
            "display_name": f"{model} ({provider})",
            "created_at": "2023-11-14T22:13:20Z",
        }
        for provider, model in targets
    ]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def _googles(path: str, targets: list[tuple[str, str]]) -> dict[str, object]:
    """All, or the one that the path names. Raises BadRequest 404."""
    rows = [_googles_row(provider, model) for provider, model in targets]
    _, _, named = path.partition("/models/")
    if not named:
        return {"models": rows}
    found = next((row for row in rows if row["name"] == f"models/{named}"), None)
    if found is None:
        raise BadRequest(f"There is no model {named[:200]!r}.", status=404, error_type="not_found_error")
    return found


def _googles_row(provider: str, model: str) -> dict[str, object]:
    known = card(model)
    row: dict[str, object] = {
        "name": f"models/{provider},{model}",
        "displayName": f"{model} ({provider})",
        "supportedGenerationMethods": [GENERATE, STREAM, COUNT],
    }
    limits = {"inputTokenLimit": known.context_tokens, "outputTokenLimit": known.max_output_tokens}
    return {**row, **{name: limit for name, limit in limits.items() if limit is not None}}


def _openai(targets: list[tuple[str, str]]) -> dict[str, object]:
    data = [
        {"id": f"{provider},{model}", "object": "model", "created": _CREATED, "owned_by": provider}
        for provider, model in targets
    ]
    return {"object": "list", "data": data}
