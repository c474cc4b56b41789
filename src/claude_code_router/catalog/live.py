"""What a provider's own list of models says (`GET …/v1/models`): read with patience, for `ccr models`, never for a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from claude_code_router.catalog.cards import OwnCard

MAX_MODELS = 10_000


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list."""

    id: str
    card: OwnCard = OwnCard()
    """What the row says of its model; mostly nothing."""
    retired: bool = False


def read_list(body: bytes) -> tuple[Listed, ...]:
    """Anthropic's, OpenAI's, OpenRouter's and Gemini's forms. Raises ValueError for a body that is no such list."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the list of models cannot be read: {error}") from error
    rows = _rows(found)
    if rows is None:
        raise ValueError("the answer is no list of models")
    return tuple(_listed(rows))


def _rows(found: object) -> list[Any] | None:
    if isinstance(found, list):
        return found
    if not isinstance(found, dict):
        return None
    return next((found[key] for key in ("data", "models") if isinstance(found.get(key), list)), None)


def _listed(rows: list[Any]) -> Iterator[Listed]:
    for row in rows[:MAX_MODELS]:
        if not isinstance(row, dict):
            continue
        name = row.get("id") or row.get("name") or row.get("model")
        if isinstance(name, str) and name:
            yield Listed(id=name.removeprefix("models/"), card=_card(row), retired=row.get("lifecycle") == "retired")


def _card(row: Mapping[str, Any]) -> OwnCard:
    top = _mapping(row.get("top_provider"))
    return OwnCard(
        context_tokens=_first(
            row, "max_input_tokens", "inputTokenLimit", "context_length", "context_window", "max_model_len"
        ),
        max_output_tokens=_first(row, "outputTokenLimit", "max_completion_tokens", "max_output_tokens")
        or _first(top, "max_completion_tokens")
        # Anthropic's own name for it, which others use for the window.
        or (_first(row, "max_tokens") if "max_input_tokens" in row else None),
        vision=_vision(row),
        reasons=_reasons(row),
    )


def _first(row: Mapping[str, Any], *names: str) -> int | None:
    return next((value for name in names if isinstance(value := row.get(name), int) and value > 0), None)


def _vision(row: Mapping[str, Any]) -> bool | None:
    inputs = _mapping(row.get("architecture")).get("input_modalities")
    if isinstance(inputs, list):
        return "image" in inputs
    return _supported(_mapping(row.get("capabilities")).get("image_input"))


def _reasons(row: Mapping[str, Any]) -> bool | None:
    parameters = row.get("supported_parameters")
    if isinstance(parameters, list):
        return "reasoning" in parameters
    if isinstance(row.get("thinking"), bool):
        return bool(row["thinking"])  # Gemini
    return _supported(_mapping(row.get("capabilities")).get("thinking"))


def _supported(value: object) -> bool | None:
    if isinstance(value, dict):
        value = value.get("supported")
    return value if isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
