"""The owner's file becomes a Config, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from claude_code_router.config.load import load, load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.target import Target
from claude_code_router.routing.table import ThinkTrigger

PROVIDERS = """[
    {name: 'deepseek', api_base_url: 'https://api.deepseek.com/chat/completions', api_key: 'k',
     models: ['deepseek-chat', 'deepseek-reasoner']},
    {name: 'OpenRouter', api_base_url: 'https://openrouter.ai/api/v1/chat/completions', api_key: 'k',
     models: ['anthropic/claude-sonnet-4', 'Qwen/Qwen3']},
]"""


def config_of(text: str, env: Mapping[str, str] | None = None) -> Config:
    return load_text(text, "config.json", env or {})


def with_top(text: str) -> str:
    return f"{{Providers: {PROVIDERS},\n{text}}}"


def warned(config: Config) -> list[tuple[str, str]]:
    return [(problem.path, problem.found) for problem in config.warnings]


def wrong(text: str, env: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config_of(text, env)
    return [str(problem) for problem in caught.value.problems]


def test_missing_file_is_the_careful_default(tmp_path: Path) -> None:
    """Without a file there are no providers, and only this machine may ask."""
    config = load(tmp_path / "config.json", {})
    assert (dict(config.providers), config.settings.host, config.settings.port) == ({}, "127.0.0.1", 3456)
    assert [problem.path for problem in config.warnings] == ["Providers"]


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"\xff\xfe{}", "bytes that are not UTF-8"), (b"", "an empty file"), (b"[]", "an empty list"), (b"7", "7")],
)
def test_file_that_is_no_config(tmp_path: Path, content: bytes, found: str) -> None:
    """What is no object at all is one problem that says what it is."""
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert [problem.found for problem in caught.value.problems] == [found]


def test_directory_instead_of_a_file(tmp_path: Path) -> None:
    """A path that cannot be read is the owner's problem, said as one."""
    with pytest.raises(ConfigError, match="a file that this user may read"):
        load(tmp_path, {})


def test_only_a_default_route_is_enough() -> None:
    """`Router.default` alone makes a working config without complaints."""
    config = config_of(with_top("Router: {default: 'deepseek,deepseek-chat'}"))
    assert config.table.scenarios == {"default": Target("deepseek", "deepseek-chat")}
    assert config.warnings == ()


@pytest.mark.parametrize(
    "router", ["", "Router: {}", "Router: null", "Router: {default: ''}", "Router: {default: null}"]
)
def test_no_default_route_is_the_first_model(router: str) -> None:
    """Where the npm tool answers every request with 500, the first provider's first model serves, with a warning."""
    config = config_of(with_top(router))
    assert config.table.scenarios["default"] == Target("deepseek", "deepseek-chat")
    assert [problem.path for problem in config.warnings] == ["Router.default"]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("deepseek,deepseek-chat", Target("deepseek", "deepseek-chat")),
        ("deepseek/deepseek-chat", Target("deepseek", "deepseek-chat")),
        ("OpenRouter,anthropic/claude-sonnet-4", Target("OpenRouter", "anthropic/claude-sonnet-4")),
        ("OpenRouter/anthropic/claude-sonnet-4", Target("OpenRouter", "anthropic/claude-sonnet-4")),
        ("openrouter,qwen/qwen3", Target("OpenRouter", "Qwen/Qwen3")),
        (" deepseek , deepseek-chat ", Target("deepseek", "deepseek-chat")),
        ("deepseek,not,listed", Target("deepseek", "not,listed")),
    ],
)
def test_targets(text: str, target: Target) -> None:
    """A target is split at its first comma, else its first slash, and found in any case of letters."""
    config = config_of(with_top(f"Router: {{default: 'deepseek,deepseek-chat', think: '{text}'}}"))
    assert config.table.scenarios["think"] == target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deepsek,deepseek-chat", '"deepseek,deepseek-chat" (did you mean the provider deepseek?)'),
        ("nowhere,x", "one of the providers deepseek, OpenRouter"),
        ("deepseek-chat", '"deepseek,deepseek-chat"'),
        ("gpt-5", '"provider,model"'),
        ("deepseek,", 'a model after the provider: "deepseek,…"'),
        ("deepseek", 'a model after the provider: "deepseek,…"'),
    ],
)
def test_targets_that_cannot_be(text: str, expected: str) -> None:
    """A target that names no provider is an error that says what was probably meant."""
    assert wrong(with_top(f"Router: {{default: '{text}'}}")) == [
        f'line 7: Router.default: found "{text}"; expected {expected}'
    ]


def test_unlisted_model_is_passed_on() -> None:
    """A model that the provider does not list is used as it stands, with a warning and a suggestion."""
    config = config_of(with_top("Router: {default: 'deepseek,deepseek-chatt'}"))
    assert config.table.scenarios["default"].model == "deepseek-chatt"
    assert "did you mean deepseek-chat?" in config.warnings[0].expected


def test_fallback() -> None:
    """Fallback lists stand at the top level; a target there that does not exist is left out with a warning."""
    config = config_of(
        with_top("""Router: {default: 'deepseek,deepseek-chat'},
        fallback: {default: ['nowhere,x', 'openrouter,Qwen/Qwen3'], think: 'deepseek,deepseek-chat', webSearch: []}""")
    )
    assert config.table.fallback == {
        "default": (Target("OpenRouter", "Qwen/Qwen3"),),
        "think": (Target("deepseek", "deepseek-chat"),),
    }
    assert warned(config) == [("fallback.default[0]", '"nowhere,x"')]


@pytest.mark.parametrize(
    ("router", "threshold", "triggers"),
    [
        ("", 60_000, {"budget", "effort", "ultrathink", "plan"}),
        (", longContextThreshold: 0", 60_000, {"budget", "effort", "ultrathink", "plan"}),
        (", longContextThreshold: ''", 60_000, {"budget", "effort", "ultrathink", "plan"}),
        (", longContextThreshold: '90000', thinkWhen: ['adaptive']", 90_000, {"adaptive"}),
        (", longContextThreshold: 1e5, thinkWhen: []", 100_000, set()),
        (", thinkWhen: 'plan'", 60_000, {"plan"}),
    ],
)
def test_router_settings(router: str, threshold: int, triggers: set[ThinkTrigger]) -> None:
    """Thresholds may be strings, 0 and "" mean the default; what counts as thinking can be chosen, nothing included."""
    table = config_of(with_top(f"Router: {{default: 'deepseek,deepseek-chat'{router}}}")).table
    assert (table.long_context_threshold_tokens, set(table.think_when)) == (threshold, triggers)


def test_table_knows_every_model_and_the_hash() -> None:
    """Explicit selectors are matched against the listed models; the hash stands on every decision."""
    config = config_of(with_top(""))
    assert config.table.models == {
        "deepseek": ("deepseek-chat", "deepseek-reasoner"),
        "OpenRouter": ("anthropic/claude-sonnet-4", "Qwen/Qwen3"),
    }
    assert config.table.config_hash == config.hash
    assert len(config.hash) == 12


def test_hash_is_of_the_meaning() -> None:
    """Comments and layout do not change the hash; a value, or a variable's value, does."""
    plain = config_of('{"PORT": 1, "X": "$V"}', {"V": "1"}).hash
    assert config_of("{ // a comment\n X: '$V', PORT: 1,}", {"V": "1"}).hash == plain
    assert config_of('{"PORT": 2, "X": "$V"}', {"V": "1"}).hash != plain
    assert config_of('{"PORT": 1, "X": "$V"}', {"V": "2"}).hash != plain


@pytest.mark.parametrize(
    ("text", "env", "field", "value"),
    [
        ("", {}, "port", 3456),
        ("PORT: 4000", {}, "port", 4000),
        ("PORT: '4000'", {}, "port", 4000),
        ("PORT: ''", {}, "port", 3456),
        ("PORT: null", {}, "port", 3456),
        ("PORT: 4000", {"SERVICE_PORT": "5000"}, "port", 5000),
        ("PORT: 4000", {"SERVICE_PORT": "http"}, "port", 4000),
        ("PORT: 4000", {"SERVICE_PORT": "70000"}, "port", 4000),
        ("PORT: '$P'", {"P": "4001"}, "port", 4001),
        ("APIKEY: 'a', HOST: '0.0.0.0'", {}, "host", "0.0.0.0"),
        ("HOST: '0.0.0.0'", {}, "host", "127.0.0.1"),
        ("HOST: 'example.com'", {}, "host", "127.0.0.1"),
        ("HOST: '::1'", {}, "host", "::1"),
        ("HOST: '[::1]'", {}, "host", "::1"),
        ("HOST: 'localhost'", {}, "host", "localhost"),
        ("APIKEY: '${KEY}'", {"KEY": "s3cret"}, "api_key", "s3cret"),
        ("PROXY_URL: 'http://a:1'", {}, "proxy_url", "http://a:1"),
        ("PROXY_URL: 'http://a:1', httpsProxy: 'http://b:1'", {}, "proxy_url", "http://b:1"),
        ("httpsProxy: 'http://b:1', https_proxy: 'http://c:1'", {}, "proxy_url", "http://c:1"),
        ("https_proxy: 'http://c:1', HTTPS_PROXY: 'http://d:1'", {}, "proxy_url", "http://d:1"),
        ("API_TIMEOUT_MS: '900000'", {}, "api_timeout_ms", 900_000),
        ("API_TIMEOUT_MS: 900000", {}, "api_timeout_ms", 900_000),
        ("LOG: false", {}, "log", False),
        ("LOG: 'false'", {}, "log", False),
        ("LOG_LEVEL: 'trace'", {}, "log_level", "trace"),
        ("NON_INTERACTIVE_MODE: true", {}, "non_interactive", True),
        ("CLAUDE_PATH: '/opt/claude'", {}, "claude_path", "/opt/claude"),
        ("CLAUDE_PATH: '/opt/claude'", {"CLAUDE_PATH": "/usr/bin/claude"}, "claude_path", "/usr/bin/claude"),
        ("RECORD_BODIES: true", {}, "record_bodies", True),
        ("RECORD_DAYS: 0", {}, "record_days", 0),
        ("DATABASE_URL: 'postgresql://h/d'", {}, "database_url", "postgresql://h/d"),
        ("REWRITE_SYSTEM_PROMPT: '/p.txt'", {}, "rewrite_system_prompt", "/p.txt"),
    ],
)
def test_settings(text: str, env: dict[str, str], field: str, value: object) -> None:
    """Every top-level key means what it means in the npm tool, save that nothing opens to the network without a key."""
    assert getattr(config_of(f"{{{text}}}", env).settings, field) == value


def test_top_level_strings_are_environment() -> None:
    """Keys that the router does not read itself are there for providers that read their environment."""
    environment = config_of(
        "{GOOGLE_CLOUD_PROJECT: '$P', NODES: 3, APIKEY: 'secret', OPENAI_API_KEY: 'x', A: '', B: '$UNSET'}",
        {"P": "mine"},
    ).settings.environment
    assert environment == {"GOOGLE_CLOUD_PROJECT": "mine", "OPENAI_API_KEY": "x"}


def test_provider_whose_key_is_unset_stops_nobody() -> None:
    """A shared config names keys that not everybody has: a warning, an empty key, and the others work."""
    config = config_of(
        "{Providers: [{name: 'a', api_base_url: 'https://a.example/v1/chat/completions', api_key: '$A_KEY'}]}"
    )
    assert config.providers["a"].key == ""
    assert ("Providers[0].api_key", "$A_KEY, which is not set") in warned(config)


@pytest.mark.parametrize(
    ("url", "complains"),
    [
        ("http://localhost:11434/v1/chat/completions", False),
        ("http://127.0.0.1:1/v1/chat/completions", False),
        ("http://[::1]:1/v1/chat/completions", False),
        ("http://192.168.1.2/v1/chat/completions", False),
        ("http://vllm:8000/v1/chat/completions", False),
        ("http://gpu.local/v1/chat/completions", False),
        ("https://api.example.com/v1/chat/completions", True),
    ],
)
def test_keys_are_not_needed_nearby(url: str, complains: bool) -> None:
    """A server on this machine or network needs no key; elsewhere a missing one is a warning."""
    config = config_of(
        f"{{Providers: [{{name: 'a', api_base_url: '{url}', models: ['m']}}], Router: {{default: 'a,m'}}}}"
    )
    assert warned(config) == ([("Providers[0].api_key", "no key")] if complains else [])


def test_equal_names() -> None:
    """Of two providers with one name the last counts, as in the npm tool, and it is said."""
    config = config_of(
        """{Providers: [
        {name: 'a', api_base_url: 'http://localhost:1/v1/chat/completions', models: ['m']},
        {name: 'a', api_base_url: 'http://localhost:2/v1/chat/completions', models: ['n']}]}"""
    )
    assert config.providers["a"].url.startswith("http://localhost:2/")
    assert config.table.models == {"a": ("n",)}
    assert ("Providers[1].name", "a second provider called a") in warned(config)


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        ("Ruoter: {}", "Ruoter", "`Router`"),
        ("API_TIMEOUT: 1", "API_TIMEOUT", "`API_TIMEOUT_MS`"),
        ("LOGLEVEL: 'x'", "LOGLEVEL", "`LOG_LEVEL`"),
        ("Fallback: {}", "Fallback", "`fallback`"),
        ("whatever: 1", "whatever", "a key that is known"),
        ("Router: {longcontext: 'x', default: 'deepseek,deepseek-chat'}", "Router.longcontext", "`longContext`"),
        ("fallback: {web_search: []}", "fallback.web_search", "`webSearch`"),
    ],
)
def test_unknown_keys_are_kept_and_said(text: str, path: str, meant: str) -> None:
    """A key that nobody reads is a warning with the key that was probably meant, never an error."""
    config = config_of(with_top(text))
    assert (path, meant) in [(problem.path, problem.expected) for problem in config.warnings]


def test_unknown_provider_key() -> None:
    """Inside a provider too."""
    config = config_of("{Providers: [{name: 'a', api_base_url: 'http://localhost:1', model: ['m']}]}")
    assert ("Providers[0].model", "`models`") in [(problem.path, problem.expected) for problem in config.warnings]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("REWRITE_SYSTEM_PROMPT: '/p.txt'", "REWRITE_SYSTEM_PROMPT"),
        ("transformers: [{path: '/t.js'}]", "transformers"),
        ("plugins: [{name: 'token-speed', enabled: true}]", "plugins"),
        ("Plugins: [{name: 'token-speed', enabled: true}]", "plugins"),
        ("StatusLine: {enabled: true}", "StatusLine"),
    ],
)
def test_keys_that_are_not_honoured_yet(text: str, path: str) -> None:
    """What is read but not done is said plainly."""
    config = config_of(f"{{{text}}}")
    assert any(one.path == path and one.expected.startswith("nothing: this version") for one in config.warnings)


@pytest.mark.parametrize(
    "text", ["transformers: []", "StatusLine: {enabled: false}", "plugins: [{name: 'x', enabled: false}]"]
)
def test_keys_that_are_switched_off(text: str) -> None:
    """What the owner does not use is not complained about."""
    assert [problem.path for problem in config_of(f"{{{text}}}").warnings] == ["Providers"]


ERRORS = [
    ("PORT: 'x'", 'PORT: found "x"; expected a whole number from 0 to 65535'),
    ("PORT: 70000", "PORT: found 70000; expected a whole number from 0 to 65535"),
    ("PORT: '$P'", 'PORT: found "$P"; expected a whole number from 0 to 65535'),
    ("HOST: 7", "HOST: found 7; expected a string"),
    ("APIKEY: '$K'", "APIKEY: found $K, which is not set; expected the environment variable to be set, or no APIKEY"),
    ("APIKEY: 123456", "APIKEY: found a number (not shown); expected a string"),
    ("LOG: 'maybe'", 'LOG: found "maybe"; expected true or false'),
    ("LOG_LEVEL: 'loud'", 'LOG_LEVEL: found "loud"; expected one of fatal, error, warn, info, debug, trace'),
    ("API_TIMEOUT_MS: -1", "API_TIMEOUT_MS: found -1; expected a whole number from 1"),
    ("Providers: {}", "Providers: found an object; expected a list: […]"),
    ("Providers: ['a']", 'Providers[0]: found "a"; expected an object: {…}'),
    ("Providers: [{api_base_url: 'http://localhost'}]", "Providers[0].name: found nothing; expected `name`"),
    ("providers: [{name: 'a'}]", "Providers[0].api_base_url: found nothing; expected `api_base_url`"),
    (
        "Providers: [{name: 'a', baseUrl: 'http://localhost'}]",
        "Providers[0].api_base_url: found nothing; expected `api_base_url` (what stands under `baseUrl` belongs there)",
    ),
    (
        "Providers: [{name: 'a', api_base_url: 'api.example.com'}]",
        'Providers[0].api_base_url: found "api.example.com"; expected a URL: https://…',
    ),
    (
        "Providers: [{name: 'a', api_base_url: '$URL/v1'}]",
        "Providers[0].api_base_url: found $URL, which is not set; expected the environment variable to be set",
    ),
    (
        "Providers: [{name: 'a', api_base_url: 'http://h', api_key: ['k']}]",
        "Providers[0].api_key: found a list of 1; expected a string",
    ),
    (
        "Providers: [{name: 'a', api_base_url: 'http://h', models: [1]}]",
        "Providers[0].models[0]: found 1; expected a string",
    ),
    (
        "Providers: [{name: 'a', api_base_url: 'http://h', transformer: {use: [5], 'm.1': {use: 3}}}]",
        "Providers[0].transformer.use[0]: found 5; expected a string or a list: […]",
        'Providers[0].transformer["m.1"].use: found 3; expected a list: […]',
    ),
    ("Router: []", "Router: found an empty list; expected an object: {…}"),
    ("Router: {default: 7}", "Router.default: found 7; expected a string"),
    (
        "Router: {thinkWhen: ['hard']}",
        'Router.thinkWhen[0]: found "hard"; expected one of budget, effort, ultrathink, plan, adaptive',
    ),
    (
        "Router: {thinkWhen: ['plan', {}]}",
        "Router.thinkWhen[1]: found an object; expected one of budget, effort, ultrathink, plan, adaptive",
    ),
    ("fallback: {default: [3]}", "fallback.default[0]: found 3; expected a string"),
    ("Router: {default: 'a,b'}", 'Router.default: found "a,b"; expected a provider in Providers that it can name'),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[0][:40])
def test_errors(case: tuple[str, ...]) -> None:
    """Every mistake is said with its line, what stands there and what is right."""
    text, *expected = case
    assert wrong("{\n// the mistake is in line 3\n" + text + "\n}") == [f"line 3: {one}" for one in expected]


def test_all_problems_at_once() -> None:
    """Nobody has to mend a file one error at a time; problems come in the order of the file."""
    assert wrong(
        """{
  "Providers": [
    {"name": "a"},
    {"name": "b", "api_base_url": "http://localhost:1", "models": 3},
    {"name": "c", "api_base_url": "localhost:1"}
  ],
  "Router": {
    "default": "a,x",
    "think": "d,x"
  },
  "PORT": "abc"
}"""
    ) == [
        "line 3: Providers[0].api_base_url: found nothing; expected `api_base_url`",
        "line 4: Providers[1].models: found 3; expected a list: […]",
        'line 5: Providers[2].api_base_url: found "localhost:1"; expected a URL: https://…',
        'line 9: Router.think: found "d,x"; expected one of the providers a, b, c',
        'line 11: PORT: found "abc"; expected a whole number from 0 to 65535',
    ]


def test_lines_of_lower_case_providers() -> None:
    """The line is found where the file spells the key in the other way."""
    assert wrong("{\n providers: [\n  {name: 'a'},\n ]}")[0].startswith("line 3: ")


SECRET = "sk-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "APIKEY: ['SECRET']",
        "PORT: 'SECRET'",
        "HOST: {a: 'SECRET'}",
        "LOG_LEVEL: 'SECRET'",
        "PORT: '$V'",
        "Providers: 'SECRET'",
        "Providers: [{name: 'a', api_base_url: 'SECRET', api_key: 'x'}]",
        "Providers: [{name: 'a', api_base_url: 'ftp://user:SECRET@host/', api_key: 'x'}]",
        "Providers: [{name: 'a', api_base_url: 'gopher://host/?key=SECRET'}]",
        "Providers: [{name: 'a', api_base_url: '$V'}]",
        "Providers: [{name: 'a', api_base_url: 'http://h', headers: {'x-api-key': ['SECRET']}}]",
        "Router: {default: 'SECRET'}",
        "APIKEY: 'SECRET' 'twice'",
        "APIKEY: SECRET",
    ],
)
def test_messages_hold_no_secret(text: str) -> None:
    """A key in the wrong place, or in a broken line, is not repeated in the complaint."""
    said = "\n".join(wrong("{" + text.replace("SECRET", SECRET) + "}", {"V": SECRET}))
    assert SECRET not in said
    assert "abcdefghijklm" not in said


@pytest.mark.parametrize("text", ["PORT: '$V'", "LOG: '$V'", "providers: [{name: 'a', api_base_url: '$V'}]"])
def test_messages_show_the_variable_not_its_value(text: str) -> None:
    """What the environment holds is not written into messages; its name is."""
    (said,) = wrong(f"{{{text}}}", {"V": "hunter2"})
    assert "$V" in said
    assert "hunter2" not in said
