"""The config file's keys and their types. The docstrings under the fields are what the reference and the JSON Schema say.

The names are those of the npm tool 1.x and 2.x, whose files are read unmodified; what is ours is marked so.
Why msgspec and not pydantic: importing pydantic and building these classes with it took 190 ms and 14 MB, a quarter of
what a start may take. That all problems are said at once is `config.check`'s work.
"""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from claude_code_router.config.schema_difficulty import DifficultySection
from claude_code_router.config.schema_escalation import EscalationSection
from claude_code_router.config.schema_learned import LearnedSection
from claude_code_router.config.schema_monitoring import AlertsSection, MonitoringSection
from claude_code_router.config.schema_monitoring import BandSection as BandSection
from claude_code_router.config.schema_monitoring import BandsSection as BandsSection
from claude_code_router.config.schema_monitoring import TracesSection as TracesSection
from claude_code_router.config.schema_quality import PairsSection as PairsSection
from claude_code_router.config.schema_quality import QualitySection
from claude_code_router.config.schema_reload_gate import ReloadGateSection
from claude_code_router.config.section import Section
from claude_code_router.routing.table import DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS, ThinkTrigger


class ModelTransformers(Section, frozen=True, kw_only=True):
    """The transformers of one model, applied after its provider's."""

    use: list[str | list[Any]] = []
    """As in `transformer.use`."""


class Transformers(Section, frozen=True, kw_only=True):
    """The classic transformers that apply: to every model of the provider (`use`), or to one (its id is the key)."""

    other_keys: ClassVar[Any] = ModelTransformers

    use: list[str | list[Any]] = []
    """Names (`"deepseek"`), or a name with options (`["maxtoken", {"max_tokens": 16384}]`)."""


Seconds = Annotated[float, msgspec.Meta(ge=0.001)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class TimeLimitsSection(Section, frozen=True, kw_only=True):
    """How long to wait for an upstream, in seconds. What is not said is as usual."""

    connect_s: Seconds | None = None
    """Until the connection stands. Usually 10."""
    first_byte_s: Seconds | None = None
    """From then to the reply's headers. Usually `API_TIMEOUT_MS`, and 180 for a stream when there is another target to go
    to; a model that thinks for minutes streams its headers at once, a local one that reads a long prompt may not."""
    idle_s: Seconds | None = None
    """Silence inside a reply. Usually `API_TIMEOUT_MS`; the client is kept waiting with pings."""
    total_s: Seconds | None = None
    """The whole of one attempt. Usually 3600."""


class TimeoutsSection(Section, frozen=True, kw_only=True):
    """Time limits by kind of request. The keys are those of `Router`; each wins over the provider's `timeouts`."""

    default: TimeLimitsSection | None = None
    """For all that have no key of their own; a provider's `timeouts` win over it."""
    background: TimeLimitsSection | None = None
    """For `Router.background`."""
    think: TimeLimitsSection | None = None
    """For `Router.think`."""
    longContext: TimeLimitsSection | None = None
    """For `Router.longContext`."""
    webSearch: TimeLimitsSection | None = None
    """For `Router.webSearch`."""
    image: TimeLimitsSection | None = None
    """For `Router.image`."""
    compaction: TimeLimitsSection | None = None
    """For `Router.compaction`."""
    classifier: TimeLimitsSection | None = None
    """For `Router.classifier`."""
    subagent: TimeLimitsSection | None = None
    """For `Router.subagent`."""


class RetrySection(Section, frozen=True, kw_only=True):
    """How a request is repeated when its target fails in passing (see reliability.md for what counts as that)."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    """Attempts of one request in all, repetitions and fallbacks together; 1: no repetitions. Each target of a longer chain
    is still asked once."""
    max_s: Seconds | None = None
    """No further attempt begins after so many seconds. `API_TIMEOUT_MS` when not said."""
    base_s: Amount = 0.5
    """The first pause is a random part of this, the second of twice this, and so on."""
    cap_s: Amount = 8.0
    """No pause of ours is longer."""
    retry_after_max_s: Amount = 20.0
    """An upstream's `retry-after` up to here is waited for; beyond it the next target is asked, or the client told."""
    ratio: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.2
    """Repetitions per request to a provider while it fails for everybody, so that an outage does not become a storm."""
    burst: Amount = 10.0
    """Repetitions that a provider gets before `ratio` counts."""


class UpwardFallbackSection(Section, frozen=True, kw_only=True):
    """How often, and at what expected cost, a fallback may go to a target that is dearer than the planned one. Targets
    whose price is not known are not counted as dearer. Counted since the router started."""

    max_per_hour: Count = 100
    """In any hour; 0: never."""
    max_per_day: Count = 500
    """In any day."""
    max_usd_per_hour: Amount = 10.0
    """What they may cost in any hour."""
    max_usd_per_day: Amount = 50.0
    """What they may cost in any day."""


class LimitsSection(Section, frozen=True, kw_only=True):
    """How much at once and how much a minute. What is not said has no limit."""

    requests_per_min: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Requests in any 60 s."""
    tokens_per_min: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Tokens in any 60 s, prompt and output together: estimated when a request begins, put right when its reply has said
    its usage. What was read from a prompt cache does not count, as with most providers' own limits."""
    concurrency: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Requests at the same time."""
    queue_s: Annotated[float, msgspec.Meta(ge=0, le=120)] = 30.0
    """How long a request waits for its turn, before it goes to the next target or the client gets a 429. With a further
    target to go to, 2 s at most."""


class BudgetSection(Section, frozen=True, kw_only=True):
    """US dollars in this machine's calendar, counted from the records. Requests whose price is not known cost nothing."""

    day_usd: Amount | None = None
    """Beyond it requests are refused until midnight."""
    month_usd: Amount | None = None
    """Beyond it requests are refused until the first of the next month."""
    warn_at: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.8
    """From this share on, the log and `ccr status` warn."""


class CredentialSection(Section, frozen=True, kw_only=True):
    """One of several keys of a provider."""

    name: str = ""
    """What records and `ccr status` call it; a fingerprint when not said."""
    api_key: str
    """The key, best as `"$NAME"` of an environment variable."""
    weight: Annotated[float, msgspec.Meta(ge=0.001)] = 1.0
    """Its share of the sessions."""
    limits: LimitsSection | None = None
    """Limits of this key."""


class CardSection(Section, frozen=True, kw_only=True):
    """What a model can do, where the catalogue does not know it or is wrong (`ccr models` shows what it knows)."""

    context: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Its window, in tokens."""
    max_output: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The most it says in one reply, in tokens: requests for more are cut to it."""
    vision: bool | None = None
    """It sees images; to one that does not, a word is sent in the place of each."""
    thinks: bool | None = None
    """It can think before it answers."""


class ProviderSection(Section, frozen=True, kw_only=True):
    """Somewhere that models live."""

    name: str
    """What targets call it: the first half of `"provider,model"`."""
    api_base_url: str
    """The complete endpoint: `https://…/v1/chat/completions`, `https://…/v1/messages`."""
    api_key: str = ""
    """The key, best as `"$NAME"` of an environment variable. Not needed for servers on this machine or network."""
    models: list[str] = []
    """The models that it offers. A target may name others: they are passed on as they are, with a warning."""
    transformer: Transformers | None = None
    """Classic transformer names, mapped to what this router does for them (see providers.md)."""
    tokenizer: dict[str, Any] | None = None
    """Read and kept, not used: tokens are estimated, and calibrated by what the provider reports."""
    headers: dict[str, str] = {}
    """Ours. Sent with every request, besides authorisation."""
    dialect: Literal["", "anthropic", "openai_chat", "openai_responses", "gemini", "ollama_chat"] = ""
    """Ours. How it speaks; found from the transformers and the URL when not said."""
    auth: Literal["", "bearer", "x-api-key", "api-key", "x-goog-api-key", "none"] = ""
    """Ours. How the key is sent; the preset's way when not said."""
    preset: str = ""
    """Ours. The preset to use whatever the host is (a vLLM somewhere in the network); found by host when not said."""
    timeouts: TimeLimitsSection | None = None
    """Ours. Time limits for this provider."""
    api_keys: list[str] = []
    """Ours. Several keys (accounts) instead of one: sessions are spread over them, and each stays with its own."""
    credentials: list[CredentialSection] = []
    """Ours. The same with names, weights and limits."""
    limits: LimitsSection | None = None
    """Ours. Limits of this provider, all keys together."""
    budget: BudgetSection | None = None
    """Ours. What may be spent here; then the next target is asked."""
    proxy: str = ""
    """Ours. A proxy for this provider alone: `http://…`, or `socks5://…` with the extra `socks`; `direct` for none whatever
    `PROXY_URL` says."""
    ca_file: str = ""
    """Ours. A PEM file of certificates to trust for this provider, in place of the system's."""
    http2: bool = False
    """Ours. Speak HTTP/2 where the server can, with the extra `http2`; `https://` addresses only."""
    cards: dict[str, CardSection] = {}
    """Ours. Model to what it can do, where `ccr models` does not know it."""
    price: dict[str, dict[str, float]] = {}
    """Ours. Model (or `*`) to USD per million tokens, by kind of token: `input`, `output`, `cache_read`, `cache_write`,
    `cache_write_1h`."""


class RouterSection(Section, frozen=True, kw_only=True):
    """Which target takes which kind of request. A target is `"provider,model"`; `"provider/model"` is read too."""

    default: str = ""
    """Everything that no other key takes. When missing: the first provider's first model, with a warning."""
    background: str = ""
    """The client's own small errands (titles, page digests, suggestions), and requests for a haiku-class model."""
    think: str = ""
    """Requests that ask for more reasoning than usual; `thinkWhen` says what counts."""
    longContext: str = ""
    """Requests of more than `longContextThreshold` tokens."""
    longContextThreshold: Annotated[int, msgspec.Meta(ge=0)] = DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS
    """Tokens from which on `longContext` takes a request; 0 means the default."""
    webSearch: str = ""
    """Requests that offer the provider's own web search tool."""
    image: str = ""
    """Requests whose last user message holds an image."""
    compaction: str = ""
    """Ours. The request that rewrites a session as its summary; the main route when not said."""
    classifier: str = ""
    """Ours. Auto mode's question whether a tool call is safe; the main route when not said."""
    subagent: str = ""
    """Ours. Requests of subagents that name no model of their own; the main route when not said."""
    thinkWhen: list[ThinkTrigger] | None = None
    """Ours. What sends a request to `think`: `budget` (a thinking budget was asked for), `effort` (above the model's
    usual), `ultrathink` (said in the prompt), `plan` (plan mode); all four when not said. `adaptive` can be added: then
    every request of a client with adaptive thinking goes there, as in the npm tool."""


class FallbackSection(Section, frozen=True, kw_only=True):
    """What to try, in order, after the target of a kind of request has failed. The keys are those of `Router`.
    One target may stand without the list around it."""

    default: list[str] = []
    """After `Router.default`."""
    background: list[str] = []
    """After `Router.background`."""
    think: list[str] = []
    """After `Router.think`."""
    longContext: list[str] = []
    """After `Router.longContext`."""
    webSearch: list[str] = []
    """After `Router.webSearch`."""
    image: list[str] = []
    """Ours. After `Router.image`."""
    compaction: list[str] = []
    """Ours. After `Router.compaction`."""
    classifier: list[str] = []
    """Ours. After `Router.classifier`."""
    subagent: list[str] = []
    """Ours. After `Router.subagent`."""


class CustomTransformer(Section, frozen=True, kw_only=True):
    """A JavaScript module with a transformer class."""

    name: str = ""
    """What it is called."""
    path: str
    """Where the module is."""
    options: dict[str, Any] = {}
    """Given to its constructor."""


class Plugin(Section, frozen=True, kw_only=True):
    """A plugin of the npm tool 2.x."""

    name: str
    """Its name; the npm tool knows `token-speed`."""
    enabled: bool = False
    """Whether it is on."""
    options: dict[str, Any] = {}
    """Its settings."""


class NamespaceSection(Section, frozen=True, kw_only=True):
    """One workflow's lane. What it does not say is as in the rest of the file."""

    keys: dict[str, str] = {}
    """Keys of its clients by name, best as `"$NAME"` of environment variables. Who shows one is in this namespace."""
    provider_keys: dict[str, str] = {}
    """Its own key for a provider, by the provider's name."""
    Router: dict[str, Any] = {}
    """In place of the file's `Router`."""
    fallback: dict[str, Any] = {}
    """In place of the file's `fallback`."""
    Rules: list[dict[str, Any]] | None = None
    """In place of the file's `Rules`."""
    Tiers: dict[str, Any] = {}
    """In place of the file's `Tiers`."""
    Aliases: dict[str, Any] = {}
    """In place of the file's `Aliases`."""
    Guards: dict[str, Any] | None = None
    """In place of the file's `Guards`."""
    Difficulty: DifficultySection | None = None
    """In place of the file's `Difficulty`."""
    Quality: QualitySection | None = None
    """In place of the file's `Quality`."""
    Learned: LearnedSection | None = None
    """In place of the file's `Learned`."""
    Stickiness: bool | None = None
    """In place of the file's `Stickiness`."""
    Escalation: EscalationSection | None = None
    """In place of the file's `Escalation`."""
    Shadow: dict[str, Any] = {}
    """In place of the file's `Shadow`."""
    Alerts: AlertsSection | None = None
    """Alerts about its own requests, besides the file's about all."""
    ReloadGate: ReloadGateSection | None = None
    """Conditions on its own requests, besides the file's on all."""
    limits: LimitsSection | None = None
    """Its own limits, in place of the file's."""
    budget: BudgetSection | None = None
    """What it may spend, besides the file's `budget`."""


class File(Section, frozen=True, kw_only=True):
    """The whole file."""

    Providers: list[ProviderSection] = []
    """Where models live. Lower-case `providers` is read too."""
    Router: RouterSection = msgspec.field(default_factory=RouterSection)
    """Which target takes which kind of request."""
    fallback: FallbackSection = msgspec.field(default_factory=FallbackSection)
    """What to try after a target has failed."""
    Rules: list[dict[str, Any]] = []
    """Ours. Your own rules: `{"name": …, "when": {conditions}, "use": …}`, the first that applies decides; before the task
    types of `Router` unless `before` says otherwise. See rules.md."""
    Tiers: dict[str, Any] = {}
    """Ours. Ranks of targets from weak to strong: `{"light": "provider,model", "heavy": ["provider,model", …]}`.
    See rules.md."""
    Aliases: dict[str, Any] = {}
    """Ours. What model names stand for where no task type has a say: `{"opus": "heavy", "haiku": "light"}`."""
    Guards: dict[str, Any] | None = None
    """Ours. What no rule may do: `window` (a prompt that the model cannot hold; on when `Guards` is there), `ambiguous` and
    `chain` (the weakest tier for prompts of a few words, and for steps inside a tool loop). See rules.md."""
    Difficulty: DifficultySection | None = None
    """Ours. A judge model that rates how hard a turn is, where the rules leave it open. See difficulty.md."""
    Quality: QualitySection | None = None
    """Ours. Which replies are judged in the background, by whom, and for how much. See quality.md."""
    Learned: LearnedSection | None = None
    """Ours. What `ccr learn` has learnt from outcomes, as a rule between two tiers. See learning.md."""
    Stickiness: bool | None = None
    """Ours. Whether a session stays with its model while leaving its warm prompt cache does not pay. When not said: on where
    there are `Tiers`, off otherwise, as in the npm tool. See stickiness.md."""
    Escalation: EscalationSection | None = None
    """Ours. When a reply falls short the next tier up answers, at once or from the next turn on. See escalation.md."""
    Alerts: AlertsSection | None = None
    """Ours. Which figures are watched, and who is told when one leaves its band. See monitoring.md."""
    Monitoring: MonitoringSection = msgspec.field(default_factory=MonitoringSection)
    """Ours. `GET /metrics` and traces. See monitoring.md."""
    ReloadGate: ReloadGateSection | None = None
    """Ours. What an edit of this file must not do to the requests of the last days, or it is not taken in. See replay.md."""
    Shadow: dict[str, Any] = {}
    """Ours. Other `Rules`, `Tiers`, `Aliases` or `Guards` whose decisions are recorded and never sent. See rules.md."""
    Namespaces: dict[str, NamespaceSection] = {}
    """Ours. Lanes for workflows, each with its own clients' keys, rules, provider keys, limits and budget. See
    namespaces.md."""
    timeouts: TimeoutsSection = msgspec.field(default_factory=TimeoutsSection)
    """Ours. How long to wait for an upstream, by kind of request."""
    retry: RetrySection = msgspec.field(default_factory=RetrySection)
    """Ours. How a request is repeated."""
    upwardFallback: UpwardFallbackSection = msgspec.field(default_factory=UpwardFallbackSection)
    """Ours. The caps on fallbacks to dearer targets than planned."""
    limits: LimitsSection | None = None
    """Ours. Limits of all requests together."""
    budget: BudgetSection | None = None
    """Ours. What may be spent in all."""
    PORT: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 3456
    """Where we listen; the environment variable `SERVICE_PORT` wins."""
    HOST: str = "127.0.0.1"
    """The address that we listen on. Without an `APIKEY` always this machine only."""
    APIKEY: str = ""
    """What clients must show (as `Authorization: Bearer` or `x-api-key`). Empty: anyone on this machine may ask."""
    PROXY_URL: str = ""
    """HTTP proxy for every provider. `HTTPS_PROXY`, `https_proxy` or `httpsProxy` as keys of this file win over it."""
    NO_PROXY: str = ""
    """Ours. Hosts that are reached without `PROXY_URL`, parted by commas: names (with their subdomains), addresses, networks
    (`10.0.0.0/8`), `*`. The environment's `NO_PROXY` counts too. This machine never goes through a proxy."""
    API_TIMEOUT_MS: Annotated[int, msgspec.Meta(ge=1)] = 600_000
    """Milliseconds, a number or a string of one: Claude Code's own timeout, and our bound for a provider's first byte."""
    LOG: bool = True
    """Whether a log file is written."""
    LOG_LEVEL: Literal["fatal", "error", "warn", "info", "debug", "trace"] = "info"
    """How much is logged. Never keys, never message bodies."""
    NON_INTERACTIVE_MODE: bool = False
    """For `ccr code` in scripts: no terminal, standard input closed."""
    CLAUDE_PATH: str = "claude"
    """The program that `ccr code` starts; the environment variable of the same name wins."""
    HEALTH_CHECK_S: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Ours. Every so many seconds each provider is asked for its list of models, so that one that is gone, or refuses its key,
    is known before a request finds out; 0: never."""
    UPDATE_PRICES_H: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Ours. Every so many hours today's prices are fetched from genai-prices' repository, beside the requests, so that new
    models and prices count without another release; 0: only when `ccr models --live` is run."""
    RECORD_BODIES: bool = False
    """Ours. Keep the bodies of requests and replies in the records, redacted."""
    RECORD_DAYS: Annotated[int, msgspec.Meta(ge=0)] = 30
    """Ours. Records older than this are deleted; 0 keeps all."""
    DATABASE_URL: str = ""
    """Ours. Where the records are kept (`postgresql://…`); an SQLite file beside the config when not said."""
    CUSTOM_ROUTER_PATH: str = ""
    """The owner's own router: a JavaScript module written for the npm tool (`.js`, `.cjs`, `.mjs`), or a Python file (`.py`).
    An absolute path, or one that begins with `~/`. See custom-router.md."""
    CUSTOM_ROUTER_TIMEOUT_MS: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1_000
    """Ours. How long a request waits for the custom router; then it is routed without it."""
    REWRITE_SYSTEM_PROMPT: str = ""
    """A text file that replaces Claude Code's system prompt. Read and kept; this version does not apply it."""
    forceUseImageAgent: bool = False
    """The model of `Router.image` puts pictures into words, and the conversation stays with its own model; otherwise the turn
    with the picture goes to `Router.image` whole. Whatever this says, a model that cannot see gets the words."""
    transformers: list[CustomTransformer] = []
    """JavaScript transformers of one's own. Read and kept; this version does not run them."""
    plugins: list[Plugin] = []
    """Plugins of the npm tool 2.x. Read and kept; this version does not run them. `Plugins` is read too."""
    StatusLine: dict[str, Any] = {}
    """The npm tool's status line. Read and kept; this version does not draw it."""
    ANTHROPIC_SMALL_FAST_MODEL: str = ""
    """Of the npm tool 1.x. Kept as environment for providers; today's client does not use it."""
    OPENAI_API_KEY: str = ""
    """Of the npm tool before 1.0.10. Kept as environment for providers; routing does not look at it."""
    OPENAI_BASE_URL: str = ""
    """As `OPENAI_API_KEY`."""
    OPENAI_MODEL: str = ""
    """As `OPENAI_API_KEY`."""
