"""Ready rules for the usual tasks, in the same form as the owner's own. Names are for good: configs hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "light tasks": {
        "comment": "short summaries, classification, conversion of formats; never in a tool loop, never a plan",
        "when": {
            "kind": "user",
            "tokens": {"under": 40_000},
            "words": {"under": 60},
            "says": [
                "summarise", "summarize", "summary", "tl dr", "classify", "categorise", "categorize", "label these",
                "convert", "translate", "reformat", "to json", "to csv", "to yaml", "to markdown", "extract", "list all",
                "rename", "commit message", "changelog entry",
            ],
            "not": {"any": [{"plan_mode": True}, {"ultrathink": True}, {"says": ["design", "architecture", "why", "debug"]}]},
        },
        "use": "light",
    },
    "mid tasks": {
        "comment": "reviews, proofreading, choosing between given things",
        "when": {
            "kind": "user",
            "says": [
                "review", "code review", "proofread", "proof read", "check this", "spelling", "grammar", "choose",
                "which is better", "which one", "compare", "pick one", "pros and cons", "lint",
            ],
            "not": {"any": [{"plan_mode": True}, {"ultrathink": True}]},
        },
        "use": "mid",
    },
    "heavy tasks": {
        "comment": "design, reasoning in several steps, consistency over long contexts",
        "when": {
            "any": [
                {"plan_mode": True},
                {"ultrathink": True},
                {"kind": "user", "effort": ["xhigh", "max"]},
                {"kind": ["user", "tool_result"], "tokens": {"over": 120_000}},
                {
                    "kind": "user",
                    "says": [
                        "design", "architecture", "architect", "trade off", "trade offs", "tradeoffs", "root cause",
                        "race condition", "deadlock", "migration plan", "step by step", "prove", "algorithm",
                        "refactor the whole", "threat model", "rewrite the",
                    ],
                },
            ]
        },
        "use": "heavy",
    },
    "failing tools": {
        "comment": "a loop that goes wrong again and again is worth a stronger model",
        "when": {"tool_errors": {"at_least": 1}, "tool_depth": {"over": 8}},
        "use": "heavy",
    },
}  # fmt: skip
