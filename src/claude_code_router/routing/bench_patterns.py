"""The built-in patterns of the test bench: requests as clients send them, over all kinds of task. Data, no behaviour."""

from __future__ import annotations

from typing import Any

import msgspec


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A request in short: `bench.request_of` makes it whole."""

    name: str
    client: str = "claude-code"
    """claude-code, sdk, openai: who sends it."""
    says: str = ""
    model: str = "claude-sonnet-5-5"
    tokens: int = 0
    """About how much context stands before the prompt."""
    tools: tuple[str, ...] = ("Read", "Edit", "Bash", "Grep", "Task")
    loop: tuple[str, ...] = ()
    """Tools called since the prompt, oldest first; a `!` behind the name: it failed."""
    more: dict[str, Any] = {}
    """Further fields of the body."""
    headers: dict[str, str] = {}
    image: bool = False
    pdf: bool = False
    system: str = ""


_SUBAGENT = {"x-claude-code-agent-id": "agent-1", "x-claude-code-agent-type": "Explore"}
_PLAN = "<system-reminder>Plan mode is active. The user indicated that they do not want you to execute yet.</system-reminder>\n"
_TITLE_SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
_TITLE = {"output_config": {"format": {"type": "json_schema", "schema": _TITLE_SCHEMA}}}
_SEARCH = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
_LONG = ("Read", "Grep", "Edit", "Bash", "Read", "Edit", "Bash", "Edit", "Bash", "Read")


def _asked(task: str, *prompts: str) -> tuple[Pattern, ...]:
    return tuple(
        Pattern(name=f"{task} {number}", says=prompt, tokens=18_000) for number, prompt in enumerate(prompts, start=1)
    )


_TASKS = (
    *_asked(
        "summarise",
        "Summarise this log in three lines",
        "tl;dr of the README please",
        "What is new? Short summary.",
    ),
    *_asked("classify", "Classify these tickets into bug, feature and question", "Label these rows by sentiment"),
    *_asked(
        "convert", "Convert this YAML to JSON", "Translate the error messages to German", "Extract all URLs as CSV"
    ),
    *_asked(
        "review",
        "Review my diff before I push it",
        "Do a code review of src/auth.py",
        "Check this function for mistakes",
    ),
    *_asked("proofread", "Proofread the release notes", "Fix spelling and grammar in docs/intro.md"),
    *_asked("choose", "Which is better here, a queue or a cron job?", "Compare these two libraries and pick one"),
    *_asked(
        "debug", "The test test_login fails since yesterday, find out why", "Find the race condition in the scheduler"
    ),
    *_asked("implement", "Add a --verbose flag to the CLI", "Write a function that parses ISO dates, with tests"),
    *_asked("refactor", "Split this class into two", "Refactor the whole payment module to async"),
    *_asked(
        "design", "Design the architecture of a multi-tenant job queue", "Write a migration plan from Mongo to Postgres"
    ),
    *_asked(
        "reason",
        "Prove that this algorithm terminates, step by step",
        "What is the root cause? Consider all trade-offs.",
    ),
    *_asked("explain", "How does the session cache work?", "Explain this regex"),
    *_asked("ambiguous", "fix it", "go on", "and the other one?", "yes"),
    *_asked(
        "other languages", "このコードをレビューして", "Bitte prüfe, ob das nicht zu langsam ist", "请总结这个文件"
    ),
)

_LOOPS = (
    Pattern(name="loop, first step", says="Add a flag", tokens=20_000, loop=("Read",)),
    Pattern(name="loop, ten steps in", says="Fix the build", tokens=60_000, loop=_LONG),
    Pattern(name="loop, a tool failed", says="Fix the build", tokens=30_000, loop=("Read", "Bash!")),
    Pattern(name="loop, fails again and again", says="Fix the build", tokens=70_000, loop=(*_LONG, "Bash!", "Bash!")),
    Pattern(name="loop after a design prompt", says="Design the cache layer", tokens=40_000, loop=("Read", "Grep")),
)

_HELPERS = (
    Pattern(name="title", says="Fix the login", tools=(), more=_TITLE),
    Pattern(name="title by hint", says="x", tools=(), headers={"x-claude-1p-request-class": "summary-extraction"}),
    Pattern(name="page digest", says="Web page content:\n---\nA long page\n---\nWhat does it say?", tools=()),
    Pattern(name="prompt suggestion", says="[SUGGESTION MODE: Suggest what the user might say next.]", tokens=30_000),
    Pattern(name="compaction", says="CRITICAL: Respond with TEXT ONLY. Summarise the session.", tokens=150_000),
    Pattern(name="safety classifier", says="Bash: ls", tools=(), more={"stop_sequences": ["</block>"]}),
    Pattern(name="inner web search", says="Search for httpx 1.0", tools=(), more=_SEARCH),
    Pattern(name="auxiliary by hint", says="x", tools=(), headers={"x-claude-code-request-class": "auxiliary"}),
)

_SHAPES = (
    Pattern(name="asked for opus", says="Look at the tests", model="claude-opus-5-5", tokens=20_000),
    Pattern(name="asked for haiku", says="Look at the tests", model="claude-haiku-5-5", tokens=2_000),
    Pattern(name="asked by alias", says="Look at the tests", model="opus"),
    Pattern(name="plan mode", says=f"{_PLAN}Plan the rewrite of the parser", tokens=25_000),
    Pattern(name="ultrathink", says="ultrathink: where is the leak?", tokens=25_000),
    Pattern(name="effort max", says="Where is the leak?", tokens=25_000, more={"output_config": {"effort": "max"}}),
    Pattern(
        name="thinking budget", says="Where is it?", more={"thinking": {"type": "enabled", "budget_tokens": 10_000}}
    ),
    Pattern(name="long context", says="What did we decide about retries?", tokens=90_000),
    Pattern(name="very long context", says="What did we decide about retries?", tokens=250_000),
    Pattern(name="image", says="What is wrong in this screenshot?", tokens=15_000, image=True),
    Pattern(name="document", says="Summarise this paper", tokens=15_000, pdf=True),
    Pattern(name="web search offered", says="What is new in Python 3.15?", tools=("Read",), more=_SEARCH),
    Pattern(name="subagent", says="Find all callers of foo()", tokens=8_000, headers=_SUBAGENT),
    Pattern(
        name="subagent in a loop", says="Find all callers", tokens=12_000, headers=_SUBAGENT, loop=("Grep", "Read")
    ),
    Pattern(name="first prompt of a session", says="Hello, what is this project?", tokens=14_000),
)

_CLIENTS = (
    Pattern(name="Anthropic SDK, short", client="sdk", says="Classify: 'great product'", tools=()),
    Pattern(name="Anthropic SDK, long", client="sdk", says="Answer from the documents above", tools=(), tokens=70_000),
    Pattern(name="Anthropic SDK, tools", client="sdk", says="Book a table", tools=("book",)),
    Pattern(name="OpenAI client, short", client="openai", says="Convert 3 km to miles", tools=()),
    Pattern(name="OpenAI client, code", client="openai", says="Write a binary search in Rust", tools=()),
    Pattern(
        name="headless claude -p",
        says="Write the changelog entry",
        headers={"user-agent": "claude-cli/2.1.330 (sdk-cli)"},
    ),
)

PATTERNS: tuple[Pattern, ...] = (*_TASKS, *_LOOPS, *_HELPERS, *_SHAPES, *_CLIENTS)
