"""A few requests of the usual kinds, so that a model can be looked at on the first day. Written for this; each asks for
something that code or a judge can tell to be right or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_READ = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["file_path"],
    },
}
_BUG = """def mean(values):
    total = 0
    for value in values:
        total += value
        return total / len(values)
"""
_LOG = "\n".join(
    f"2026-11-0{day} 12:0{day}:00 worker-{day % 3} job={day * 17} took={day * 40}ms" for day in range(1, 10)
)

TYPICAL: Mapping[str, Mapping[str, Any]] = {
    "json only": {
        "system": "Answer with JSON only, no prose and no code fence.",
        "messages": [
            {
                "role": "user",
                "content": 'Give the planets with rings as JSON: {"planets": [{"name": …, "rings_discovered": year}]}',
            }
        ],
    },
    "a tool": {
        "tools": [_READ],
        "messages": [{"role": "user", "content": "Look into pyproject.toml and tell me which Python it needs."}],
    },
    "after a tool": {
        "tools": [_READ],
        "messages": [
            {"role": "user", "content": "Which Python does pyproject.toml ask for?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "pyproject.toml"}}
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": 'requires-python = ">=3.11"'}],
            },
        ],
    },
    "a bug": {"messages": [{"role": "user", "content": f"What is wrong here? Show the corrected function.\n\n{_BUG}"}]},
    "code": {
        "messages": [
            {
                "role": "user",
                "content": "Write a Python function `chunks(items, size)` that yields lists of at most `size` items.",
            }
        ]
    },
    "a summary": {
        "messages": [{"role": "user", "content": f"In two sentences: what do these log lines say?\n\n{_LOG}"}],
    },
    "a choice": {
        "messages": [
            {
                "role": "user",
                "content": "One writer, many readers, a few hundred rows a second, one machine. SQLite or PostgreSQL, and why? "
                "Three sentences.",
            }
        ]
    },
    "a translation": {
        "messages": [
            {
                "role": "user",
                "content": 'Translate into German, nothing else: "The build fails because a test is flaky."',
            }
        ]
    },
    "a temperature": {
        "temperature": 0.2,
        "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": "List three sorting algorithms, one a line, then write END."}],
    },
}


def body_of(name: str, model: str) -> dict[str, Any]:
    """Streamed, as clients ask, so that there is a first token to wait for."""
    return {"model": model, "max_tokens": 1_024, "stream": True, **TYPICAL[name]}
