"""One entry of the owner's file becomes a provider."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.core.chat import ChatRequest, Tool
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.build import ProviderEntry, build_provider
from claude_code_router.providers.provider import SPOKEN, Provider

VERTEX = "https://aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers"
BEDROCK = "https://bedrock-runtime.eu-west-1.amazonaws.com"
MANTLE = "https://bedrock-mantle.eu-west-1.api.aws"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/"
CHAT = "https://gateway.example/v1/chat/completions"


def build(
    url: str, *use: object, models: tuple[str, ...] = (), key: str = "k", **more: object
) -> tuple[Provider, list[str]]:
    transformer: dict[str, object] = dict(more)
    if use:
        transformer["use"] = list(use)
    entry = ProviderEntry(name="p", api_base_url=url, api_key=key, models=models, transformer=transformer or None)
    provider, problems = build_provider(entry, "Providers[0]")
    return provider, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("url", "preset"),
    [
        ("https://api.deepseek.com/chat/completions", "deepseek"),
        ("https://API.DeepSeek.com:443/chat/completions", "deepseek"),
        ("https://eu.openrouter.ai/api/v1/chat/completions", "openrouter"),
        ("https://api.deepseek.com.evil.org/chat/completions", ""),
        ("https://evilopenrouter.ai/chat/completions", ""),
        ("https://api.deepseek.com@evil.org/chat/completions", ""),
        ("https://evil.org/api.deepseek.com/chat/completions", ""),
        ("http://localhost:11434/v1/chat/completions", "ollama"),
        ("http://[::1]:1234/v1/chat/completions", "lmstudio"),
        ("http://192.168.1.5:11434/v1/chat/completions", ""),
        ("http://127.0.0.1:8000/v1/chat/completions", ""),
    ],
)
def test_presets_are_found_by_host_suffix_or_loopback_port(url: str, preset: str) -> None:
    """A vendor's preset fits its hosts and their subdomains, never a lookalike; a local port only on this machine."""
    assert build(url)[0].preset == preset


@pytest.mark.parametrize(
    ("url", "used", "dialect"),
    [
        (CHAT, CHAT, "openai_chat"),
        ("https://gateway.example/llm", "https://gateway.example/llm", "openai_chat"),
        ("https://x.azure.example/d/gpt/chat/completions?api-version=1", "", "openai_chat"),
        ("https://gateway.example/v1", CHAT, "openai_chat"),
        ("https://gateway.example/v1/", CHAT, "openai_chat"),
        ("https://gateway.example", CHAT, "openai_chat"),
        ("https://gateway.example/v1/messages", "", "anthropic"),
        ("https://gateway.example/anthropic", "https://gateway.example/anthropic/v1/messages", "anthropic"),
        ("https://gateway.example/anthropic/v1", "https://gateway.example/anthropic/v1/messages", "anthropic"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/responses", "openai_responses"),
        ("https://api.openai.com/v1/chat/completions", "", "openai_chat"),
        ("https://gateway.example/v1/responses", "", "openai_responses"),
        ("https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/responses", "openai_responses"),
        ("https://r.openai.azure.com/openai/v1/chat/completions", "", "openai_chat"),
        (
            "https://r.services.ai.azure.com/anthropic",
            "https://r.services.ai.azure.com/anthropic/v1/messages",
            "anthropic",
        ),
        ("https://api.deepseek.com", "https://api.deepseek.com/chat/completions", "openai_chat"),
        ("https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages", "anthropic"),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages", "anthropic"),
        ("https://open.bigmodel.cn/api/anthropic", "https://open.bigmodel.cn/api/anthropic/v1/messages", "anthropic"),
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions", "openai_chat"),
        ("http://localhost:11434/api/chat", "", "ollama_chat"),
        ("https://ollama.com/api/chat", "", "ollama_chat"),
        ("https://api.z.ai/api/coding/paas/v4", "https://api.z.ai/api/coding/paas/v4/chat/completions", "openai_chat"),
    ],
)
def test_base_urls_are_completed_and_complete_ones_left_alone(url: str, used: str, dialect: str) -> None:
    """A URL that may be an endpoint is never touched; a base URL is completed, and a note says so."""
    provider, notes = build(url)
    assert (provider.url, provider.dialect) == (used or url, dialect)
    assert bool(notes) == (provider.url != url)


@pytest.mark.parametrize("name", ["Anthropic", "anthropic", "ANTHROPIC"])
def test_anthropic_alone_relays(name: str) -> None:
    """The name decides over the URL, in any case; the unusual spelling is honoured with a note."""
    provider, notes = build("https://gateway.example/llm", name)
    assert provider.dialect == "anthropic"
    assert provider.auth == "x-api-key"
    assert bool(notes) == (name != "Anthropic")


def test_anthropic_beside_other_names_leaves_the_choice_to_the_url() -> None:
    """There the npm tool's `Anthropic` does nothing and the upstream gets chat/completions."""
    assert build(CHAT, "Anthropic", ["maxtoken", {"max_tokens": 9}])[0].dialect == "openai_chat"
    provider, notes = build("https://gateway.example/v1/messages", "Anthropic", ["maxtoken", {"max_tokens": 9}])
    assert provider.dialect == "anthropic"
    assert "relayed as they are" in notes[0]


def test_bearer_where_asked_for() -> None:
    """`UseBearer`, the preset and the entry's own `auth` each choose the header; without a key there is none."""
    assert build("https://gateway.example/v1/messages", ["Anthropic", {"UseBearer": True}])[0].auth == "bearer"
    assert build("https://api.z.ai/api/anthropic/v1/messages", "Anthropic")[0].auth == "bearer"
    assert build("http://localhost:11434/v1/messages", "Anthropic", key="")[0].auth == "none"
    entry = ProviderEntry(name="p", api_base_url=CHAT, api_key="k", auth="x-api-key")
    assert build_provider(entry, "Providers[0]")[0].auth == "x-api-key"


@pytest.mark.parametrize(
    ("url", "use", "used", "dialect"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/models/", ("gemini",), "", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/models/", (), "", "gemini"),
        ("https://generativelanguage.googleapis.com", (), GEMINI, "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta", ("gemini",), GEMINI, "gemini"),
        (GEMINI + "gemini-2.5-pro:streamGenerateContent", ("gemini",), GEMINI, "gemini"),
        ("https://gateway.example/v1beta/models", ("gemini",), "", "gemini"),
        ("https://gateway.example/google", ("gemini",), "", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", ("gemini",), "", "openai_chat"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", (), "", "openai_chat"),
    ],
)
def test_gemini_is_spoken_natively(url: str, use: tuple[str, ...], used: str, dialect: str) -> None:
    """By the transformer or the URL; who writes the compatible endpoint gets that one. The classic entry has no note."""
    provider, notes = build(url, *use, models=("gemini-2.5-pro",))
    assert (provider.url, provider.dialect) == (used or url, dialect)
    assert provider.auth == ("x-goog-api-key" if dialect == "gemini" else "bearer")
    assert bool(notes) == (provider.url != url)


@pytest.mark.parametrize(
    ("url", "use", "spoken"),
    [
        ("https://us-central1-aiplatform.googleapis.com", "vertex-openai", False),
    ],
)
def test_protocols_that_are_not_spoken_are_said(url: str, use: str, spoken: bool) -> None:
    """Either the vendor's chat endpoint takes their place or the provider refuses; both with a sentence."""
    provider, notes = build(url, use)
    assert (provider.dialect in SPOKEN) is spoken
    assert len(notes) == 1


def test_a_gateway_without_quirks_needs_only_a_row() -> None:
    """No preset, no file: the careful middle."""
    provider, notes = build(CHAT, models=("anything",))
    assert notes == []
    assert provider.quirks_for("anything") == ChatQuirks() == provider.quirks_for("not listed")


def test_changes_stack_in_order() -> None:
    """Preset, then the provider's transformers, then the model's; of mappings both count."""
    provider, notes = build(
        "https://openrouter.ai/api/v1/chat/completions",
        ["openrouter", {"provider": {"only": ["a"]}}],
        ["customparams", {"seed": 1}],
        models=("m", "anthropic/claude-opus-5"),
        m={"use": [["maxtoken", {"max_tokens": 100}], "maxcompletiontokens", ["customparams", {"seed": 2}]]},
    )
    assert notes == []
    shared, own = provider.quirks_for("other"), provider.quirks_for("m")
    assert shared.force_body == {"provider": {"only": ["a"]}}
    assert shared.extra_body == {"usage": {"include": True}, "seed": 1}
    assert own.extra_body == {"usage": {"include": True}, "seed": 2}
    assert (own.max_output_tokens, own.max_tokens_field) == (100, "max_completion_tokens")
    assert (shared.max_output_tokens, shared.cache_control) == (None, False)
    assert provider.quirks_for("anthropic/claude-opus-5").cache_control


def test_models_that_are_not_listed_have_their_own_quirks_too() -> None:
    """`provider,anything` is honoured, and what the vendor's rules say of the name holds."""
    provider, _ = build("https://api.openai.com/v1/chat/completions", models=("gpt-4.1",))
    assert provider.quirks_for("gpt-5").sampling == "none"
    assert provider.quirks_for("gpt-4.1").sampling == "no_top_k"


def test_a_named_preset_wins_over_the_host() -> None:
    """A vLLM in the LAN is told by name; an unknown name is a note."""
    entry = ProviderEntry(name="p", api_base_url="http://10.0.0.9:8000/v1", preset="vllm")
    provider, _ = build_provider(entry, "Providers[0]")
    assert (provider.preset, provider.url) == ("vllm", "http://10.0.0.9:8000/v1/chat/completions")
    assert provider.quirks.one_system_message
    _, problems = build_provider(ProviderEntry(name="p", api_base_url=CHAT, preset="vlm"), "Providers[0]")
    assert problems[0].path == "Providers[0].preset"


def test_models_that_cannot_serve_are_warned_of() -> None:
    """A model that calls tools only over another protocol is said at the config, not found out at work."""
    _, notes = build("https://api.openai.com/v1/chat/completions", models=("gpt-6-astra", "gpt-4.1"))
    assert len(notes) == 1
    assert "Providers[0].models[0]" in notes[0]


@pytest.mark.parametrize(
    ("url", "use", "dialect"),
    [
        ("https://api.openai.com/v1/responses", "openai-responses", "openai_responses"),
        ("https://gateway.example/v1/responses", "openai-responses", "openai_responses"),
        ("https://gateway.example/v1", "openai-responses", "openai_responses"),
        ("https://api.openai.com/v1/chat/completions", "openai-responses", "openai_chat"),
    ],
)
def test_the_responses_api_by_name_and_by_url(url: str, use: str, dialect: str) -> None:
    """The classic transformer asks for it; a URL that says chat/completions stays what it says."""
    provider, notes = build(url, use, models=("gpt-5", "gpt-4.1"))
    assert provider.dialect == dialect
    assert bool(notes) == (provider.url != url)
    assert provider.quirks_for("gpt-5").responses.encrypted_reasoning
    assert not provider.quirks_for("gpt-4.1").responses.encrypted_reasoning


def test_azure_takes_its_key_in_a_header_of_its_own() -> None:
    """`api-key` for OpenAI's models there, `x-api-key` for Claude."""
    assert build("https://r.openai.azure.com/openai/v1/responses")[0].auth == "api-key"
    assert build("https://r.services.ai.azure.com/anthropic/v1/messages")[0].auth == "x-api-key"


def test_tools_exclude_effort_on_the_newest_models() -> None:
    """gpt-6 takes function tools on chat/completions only with effort none."""
    provider, _ = build("https://api.openai.com/v1/chat/completions")
    quirks = provider.quirks_for("gpt-6-sol")
    chat = ChatRequest(model="m", thinking="adaptive", effort="high")
    with_tools = ChatRequest(model="m", thinking="adaptive", effort="high", tools=(Tool(name="t"),))
    assert quirks.reasoning_fields(chat, "gpt-6-sol") == {"reasoning_effort": "high"}
    assert quirks.reasoning_fields(with_tools, "gpt-6-sol") == {"reasoning_effort": "none"}


@pytest.mark.parametrize(
    ("transformer", "path"),
    [
        ({"use": ["enhancetol"]}, "Providers[0].transformer.use[0]"),
        ({"use": [{"name": "x"}]}, "Providers[0].transformer.use[0]"),
        ({"use": 7}, "Providers[0].transformer.use"),
        ({"m": "maxtoken"}, "Providers[0].transformer.m"),
        ({"m": {"use": ["Anthropic"]}}, "Providers[0].transformer.m.use[0]"),
        ({"use": [["maxtoken"]]}, "Providers[0].transformer.use[0]"),
    ],
)
def test_odd_transformers_are_notes_with_their_place(transformer: dict[str, object], path: str) -> None:
    """Nothing is ignored in silence, and nothing odd stops the provider."""
    entry = ProviderEntry(name="p", api_base_url=CHAT, api_key="k", transformer=transformer)
    _, problems = build_provider(entry, "Providers[0]")
    assert [problem.path for problem in problems] == [path]


@pytest.mark.parametrize("url", ["nonsense", "ftp://h/x", "https://", "http://h:port/", "http://[::1"])
def test_urls_that_are_none_are_notes(url: str) -> None:
    """A provider that cannot be reached is still built, so that all problems are reported at once."""
    provider, notes = build(url)
    assert provider.url == url
    assert len(notes) == 1


def test_no_secret_in_notes() -> None:
    """Keys inside a URL stay out of messages, and travel with it."""
    provider, notes = build("https://user:geheim@gateway.example/v1?key=geheim")
    assert "geheim" in provider.url
    assert "geheim" not in "".join(notes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["use", "Anthropic", "maxtoken", "reasoning", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["use", "m", "enable", "max_tokens"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    url=st.text(max_size=30) | st.text(max_size=15).map("https://h/".__add__),
    transformer=st.dictionaries(st.text(), JSON),
)
def test_nothing_in_the_file_crashes(url: str, transformer: dict[str, object]) -> None:
    """Whatever stands in an entry, there is a provider, its quirks, and notes that can be read."""
    entry = ProviderEntry(name="p", api_base_url=url, transformer={"use": transformer.get("", []), **transformer})
    provider, problems = build_provider(entry, "Providers[0]")
    assert provider.quirks_for("m").stop_limit >= 0
    assert all(str(problem).startswith("Providers[0]") for problem in problems)


@pytest.mark.parametrize(
    ("url", "use", "key", "used", "dialect", "hosting", "auth"),
    [
        ("https://aiplatform.googleapis.com", "vertex-gemini", "", f"{VERTEX}/google/models/", "gemini", "", "google"),
        (
            "https://aiplatform.googleapis.com",
            "vertex-gemini",
            "k",
            f"{VERTEX}/google/models/",
            "gemini",
            "",
            "x-goog-api-key",
        ),
        (
            "https://aiplatform.googleapis.com",
            "vertex-claude",
            "",
            f"{VERTEX}/anthropic/models/",
            "anthropic",
            "vertex",
            "google",
        ),
        (f"{VERTEX}/anthropic/models", "", "tok", f"{VERTEX}/anthropic/models", "anthropic", "vertex", "bearer"),
        (f"{BEDROCK}", "", "", f"{BEDROCK}/model/", "anthropic", "bedrock", "aws"),
        (f"{BEDROCK}/model/", "", "k", f"{BEDROCK}/model/", "anthropic", "bedrock", "bearer"),
        (f"{MANTLE}/anthropic/v1/messages", "", "", f"{MANTLE}/anthropic/v1/messages", "anthropic", "", "aws"),
    ],
)
def test_other_clouds(url: str, use: str, key: str, used: str, dialect: str, hosting: str, auth: str) -> None:
    """Vertex AI and Bedrock are found by their hosts; without a key their own credentials are asked for."""
    provider, _ = build(url, *filter(None, [use]), key=key)
    assert (provider.url, provider.dialect, provider.hosting, provider.auth) == (used, dialect, hosting, auth)
