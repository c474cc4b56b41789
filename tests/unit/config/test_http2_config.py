"""A provider's `http2`, and what the config's check says of it."""

import json
from pathlib import Path

import pytest

from claude_code_router.config.load import load


@pytest.mark.parametrize(
    ("url", "more", "warned"),
    [
        ("https://api.example.com/v1/messages", {}, ""),
        ("https://api.example.com/v1/messages", {"proxy": "http://p:1"}, ""),
        ("http://api.example.com/v1/messages", {}, "without TLS"),
        ("https://api.example.com/v1/messages", {"proxy": "socks5://p:1"}, "this kind of proxy"),
    ],
)
def test_http2_of_a_provider(tmp_path: Path, url: str, more: dict[str, str], warned: str) -> None:
    """It reaches the provider; what cannot come true is warned of."""
    section = {"name": "p", "api_base_url": url, "api_key": "k", "models": ["m"], "http2": True, **more}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"Providers": [section], "Router": {"default": "p,m"}}))
    config = load(file, {})
    assert config.providers["p"].http2
    said = [str(problem) for problem in config.warnings if "http2" in str(problem)]
    assert len(said) == bool(warned)
    assert all(warned in one for one in said)
