"""Records that are hard to decide again: no two requests have equal facts, the rules look at many of them, and half of the
requests were decided by a config that nobody knows any more. For `million.py`."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

UNKNOWN_HASH = "0123456789ab"
CATEGORIES = ("summary", "code_review", "design", "debugging", "translation", "refactoring", "tests", "")
KINDS = ("user", "user", "tool_result", "tool_result", "tool_result", "tool_result", "title", "compaction")
WORDS = ("architecture", "review", "prove", "refactor")
SESSIONS_AT_ONCE = 40
"""Of ten requests each."""

RULES: tuple[Mapping[str, Any], ...] = (
    {"name": "hard words", "when": {"says": ["architecture", "prove"]}, "use": "heavy"},
    {"name": "review words", "when": {"says": ["review"]}, "use": "mid"},
    {"name": "tickets", "when": {"matches": "\\bJIRA-[0-9]+"}, "use": "mid"},
    {"name": "deep loops", "when": {"tool_depth": {"over": 12}}, "use": "heavy"},
    {"name": "summaries", "when": {"all": [{"category": "summary"}, {"tokens": {"under": 40_000}}]}, "use": "light"},
    {"name": "long talks", "when": {"messages": {"over": 120}}, "use": "mid"},
    {"name": "few tokens", "when": {"tokens": {"under": 30_000}}, "use": "light"},
)
TRIED: tuple[Mapping[str, Any], ...] = (
    {"name": "long prompts", "when": {"tokens": {"over": 110_000}}, "use": "heavy"},
    {"name": "deep loops", "when": {"tool_depth": {"over": 9}}, "use": "mid"},
    {"name": "errors", "when": {"tool_errors": {"at_least": 2}}, "use": "heavy"},
    {"name": "hard words", "when": {"says": ["architecture"]}, "use": "heavy"},
    {"name": "review words", "when": {"says": ["review", "prove"]}, "use": "mid"},
    {"name": "tickets", "when": {"matches": "\\bJIRA-[0-9]+"}, "use": "heavy"},
    {"name": "summaries", "when": {"any": [{"category": "summary"}, {"category": "translation"}]}, "use": "light"},
    {"name": "long talks", "when": {"messages": {"over": 90}}, "use": "heavy"},
    {"name": "at night", "when": {"time": "22:00-06:00"}, "use": "light"},
    {"name": "few tokens", "when": {"tokens": {"under": 45_000}}, "use": "light"},
)


def varied_facts(row: Mapping[str, Any], number: int, dice: random.Random, config_hash: str) -> dict[str, Any]:
    """`config_hash`: of the config whose rules are RULES."""
    session, kind, category = (
        f"{number // 400:x}-{dice.randrange(SESSIONS_AT_ONCE)}",
        dice.choice(KINDS),
        dice.choice(CATEGORIES),
    )
    facts = {
        **json.loads(row["signals"]),
        "tokens": dice.randrange(1_000, 150_000),
        "max_tokens": dice.randrange(1_000, 64_000),
        "body_bytes": dice.randrange(4_000, 600_000),
        "turns": dice.randrange(1, 200),
        "words": dice.randrange(100),
        "tool_depth": dice.randrange(20) if kind == "tool_result" else 0,
        "tool_errors": int(dice.random() < 0.1) + int(dice.random() < 0.1),
        "kind": kind,
        "category": category,
        "session": session,
        "subagent": dice.random() < 0.2,
        "thinking": dice.choice(("", "adaptive", "enabled")),
        "effort": dice.choice(("", "low", "medium", "high", "xhigh")),
        "prompt_hash": f"{dice.getrandbits(64):016x}",
        "heard": [word for word in WORDS if dice.random() < 0.1],
        "last_input_tokens": dice.randrange(1_000, 150_000),
        "minute_of_day": dice.randrange(1_440),
        "weekday": dice.choice(("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
    }
    facts["agent_id"] = f"agent-{dice.randrange(3)}" if facts["subagent"] else ""
    known = dice.random() < 0.5
    return {
        "session": session,
        "kind": kind,
        "category": category,
        "subagent": int(facts["subagent"]),
        "prompt_hash": facts["prompt_hash"],
        "estimated_tokens": facts["tokens"],
        "config_hash": config_hash if known else UNKNOWN_HASH,
        "signals": json.dumps(facts, separators=(",", ":")),
    }
