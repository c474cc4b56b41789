"""Configs as people have them for the npm tool, unmodified."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_code_router.config.load import load

CONFIGS = Path(__file__).parents[2] / "golden" / "configs"
ENV = {
    "OPENROUTER_API_KEY": "k1", "GROQ_API_KEY": "k2", "ANTHROPIC_API_KEY": "k3", "SILICONFLOW_API_KEY": "k4",
    "DEEPSEEK_API_KEY": "k5", "OPENAI_API_KEY": "k6", "GATEWAY_API_KEY": "k7", "HOME": "/home/me",
}  # fmt: skip

EXPECTED = {
    "classic": (
        ["openrouter", "deepseek", "ollama", "gemini", "volcengine", "modelscope", "dashscope"],
        {
            "default": "deepseek,deepseek-chat",
            "background": "ollama,qwen2.5-coder:latest",
            "think": "deepseek,deepseek-reasoner",
            "longContext": "openrouter,google/gemini-2.5-pro-preview",
            "webSearch": "gemini,gemini-2.5-flash",
        },
    ),
    "commented": (
        ["openrouter", "groq"],
        {
            "default": "openrouter,anthropic/claude-sonnet-4",
            "background": "groq,moonshotai/kimi-k2-instruct",
            "longContext": "openrouter,google/gemini-2.5-pro",
        },
    ),
    "v2_fallback": (
        ["anthropic", "openrouter", "siliconflow"],
        {
            "default": "anthropic,claude-sonnet-4-5",
            "background": "anthropic,claude-haiku-4-5",
            "think": "anthropic,claude-opus-4-5",
            "longContext": "openrouter,anthropic/claude-sonnet-4.5",
            "image": "openrouter,anthropic/claude-sonnet-4.5",
        },
    ),
    "web_interface": (["moonshot"], {"default": "moonshot,kimi-k2-0905-preview"}),
    "local_only": (
        ["ollama", "lmstudio", "vllm"],
        {"default": "ollama,qwen3-coder:30b", "background": "ollama,llama3.2:3b"},
    ),
    "vertex_environment": (
        ["vertex", "openai", "openai-responses"],
        {"default": "openai,gpt-5", "background": "openai,gpt-5-mini"},
    ),
    "github_actions": (["deepseek"], {"default": "deepseek,deepseek-chat"}),
    "first_run": ([], {}),
    "ours": (
        ["deepseek-anthropic", "gateway"],
        {
            "default": "gateway,large",
            "background": "gateway,small",
            "think": "deepseek-anthropic,deepseek-chat",
            "compaction": "gateway,large",
            "classifier": "gateway,large",
            "subagent": "gateway,small",
        },
    ),
}


def test_every_config_has_an_expectation() -> None:
    """The table and the folder hold the same configs."""
    assert {path.stem for path in CONFIGS.glob("*.json5")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_providers_and_routes(name: str) -> None:
    """Every provider is there, and every task type goes where the npm tool sends it."""
    providers, routes = EXPECTED[name]
    config = load(CONFIGS / f"{name}.json5", ENV)
    assert list(config.providers) == providers
    assert {scenario: str(target) for scenario, target in config.table.scenarios.items()} == routes


@pytest.mark.parametrize("name", EXPECTED)
def test_warnings_have_lines(name: str) -> None:
    """Whatever is warned about can be found in the file."""
    assert all(problem.line for problem in load(CONFIGS / f"{name}.json5", {}).warnings)


@pytest.mark.parametrize("name", EXPECTED)
def test_warnings_hold_no_key(name: str) -> None:
    """Nothing that is said of a config repeats a key in it."""
    config = load(CONFIGS / f"{name}.json5", {})
    said = "\n".join(str(problem) for problem in config.warnings)
    secrets = [config.settings.api_key, *(provider.key for provider in config.providers.values())]
    assert not [secret for secret in secrets if len(secret) > 8 and secret in said]


def test_keys_come_from_the_environment() -> None:
    """Both ways to write a reference."""
    providers = load(CONFIGS / "commented.json5", ENV).providers
    assert [provider.key for provider in providers.values()] == ["k1", "k2"]


def test_v2_fallback() -> None:
    """The npm tool 2.x's lists, empty ones being none."""
    fallback = load(CONFIGS / "v2_fallback.json5", ENV).table.fallback
    assert {scenario: [str(target) for target in targets] for scenario, targets in fallback.items()} == {
        "default": ["openrouter,anthropic/claude-sonnet-4.5", "siliconflow,moonshotai/Kimi-K2-Instruct"],
        "background": ["siliconflow,moonshotai/Kimi-K2-Instruct"],
        "think": ["openrouter,anthropic/claude-sonnet-4.5"],
    }


def test_environment_for_vertex() -> None:
    """Top-level strings are there for providers that read their environment, resolved."""
    environment = load(CONFIGS / "vertex_environment.json5", ENV).settings.environment
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == "/home/me/keys/vertex.json"
    assert environment["GOOGLE_CLOUD_PROJECT"] == "my-project"
