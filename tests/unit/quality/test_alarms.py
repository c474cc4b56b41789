from typing import Any

import pytest

from claude_code_router.quality.alarms import Alarms, Reading
from claude_code_router.quality.bands import AlertSettings, Band
from claude_code_router.quality.intervals import Estimate

SETTINGS = AlertSettings(bands={"error_rate": Band(high=0.05), "heavy_share": Band(low=0.1, high=0.4)})
INSIDE = Estimate(value=0.02, low=0.01, high=0.04, n=500)
OUTSIDE = Estimate(value=0.10, low=0.08, high=0.12, n=500)
UNSURE = Estimate(value=0.08, low=0.04, high=0.12, n=50)
HEAVY = Estimate(value=0.60, low=0.55, high=0.65, n=500)
LIGHT = Estimate(value=0.02, low=0.01, high=0.03, n=500)


def told(alarms: Alarms, estimate: Estimate | None, **said: Any) -> list[str]:
    reading = Reading(**{"kpi": "error_rate", "namespace": None, "estimate": estimate, **said})
    return [f"{one.event} {one.side}" for one in alarms.look([reading], SETTINGS)]


def test_a_figure_wholly_outside_is_told_once() -> None:
    alarms = Alarms()
    assert told(alarms, OUTSIDE) == ["raised above"]
    assert told(alarms, OUTSIDE) == []
    assert alarms.active == ((None, "error_rate"),)


@pytest.mark.parametrize(
    "estimate",
    [None, INSIDE, UNSURE, Estimate(value=1.0, low=0.9, high=1.0, n=29)],
    ids=["none", "in", "unsure", "few"],
)
def test_what_may_be_chance_is_no_alarm(estimate: Estimate | None) -> None:
    assert told(Alarms(), estimate) == []


def test_it_is_over_after_two_looks_inside() -> None:
    alarms = Alarms()
    told(alarms, OUTSIDE)
    assert told(alarms, INSIDE) == []
    assert told(alarms, UNSURE) == []
    assert told(alarms, INSIDE) == []
    assert told(alarms, INSIDE) == ["over above"]
    assert told(alarms, OUTSIDE) == ["raised above"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [(HEAVY, ["raised above"]), (LIGHT, []), (None, []), (Estimate(value=0.6, low=0.55, high=0.65, n=3), [])],
)
def test_a_weeks_figure_needs_two_weeks_on_the_same_side(before: Estimate | None, expected: list[str]) -> None:
    assert told(Alarms(), HEAVY, kpi="heavy_share", before=before, weekly=True) == expected


def test_a_share_may_be_too_low_as_well() -> None:
    assert told(Alarms(), LIGHT, kpi="heavy_share", before=LIGHT, weekly=True) == ["raised below"]


def test_what_is_counted_needs_no_sample() -> None:
    alarms = Alarms()
    one = Estimate(value=3.0, low=3.0, high=3.0, n=1)
    settings = AlertSettings(bands={"dropped_records": Band(high=0.0)})
    reading = Reading(kpi="dropped_records", namespace=None, estimate=one, exact=True)
    [notice] = alarms.look([reading], settings)
    assert notice.text == "Claude Code Router: dropped records is above its band: 3; the band is at most 0."


def test_namespaces_stand_for_themselves() -> None:
    alarms = Alarms()
    told(alarms, OUTSIDE, namespace="a")
    assert told(alarms, OUTSIDE, namespace="b") == ["raised above"]
    alarms.keep([("b", "error_rate")])
    assert alarms.active == (("b", "error_rate"),)


@pytest.mark.parametrize(
    ("band", "text"),
    [(Band(high=0.5), "at most 0.5"), (Band(low=0.1), "at least 0.1"), (Band(low=0.1, high=0.5), "0.1 to 0.5")],
)
def test_a_band_says_what_it_is(band: Band, text: str) -> None:
    assert str(band) == text
