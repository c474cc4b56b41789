"""What a change of the rules does to the bill."""

from __future__ import annotations

import json

import pytest

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.fan import Fan
from claude_code_router.routing.engine import CLASSIC_RULES

HEAVY, LIGHT = Target("p", "heavy"), Target("p", "light")
DEAR, CHEAP = Rates(input=Rate(5), output=Rate(25)), Rates(input=Rate(1), output=Rate(5))


def config(short: int) -> Config:
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["light", "heavy"]}
    return load_text(
        json.dumps({
            "Providers": [provider],
            "Router": {"default": "p,heavy"},
            "Tiers": {"light": "p,light", "heavy": "p,heavy"},
            "Rules": [{"name": "short", "when": {"tokens": {"under": short}}, "use": "light"}],
            "Stickiness": False,
        }),
        "config.json",
        {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rates", "change_usd"),
    [({HEAVY: DEAR, LIGHT: CHEAP}, -0.08), ({HEAVY: DEAR}, 0.0), ({LIGHT: CHEAP}, 0.0)],
)
def test_a_model_of_unknown_price_is_not_free(rates: dict[Target, Rates], change_usd: float) -> None:
    """What goes there, or comes from there, changes the bill by nothing that is known."""
    now, tried = config(5_000), config(30_000)
    rows = [
        (
            f"r{number}", float(number), f"s{number // 2}", "", "user", '{"model":"m","tokens":20000}', "p,heavy", "default",
            now.hash, "delivered", "p", "heavy", "heavy", 20_000, 0, 0, 0, 0, 0, 0, 0.1,
        )
        for number in range(4)
    ]  # fmt: skip
    lanes = [Lanes(one, known_of([now]), CLASSIC_RULES, lambda _, config: config.table) for one in (now, tried)]
    fan = Fan(lanes, rates.get, lambda _: None)
    fan.look(rows, lambda _: None)
    fan.walk(lambda names: [row for row in rows if row[2] in names])
    [bill] = fan.tally().bills()
    assert bill.sessions == 2
    assert bill.change_usd.value == pytest.approx(change_usd)
