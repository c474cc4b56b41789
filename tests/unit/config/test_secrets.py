"""Which values of a config are secrets."""

from __future__ import annotations

import json

from claude_code_router.config.load import load_text
from claude_code_router.config.secrets import secrets_of


def test_every_key_of_a_config_is_known() -> None:
    """Providers' keys, one or several, headers that authorise, APIKEY, those of namespaces and of the environment, and
    passwords in addresses."""
    provider = {"api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["m"]}
    config = {
        "APIKEY": "the-house-key",
        "DATABASE_URL": "postgresql://me:p%40ss-of-records@db/ccr",
        "PROXY_URL": "http://me:pass-of-proxy@proxy:3128",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-cloud",
        "AWS_BEARER_TOKEN_BEDROCK": "token-of-the-cloud",
        "AWS_REGION": "eu-central-1",
        "Providers": [
            {**provider, "name": "one", "api_key": "$ONE"},
            {
                **provider,
                "name": "two",
                "api_keys": ["second-key-a", "second-key-b"],
                "proxy": "http://me:pass-of-twos-proxy@proxy:3128",
            },
        ],
        "Router": {"default": "one,m"},
        "Namespaces": {"lane": {"keys": {"ci": "namespace-key"}, "Router": {"default": "two,m"}}},
    }
    secrets = secrets_of(load_text(json.dumps(config), "config.json", {"ONE": "first-key-in-env"}))
    keys = ("the-house-key", "first-key-in-env", "second-key-a", "second-key-b", "namespace-key")
    passwords = ("p%40ss-of-records", "p@ss-of-records", "pass-of-proxy", "secret-of-the-cloud", "token-of-the-cloud")
    for key in (*keys, *passwords, "pass-of-twos-proxy"):
        assert secrets.struck_text(f"<{key}>") == "<[redacted]>"
    for plain in ("http://127.0.0.1:1/v1/messages one,m", "eu-central-1", "postgresql://me"):
        assert secrets.struck_text(plain) == plain
