"""Which values of a config are secrets."""

from __future__ import annotations

import json

from claude_code_router.config.load import load_text
from claude_code_router.config.secrets import secrets_of


def test_every_key_of_a_config_is_known() -> None:
    """Providers' keys, one or several, headers that authorise, APIKEY, and those of namespaces."""
    provider = {"api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["m"]}
    config = {
        "APIKEY": "the-house-key",
        "Providers": [
            {**provider, "name": "one", "api_key": "$ONE"},
            {**provider, "name": "two", "api_keys": ["second-key-a", "second-key-b"]},
        ],
        "Router": {"default": "one,m"},
        "Namespaces": {"lane": {"keys": {"ci": "namespace-key"}, "Router": {"default": "two,m"}}},
    }
    secrets = secrets_of(load_text(json.dumps(config), "config.json", {"ONE": "first-key-in-env"}))
    for key in ("the-house-key", "first-key-in-env", "second-key-a", "second-key-b", "namespace-key"):
        assert secrets.struck_text(f"<{key}>") == "<[redacted]>"
    assert secrets.struck_text("http://127.0.0.1:1/v1/messages one,m") == "http://127.0.0.1:1/v1/messages one,m"
