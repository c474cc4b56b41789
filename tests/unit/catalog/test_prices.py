"""What a reply costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import genai_prices
import msgspec
import pytest
from genai_prices.data_snapshot import get_snapshot

from claude_code_router.catalog.price_source import price_periods
from claude_code_router.catalog.prices import (
    SOURCE_VARIABLE,
    PricePeriod,
    PriceTable,
    Rate,
    Rates,
    load_prices,
    owner_rates,
)
from claude_code_router.core.usage import Usage

ANTHROPIC = "https://api.anthropic.com/v1/messages"
OPENROUTER = "https://openrouter.ai/api/v1/chat/completions"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

USAGES = (
    Usage(input_tokens=1000, output_tokens=500),
    Usage(
        input_tokens=10, cache_read_tokens=90_000, cache_write_tokens=3000, cache_write_1h_tokens=1000, output_tokens=1
    ),
    Usage(input_tokens=300_000, cache_read_tokens=5, output_tokens=2000),
    Usage(input_tokens=7, output_tokens=900, web_searches=3),
    Usage(),
)


@pytest.mark.parametrize("usage", USAGES)
@pytest.mark.parametrize(
    ("url", "model"),
    [
        (ANTHROPIC, "claude-opus-5-5"),
        (ANTHROPIC, "claude-haiku-5-5"),
        (ANTHROPIC, "claude-sonnet-4-5-20250929"),
        (OPENROUTER, "anthropic/claude-sonnet-4.5"),
        ("https://api.openai.com/v1/chat/completions", "gpt-6.1-terra"),
        ("https://api.deepseek.com/chat/completions", "deepseek-v4-pro"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini-2.5-pro"),
        ("https://api.moonshot.ai/v1/chat/completions", "kimi-k2-0905-preview"),
    ],
)
def test_same_figures_as_the_source(url: str, model: str, usage: Usage) -> None:
    """Our multiplication gives what genai-prices' own arithmetic gives, tiers and dates and cache kinds included."""
    periods = price_periods(get_snapshot(), ("p", url, model))
    assert periods is not None
    ours = PriceTable({("p", url, model): periods}).cost_usd("p", url, model, usage, NOON.timestamp())
    theirs = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.prompt_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            web_searches=usage.web_searches,
        ),
        model,
        provider_api_url=url,
        genai_request_timestamp=NOON,
    )
    assert ours == pytest.approx(float(theirs.total_price), rel=1e-9)


@pytest.mark.parametrize(
    "asked",
    [
        ("anthropic", ANTHROPIC, "no-such-model"),
        ("ollama", "http://localhost:11434/v1/chat/completions", "qwen3"),
        ("deepseek", "http://192.168.0.7:8000/v1/chat/completions", "deepseek-v3"),
        ("gateway", "https://gateway.example/v1/chat/completions", "gpt-4o"),
    ],
)
def test_unknown_is_none(asked: tuple[str, str, str]) -> None:
    """No list price: None, never 0 and never another vendor's."""
    assert price_periods(get_snapshot(), asked) is None
    assert PriceTable().cost_usd(*asked, Usage(input_tokens=5)) is None


def test_a_proxy_with_a_vendors_name_has_its_prices() -> None:
    """The owner's name for the provider says whose models they are, where the host does not."""
    assert price_periods(get_snapshot(), ("openrouter", "https://proxy.example/v1", "anthropic/claude-sonnet-4.5"))


@pytest.mark.parametrize(
    ("url", "model", "same"),
    [
        (ANTHROPIC, "claude-opus-4-6[1m]", "claude-opus-4-6"),
        (OPENROUTER, "anthropic/claude-sonnet-4.5:nitro", "anthropic/claude-sonnet-4.5"),
    ],
)
def test_variants_cost_what_the_model_costs(url: str, model: str, same: str) -> None:
    """A context mark or a faster host does not hide the price."""
    found = price_periods(get_snapshot(), ("p", url, model))
    assert found is not None
    assert found == price_periods(get_snapshot(), ("p", url, same))


def test_daily_windows_and_dates() -> None:
    """The last period that holds wins; without a time of day the price outside of windows is given."""
    rates = [Rates(input=Rate(float(number))) for number in (1, 2, 3)]
    table = PriceTable(
        {
            ("p", "u", "m"): (
                PricePeriod(rates=rates[0]),
                PricePeriod(rates=rates[1], from_unix=86_400.0),
                PricePeriod(rates=rates[2], window_s=(82_800, 3600)),
            )
        },
        as_of=90_000.0 + 86_400,
    )
    million = Usage(input_tokens=1_000_000)
    found = [table.cost_usd("p", "u", "m", million, at) for at in (7200.0, 86_400 + 7200.0, 0.0, 83_000.0, None)]
    assert found == [1, 2, 3, 3, 2]


def test_missing_kinds_fall_back_or_are_unknown() -> None:
    """A kind without a price of its own costs what the broader one costs; without any, the cost is unknown."""
    rates = Rates(input=Rate(2.0))
    assert rates.cost_usd(Usage(input_tokens=1_000_000, cache_read_tokens=1_000_000)) == 4.0
    assert rates.cost_usd(Usage(output_tokens=1)) is None


def test_the_owners_rates_win() -> None:
    """A provider's `price` comes before the list price, by model or for all of them."""
    table = PriceTable().with_rates(owner_rates("p", {"m": {"input": 1, "output": 2}, "*": {"input": 9}}))
    assert table.cost_usd("p", "any", "m", Usage(input_tokens=500_000, output_tokens=500_000)) == 1.5
    assert table.cost_usd("p", "any", "other", Usage(input_tokens=1_000_000)) == 9
    assert table.cost_usd("q", "any", "m", Usage(input_tokens=1)) is None


async def test_the_child_is_asked_once(tmp_path: Path) -> None:
    """The second load, and one of fewer models, read the cache; unknown models are remembered as unknown."""
    models = [("a", ANTHROPIC, "claude-opus-5"), ("a", ANTHROPIC, "nope")]
    table = await load_prices(tmp_path, models)
    assert table.error == ""
    assert table.cost_usd("a", ANTHROPIC, "claude-opus-5", Usage(input_tokens=1_000_000)) == pytest.approx(5)
    file = tmp_path / "prices.json"
    # A mark in the cache shows who answers from here on.
    cached = msgspec.json.decode(file.read_bytes())
    cached["prices"][0][3][0]["rates"]["input"] = {"base": 77.0}
    file.write_bytes(msgspec.json.encode(cached))
    for again in (models, models[:1], models[::-1]):
        table = await load_prices(tmp_path, again)
        assert table.cost_usd("a", ANTHROPIC, "claude-opus-5", Usage(input_tokens=1_000_000)) == 77


@pytest.mark.parametrize("content", [b"{", b'{"key": "old", "prices": []}'])
async def test_a_bad_cache_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """A cut, foreign or old file costs a second, not the prices."""
    (tmp_path / "prices.json").write_bytes(content)
    table = await load_prices(tmp_path, [("a", ANTHROPIC, "claude-opus-5")])
    assert table.cost_usd("a", ANTHROPIC, "claude-opus-5", Usage(input_tokens=1_000_000)) == pytest.approx(5)


async def test_the_child_imports_nothing_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project with a `msgspec.py` neither runs in our child nor costs the prices."""
    (tmp_path / "msgspec.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert (await load_prices(tmp_path, [("a", ANTHROPIC, "claude-opus-5")])).error == ""


async def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The prices are there all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    table = await load_prices(blocked / "cache", [("a", ANTHROPIC, "claude-opus-5")])
    assert "could not be written" in table.error
    assert table.rates("a", ANTHROPIC, "claude-opus-5") is not None


async def test_no_models_no_child(tmp_path: Path) -> None:
    """An empty config leaves nothing on disk."""
    assert (await load_prices(tmp_path, [])).error == ""
    assert not (tmp_path / "prices.json").exists()


async def test_the_cache_is_its_owners_and_holds_no_secret_of_a_url(tmp_path: Path) -> None:
    """0600 in 0700; user, password and query of a URL are left out, and the price is found all the same."""
    url = ANTHROPIC.replace("://", "://user:word@") + "?key=hidden"
    folder = tmp_path / "cache"
    table = await load_prices(folder, [("a", url, "claude-opus-5")])
    assert table.cost_usd("a", url, "claude-opus-5", Usage(input_tokens=1_000_000)) == pytest.approx(5)
    file = folder / "prices.json"
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not any(secret in file.read_text() for secret in ("user", "word", "hidden"))


PUBLISHED = [
    {
        "id": "anthropic",
        "name": "Anthropic",
        "api_pattern": "https://api\\.anthropic\\.com",
        "models": [
            {
                "id": "claude-opus-9",
                "match": {"equals": "claude-opus-9"},
                "prices": {"input_mtok": 7, "output_mtok": 70},
            }
        ],
    }
]
NEW: list[tuple[str, str, str]] = [("a", ANTHROPIC, "claude-opus-9"), ("a", ANTHROPIC, "claude-opus-5-5")]


@asynccontextmanager
async def published(body: bytes, status: int = 200) -> AsyncIterator[str]:
    """genai-prices' repository, on this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/data.json"


async def test_new_models_and_prices_come_without_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched prices win, are kept for who does not fetch, and what is not published keeps the price that was known."""
    before = await load_prices(tmp_path, NEW)
    assert before.rates(*NEW[0]) is None
    assert before.rates(*NEW[1]) is not None
    async with published(json.dumps(PUBLISHED).encode()) as url:
        monkeypatch.setenv(SOURCE_VARIABLE, url)
        fetched = await load_prices(tmp_path, NEW, fetch=True)
    assert fetched.error == ""
    for table in (fetched, await load_prices(tmp_path, NEW)):
        rates = table.rates(*NEW[0])
        assert rates is not None
        assert (rates.input, rates.output) == (Rate(7), Rate(70))
        assert table.rates(*NEW[1]) == before.rates(*NEW[1])


@pytest.mark.parametrize(("body", "status"), [(b"<html>", 200), (b"{}", 200), (b"no", 500), (b'[{"id": 1}]', 200)])
async def test_what_cannot_be_fetched_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, status: int
) -> None:
    """The prices that are known stay, and it is said."""
    async with published(body, status) as url:
        monkeypatch.setenv(SOURCE_VARIABLE, url)
        table = await load_prices(tmp_path, NEW, fetch=True)
    assert "could not be fetched" in table.error
    assert table.rates(*NEW[1]) is not None
