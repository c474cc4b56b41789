"""Google's servers take every field in camelCase and in snake_case, and their own examples use both."""

from __future__ import annotations

from typing import Any

import msgspec

_SNAKE = {
    name: "".join([first, *(word.title() for word in rest)])
    for name in (
        "system_instruction", "generation_config", "tool_config", "safety_settings", "cached_content",
        "function_declarations", "parameters_json_schema", "function_calling_config", "allowed_function_names",
        "google_search", "google_search_retrieval", "url_context", "code_execution",
        "function_call", "function_response", "inline_data", "file_data", "mime_type", "file_uri", "thought_signature",
        "executable_code", "code_execution_result", "max_output_tokens", "stop_sequences", "top_p", "top_k",
        "response_mime_type", "response_schema", "response_json_schema", "candidate_count", "thinking_config",
        "include_thoughts", "thinking_budget", "thinking_level",
    )
    for first, *rest in [name.split("_")]
}  # fmt: skip

Fields = dict[str, msgspec.Raw]
_fields_decoder = msgspec.json.Decoder(Fields)


def camel(fields: dict[str, Any]) -> dict[str, Any]:
    """One object's own members; what is in them is left alone (it may be the user's data)."""
    return {_SNAKE.get(name, name): value for name, value in fields.items()}


def fields_of(raw: msgspec.Raw | bytes) -> Fields:
    """Raises one of `UNREADABLE` when it is no object. Nothing has no members."""
    text = bytes(raw)
    return camel(_fields_decoder.decode(text)) if text and text != b"null" else {}
