"""The tables of the records: what each field means, and how a database came to have it.

`TABLES` says what is there now; docs/records.md and the queries are made from them.
`MIGRATIONS` says how to get there from any older state. A migration that has been released is never edited: add one
behind it. A test holds the two together.

The SQL is the part that SQLite and PostgreSQL share. Booleans are 0/1 and JSON is text for that reason.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FieldType = Literal["text", "integer", "real"]


class Field(msgspec.Struct, frozen=True):
    name: str
    type: FieldType
    meaning: str
    unit: str = ""


class Migration(msgspec.Struct, frozen=True):
    version: int
    statements: tuple[str, ...]


_USAGE = (
    Field("input_tokens", "integer", "Input neither read from nor written to a cache, as reported", "tokens"),
    Field("cache_read_tokens", "integer", "Input read from the prompt cache", "tokens"),
    Field("cache_write_tokens", "integer", "Input written to the prompt cache, whatever its time to live", "tokens"),
    Field("cache_write_1h_tokens", "integer", "The part of `cache_write_tokens` written for an hour", "tokens"),
    Field("output_tokens", "integer", "Output, reasoning included", "tokens"),
    Field("reasoning_tokens", "integer", "The part of `output_tokens` that was reasoning", "tokens"),
    Field("web_searches", "integer", "Searches that the provider ran itself", "searches"),
)  # fmt: skip

REQUESTS: tuple[Field, ...] = (
    Field("id", "text", "Our id of the request, also in the reply's `x-ccr-request-id`"),
    Field("at", "real", "When the request arrived", "Unix seconds"),
    Field("written_at", "real", "When the row was written, after the request had ended", "Unix seconds"),
    Field("path", "text", "The path that was asked for"),
    Field(
        "purpose", "text", "Why a model was asked: client, or for the router's own sake: difficulty, score, shadow, sight …"
    ),
    Field("parent", "text", "The `id` of the request for whose sake the router asked; empty for a client's own"),
    Field("namespace", "text", "The workflow's lane; empty when none was named"),
    Field("session", "text", "The client's session id; empty when it sent none"),
    Field("prompt_hash", "text", "Digest of what the person last said: equal prompts have equal hashes"),
    Field("user_agent", "text", "The client's `User-Agent`"),
    Field("asked_model", "text", "The model that the client asked for, verbatim"),
    Field("kind", "text", "What sort of turn it was: user, tool_result, title, compaction …"),
    Field("category", "text", "The kind of task, where the turn's words say it clearly"),
    Field("request_class", "text", "The client's own `x-claude-code-request-class`, when it sends hints"),
    Field("stream", "integer", "1 when the client asked for a stream", "0 or 1"),
    Field("subagent", "integer", "1 when a subagent asked", "0 or 1"),
    Field("body_bytes", "integer", "Size of the request's body", "bytes"),
    Field("signals", "text", "All facts that routing saw, as JSON, without the prompt's text"),
    Field("estimated_tokens", "integer", "The calibrated estimate of the input, which routing used", "tokens"),
    Field("estimate_raw", "real", "The estimate before calibration", "tokens"),
    Field("prompt_tokens", "integer", "The whole input as reported: input + cache read + cache write", "tokens"),
    Field("scenario", "text", "The task type that was decided on"),
    Field("target", "text", "The first choice of the route, `provider,model`"),
    Field("route", "text", "The whole route as JSON: the targets in order"),
    Field("rule", "text", "The rule that decided"),
    Field("because", "text", "Its reason, one sentence"),
    Field("verdicts", "text", "Every rule's answer as JSON, in the order of the rules"),
    Field("config_hash", "text", "Which state of the config decided"),
    Field("shadow_target", "text", "The first choice of the shadow rules; empty without them, or when they refused"),
    Field("shadow_rule", "text", "The shadow rule that decided"),
    Field("shadow_because", "text", "Its reason, or why the shadow rules would have refused"),
    Field("shadow", "text", "The whole decision of the shadow rules as JSON"),
    Field("outcome", "text", "How it ended: delivered, escalated, refused, exhausted, broken_off, client_gone"),
    Field("status", "integer", "The HTTP status that the client saw; 499 when it left first"),
    Field("error", "text", "What the client was told, when it was told an error"),
    Field("stop_reason", "text", "Why the reply ended: end_turn, tool_use, max_tokens …"),
    Field("provider", "text", "The provider of the last attempt: who answered, or who failed last"),
    Field("model", "text", "The model of the last attempt"),
    Field("upstream_model", "text", "The model that the upstream says it used"),
    Field("tier", "text", "The tier of the last attempt's target; empty when it is in none"),
    Field("attempt_count", "integer", "How many times a target was tried", "attempts"),
    *_USAGE,
    Field("cost_usd", "real", "All attempts together, as far as prices are known; empty when none is", "US dollars"),
    Field("first_event_ms", "real", "From arrival to the first content that left for the client", "milliseconds"),
    Field("total_ms", "real", "From arrival to the end", "milliseconds"),
)  # fmt: skip

ATTEMPTS: tuple[Field, ...] = (
    Field("request_id", "text", "The `id` in `requests`"),
    Field("seq", "integer", "0 for the first attempt, 1 for the next"),
    Field("provider", "text", "The provider that was tried"),
    Field("model", "text", "The model that was tried"),
    Field("started_ms", "real", "When the attempt began, since the request arrived", "milliseconds"),
    Field("first_event_ms", "real", "When its first content arrived, since the request arrived", "milliseconds"),
    Field("ended_ms", "real", "When it ended, since the request arrived", "milliseconds"),
    Field("status", "integer", "The upstream's HTTP status"),
    Field("failure_kind", "text", "What went wrong; empty when nothing did"),
    Field("failure_fault", "text", "Whose fault: client, owner, upstream, network, router"),
    Field("failure_message", "text", "The same in one sentence"),
    Field("failure_status", "integer", "The HTTP status of the failure"),
    Field("failure_error_type", "text", "The upstream's own error type"),
    Field("failure_retry_after_s", "real", "How long the upstream asked us to wait", "seconds"),
    Field("stop_reason", "text", "Why its reply ended"),
    Field("upstream_model", "text", "The model that the upstream says it used"),
    Field(
        "credential", "text", "Which of the provider's keys was used, by name or fingerprint; empty for a single key"
    ),
    Field("moved_from", "text", "The key that the session had to leave for this one, because it rests"),
    Field(
        "upward", "integer", "1 when it was a step to a dearer target than the planned one, which is capped", "0 or 1"
    ),
    *_USAGE,
    Field("cost_usd", "real", "What the attempt cost; empty when its price is not known", "US dollars"),
)

BODIES: tuple[Field, ...] = (
    Field("request_id", "text", "The `id` in `requests`"),
    Field("request", "text", "The request's body, redacted"),
    Field("reply", "text", "The reply's body, redacted"),
)

SCORES: tuple[Field, ...] = (
    Field("id", "text", "Of the judgement"),
    Field("request_id", "text", "The `id` in `requests`: whose reply was judged"),
    Field("at", "real", "When it was judged", "Unix seconds"),
    Field("judged_by", "text", "What sort of judge: check, model, person, caller"),
    Field("judge", "text", "Which one: a check's name, `provider,model`, a person's or an evaluator's name"),
    Field("epoch", "text", "Digest of the judge's model, prompt and rubric: scores of two epochs are not comparable"),
    Field("value", "real", "How good the reply was", "0 to 1"),
    Field("sure", "real", "How sure the judge says that it is", "0 to 1"),
    Field("reason", "text", "Why, in its words"),
    Field("cost_usd", "real", "What the judgement cost", "US dollars"),
    Field("duration_ms", "real", "How long it took", "milliseconds"),
    Field("probability", "real", "With which the reply was chosen for it; empty when not by chance", "0 to 1"),
)

PAIRS: tuple[Field, ...] = (
    Field("request_id", "text", "The `id` in `requests` of the answer that was served"),
    Field("other_id", "text", "The `id` of the other tier's answer, which nobody got"),
    Field("at", "real", "When the request arrived", "Unix seconds"),
    Field("probability", "real", "With which the request was chosen for it", "0 to 1"),
    Field("escalated", "integer", "1 when not sampled: the other answer came first and fell short", "0 or 1"),
    Field("namespace", "text", "The workflow's lane"),
    Field("category", "text", "The kind of task"),
    Field("rule", "text", "The rule that decided"),
    Field("served_tier", "text", "The tier that served"),
    Field("other_tier", "text", "The tier that answered in the background"),
    Field("served_target", "text", "`provider,model`"),
    Field("other_target", "text", "`provider,model`"),
    Field("served_value", "real", "The judge's score of the served answer", "0 to 1"),
    Field("other_value", "real", "The judge's score of the other answer", "0 to 1"),
    Field("preferred", "text", "By a judge that saw both: served, other, tie; empty without an answer"),
    Field("judge", "text", "`provider,model`"),
    Field("epoch", "text", "As in `scores`"),
    Field("served_cost_usd", "real", "What the served answer cost", "US dollars"),
    Field("other_cost_usd", "real", "What the other answer cost", "US dollars"),
    Field("judge_cost_usd", "real", "What the judging cost", "US dollars"),
)

TABLES: dict[str, tuple[Field, ...]] = {
    "requests": REQUESTS,
    "attempts": ATTEMPTS,
    "bodies": BODIES,
    "scores": SCORES,
    "pairs": PAIRS,
}
KEYS: dict[str, tuple[str, ...]] = {
    "requests": ("id",),
    "attempts": ("request_id", "seq"),
    "bodies": ("request_id",),
    "scores": ("id",),
    "pairs": ("request_id", "other_id"),
}

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        (
            """CREATE TABLE requests (
                id TEXT NOT NULL PRIMARY KEY, at DOUBLE PRECISION NOT NULL, written_at DOUBLE PRECISION NOT NULL, path TEXT,
                namespace TEXT, session TEXT, prompt_hash TEXT, user_agent TEXT,
                asked_model TEXT, kind TEXT, request_class TEXT, stream INTEGER, subagent INTEGER,
                body_bytes INTEGER, signals TEXT,
                estimated_tokens INTEGER, estimate_raw DOUBLE PRECISION, prompt_tokens INTEGER,
                scenario TEXT, target TEXT, route TEXT, rule TEXT, because TEXT, verdicts TEXT, config_hash TEXT,
                outcome TEXT NOT NULL, status INTEGER NOT NULL, error TEXT, stop_reason TEXT,
                provider TEXT, model TEXT, upstream_model TEXT, attempt_count INTEGER,
                input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
                cache_write_1h_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, web_searches INTEGER,
                cost_usd DOUBLE PRECISION, first_event_ms DOUBLE PRECISION, total_ms DOUBLE PRECISION
            )""",
            """CREATE TABLE attempts (
                request_id TEXT NOT NULL, seq INTEGER NOT NULL, provider TEXT, model TEXT,
                started_ms DOUBLE PRECISION, first_event_ms DOUBLE PRECISION, ended_ms DOUBLE PRECISION, status INTEGER,
                failure_kind TEXT, failure_fault TEXT, failure_message TEXT, failure_status INTEGER,
                failure_error_type TEXT, failure_retry_after_s DOUBLE PRECISION,
                stop_reason TEXT, upstream_model TEXT,
                input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER,
                cache_write_1h_tokens INTEGER, output_tokens INTEGER, reasoning_tokens INTEGER, web_searches INTEGER,
                cost_usd DOUBLE PRECISION,
                PRIMARY KEY (request_id, seq)
            )""",
            "CREATE TABLE bodies (request_id TEXT NOT NULL PRIMARY KEY, request TEXT, reply TEXT)",
            "CREATE INDEX requests_at ON requests (at)",
            "CREATE INDEX requests_written_at ON requests (written_at)",
            "CREATE INDEX requests_session ON requests (session, at)",
        ),
    ),
    Migration(
        2,
        (
            "ALTER TABLE attempts ADD COLUMN credential TEXT",
            "ALTER TABLE attempts ADD COLUMN moved_from TEXT",
        ),
    ),
    Migration(
        3,
        tuple(
            f"ALTER TABLE requests ADD COLUMN {name} TEXT"
            for name in ("shadow_target", "shadow_rule", "shadow_because", "shadow")
        ),
    ),
    Migration(
        4,
        (
            "ALTER TABLE requests ADD COLUMN purpose TEXT NOT NULL DEFAULT 'client'",
            *(f"ALTER TABLE requests ADD COLUMN {name} TEXT" for name in ("parent", "category", "tier")),
            "CREATE INDEX requests_parent ON requests (parent)",
            """CREATE TABLE scores (
                id TEXT NOT NULL PRIMARY KEY, request_id TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
                judged_by TEXT NOT NULL, judge TEXT, epoch TEXT, value DOUBLE PRECISION NOT NULL, sure DOUBLE PRECISION,
                reason TEXT, cost_usd DOUBLE PRECISION, duration_ms DOUBLE PRECISION
            )""",
            "CREATE INDEX scores_request ON scores (request_id)",
            "CREATE INDEX scores_at ON scores (at)",
            """CREATE TABLE pairs (
                request_id TEXT NOT NULL, other_id TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
                probability DOUBLE PRECISION NOT NULL, namespace TEXT, category TEXT, rule TEXT,
                served_tier TEXT, other_tier TEXT, served_target TEXT, other_target TEXT,
                served_value DOUBLE PRECISION, other_value DOUBLE PRECISION, preferred TEXT,
                judge TEXT, epoch TEXT, served_cost_usd DOUBLE PRECISION, other_cost_usd DOUBLE PRECISION,
                judge_cost_usd DOUBLE PRECISION,
                PRIMARY KEY (request_id, other_id)
            )""",
            "CREATE INDEX pairs_at ON pairs (at)",
        ),
    ),
    Migration(5, ("ALTER TABLE pairs ADD COLUMN escalated INTEGER NOT NULL DEFAULT 0",)),
    Migration(6, ("ALTER TABLE scores ADD COLUMN probability DOUBLE PRECISION",)),
    Migration(7, ("ALTER TABLE attempts ADD COLUMN upward INTEGER NOT NULL DEFAULT 0",)),
)
"""In order of version, 1 upwards without gaps."""
