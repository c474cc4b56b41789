"""Who is let into which namespace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import RouterError
from claude_code_router.server.auth import Visitor, visitor


def config(api_key: str = "") -> Config:
    file: dict[str, Any] = {
        "APIKEY": api_key,
        "Providers": [{"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["a"]}],
        "Router": {"default": "p,a"},
        "Namespaces": {
            "ci": {"keys": {"bot": "ci-key", "old": "ci-old"}},
            "web": {},
            "shop": {"keys": {"s": "shop-key"}},
        },
    }
    return load_text(json.dumps(file), "config.json", {})


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("header", "named", "expected"),
    [
        (bearer("ci-key"), "", Visitor("ci", "bot")),
        (bearer("ci-old"), "ci", Visitor("ci", "old")),
        ({"x-api-key": "shop-key"}, "", Visitor("shop", "s")),
        (bearer("owner"), "", Visitor()),
        (bearer("owner"), "ci", Visitor("ci")),
        (bearer("owner", x_ccr_namespace="web"), "", Visitor("web")),
    ],
)
def test_a_key_opens_its_namespace_and_the_owners_opens_all(
    header: dict[str, str], named: str, expected: Visitor
) -> None:
    """By key, by path, by header."""
    assert visitor(header, named, config("owner")) == expected


@pytest.mark.parametrize(
    ("api_key", "header", "named", "status"),
    [
        ("owner", bearer("ci-key"), "shop", 403),
        ("owner", bearer("ci-key"), "web", 403),
        ("owner", bearer("ci-key", x_ccr_namespace="shop"), "", 403),
        ("owner", bearer("ci-key", x_ccr_namespace="shop"), "ci", 403),
        ("owner", bearer("wrong"), "ci", 401),
        ("owner", {}, "web", 401),
        ("owner", bearer(""), "", 401),
        ("owner", bearer("owner"), "none", 404),
        ("", {}, "ci", 401),
        ("", bearer("wrong"), "ci", 401),
        ("", {"host": "evil.example"}, "web", 403),
    ],
)
def test_nobody_else_comes_in(api_key: str, header: dict[str, str], named: str, status: int) -> None:
    """One namespace's key never opens another; a closed one needs a key; the sentence shows none."""
    with pytest.raises(RouterError) as caught:
        visitor(header, named, config(api_key))
    assert caught.value.status == status
    assert not any(key in str(caught.value) for key in ("ci-key", "shop-key", "owner"))


def test_without_a_key_of_its_own_a_namespace_is_open_on_this_machine() -> None:
    """As the router itself is without APIKEY."""
    assert visitor({"host": "localhost:3456"}, "web", config()) == Visitor("web")
    assert visitor({"host": "localhost:3456"}, "", config()) == Visitor()
