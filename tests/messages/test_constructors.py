"""Constructors, conversions, the catalogue and the page made from it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commands import messages as page_maker
from gw_spaceheat.errors import OurError
from gw_spaceheat.messages import BY_NAME, CATALOGUE, manner_of
from gw_spaceheat.messages.alerts import LogLevel, glitch_from
from gw_spaceheat.messages.base import WireModel, type_name_of
from gw_spaceheat.messages.forecast import HousePlan, plan_from, weather_forecast_from
from gw_spaceheat.messages.market import bid_from, latest_price_from, prices_from, slot_start_s
from gw_spaceheat.messages.telemetry import latest_of, power_watts_from, readings_of
from gw_spaceheat.messages.units import WIRE_STEPS_PER_UNIT, all_to_wire, c_from_f, f_from_c, from_wire, to_wire
from gw_spaceheat.planning.plan import Plan, PlanStep
from tests.messages import examples as EX


@pytest.mark.parametrize(
    ("telemetry", "value", "wire"),
    [
        ("WaterTempCTimes1000", 47.1234, 47_123),
        ("AirTempCTimes1000", -12.5, -12_500),
        ("PowerW", 4321.4, 4321),
        ("GpmTimes100", 3.785411784, 100),
        ("GpmTimes100", 18.92705892, 500),
        ("RelayState", True, 1),
    ],
)
def test_to_wire(telemetry: str, value: float, wire: int) -> None:
    assert to_wire(telemetry, value) == wire
    assert from_wire(telemetry, wire) == pytest.approx(float(value), abs=0.5)


@given(telemetry=st.sampled_from(sorted(WIRE_STEPS_PER_UNIT)), value=st.floats(-1e6, 1e6))
def test_conversion_loses_at_most_half_a_step(telemetry: str, value: float) -> None:
    back = from_wire(telemetry, to_wire(telemetry, value))
    assert abs(back - value) <= 0.5 / WIRE_STEPS_PER_UNIT[telemetry] + 1e-9


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_never_sent(value: float) -> None:
    with pytest.raises(OurError, match="PowerW"):
        to_wire("PowerW", value)
    with pytest.raises(OurError, match="PowerW"):
        all_to_wire("PowerW", [1.0, value])
    with pytest.raises(OurError, match="Pressure"):
        to_wire("Pressure", 1.0)


@given(st.floats(-100, 200))
def test_fahrenheit(temperature_c: float) -> None:
    assert c_from_f(f_from_c(temperature_c)) == pytest.approx(temperature_c, abs=1e-9)


def test_a_report_and_its_readings() -> None:
    report = EX.a_report()
    assert [channel.channel_name for channel in report.channel_reading_list] == list(EX.TELEMETRIES)
    back = readings_of(report, EX.TELEMETRIES)
    assert back["hp-lwt"] == [(47.123, EX.NOW_MS - 60_000), (47.5, EX.NOW_MS)]
    assert back["hp-odu-pwr"][1] == (4321.0, EX.NOW_MS)
    assert back["primary-flow"][0][0] == pytest.approx(18.92705892)
    assert readings_of(report, {"oat": "AirTempCTimes1000"}) == {"oat": [(-12.5, EX.NOW_MS)]}


def test_a_snapshot_and_its_values() -> None:
    latest = latest_of(EX.a_snapshot(), EX.TELEMETRIES)
    assert latest["store-pump-relay"] == (1.0, EX.NOW_MS) and latest["oat"] == (-12.5, EX.NOW_MS)
    assert power_watts_from(99.6).watts == 100


def test_payloads_are_frozen() -> None:
    with pytest.raises(ValidationError):
        power_watts_from(1.0).watts = 2  # type: ignore[misc]


def test_market_constructors() -> None:
    bid = bid_from(bidder_alias=EX.ATN, market_alias=EX.MARKET, slot_start_s=EX.HOUR_S, pairs=[(20, 9), (100, 0.5)])
    assert [(pair.price_x1000, pair.quantity_x1000) for pair in bid.pq_pairs] == [(100_000, 500), (20_000, 9000)]
    price = latest_price_from(
        market_alias=EX.MARKET, slot_start_s=EX.HOUR_S, usd_per_mwh=-12.3456, message_id=EX.IDS[0]
    )
    assert price.usd_per_mwh == -12.346 and slot_start_s(price.market_slot_name) == EX.HOUR_S
    with pytest.raises(ValidationError, match="3600"):
        latest_price_from(market_alias=EX.MARKET, slot_start_s=EX.HOUR_S + 300, usd_per_mwh=1, message_id=EX.IDS[0])
    prices = EX.own_examples()[-1]
    assert prices.total_usd_per_mwh == pytest.approx((80.13, 482.13)) and prices.end_s == EX.HOUR_S + 7200
    with pytest.raises(ValidationError, match="one length"):
        prices_from(
            market_alias=EX.MARKET,
            message_id=EX.IDS[0],
            now_s=EX.NOW_S,
            start_s=EX.HOUR_S,
            lmp_usd_per_mwh=[1.0, 2.0],
            distribution_usd_per_mwh=[1.0],
        )


def test_a_forecast_made_after_its_first_hour_is_refused() -> None:
    with pytest.raises(ValidationError, match="after the first"):
        weather_forecast_from(
            alias=EX.ATN,
            weather_channel="weather.gov.kmlt",
            times_s=[EX.HOUR_S],
            outdoor_c=[0.0],
            weather_id=EX.IDS[0],
            created_s=EX.HOUR_S + 1,
        )


def test_a_planners_plan_is_said_whole() -> None:
    step = PlanStep(
        start_s=float(EX.HOUR_S),
        minutes=60,
        hp_electric_kwh=4.5,
        hp_heat_kwh=11.0,
        store_heat_kwh=2.0,
        store_energy_kwh=20.0,
        store_top_c=60.0,
        price_usd_per_mwh=40.0,
        cost_usd=0.18,
        reason="cheap",
    )
    said = plan_from(Plan((step,), 0.18, 1.0, 0.03, ("too cold",)), alias=EX.ATN, message_id=EX.IDS[0], now_s=EX.NOW_S)
    assert isinstance(said, HousePlan)
    assert (said.steps[0].hp_electric_kwh, said.steps[0].reason, said.unmet) == (4.5, "cheap", ("too cold",))


def test_a_long_text_does_not_silence_a_glitch() -> None:
    glitch = glitch_from(
        alias=EX.SCADA, node="s", level=LogLevel.ERROR, summary="x" * 9999, details="y" * 99_999, now_s=EX.NOW_S
    )
    assert len(glitch.summary) == 1000 and len(glitch.details) == 20_000


def test_the_catalogue_is_whole() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    said = {type_name_of(type(payload)) for payload in [*EX.published_examples(), *EX.own_examples()]}
    assert set(BY_NAME) - said == {"gw.spaceheat.layout"}
    for entry in CATALOGUE:
        assert re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)*", entry.type_name), "a dash in a name would not survive a topic"
        assert entry.receivers and entry.sender and entry.when
    assert manner_of(EX.a_report()) == "event" and manner_of(power_watts_from(1.0)) == "state"


def test_every_payload_type_is_in_the_catalogue() -> None:
    def below(model: type[WireModel]) -> set[type[WireModel]]:
        return {model}.union(*(below(child) for child in model.__subclasses__()))

    parts = {
        *("single.reading", "single.machine.state", "channel.readings", "machine.states", "fsm.atomic.report"),
        *("fsm.full.report", "price.quantity.unitless"),
    }
    whole = (model for model in below(WireModel) if isinstance(model.model_fields["type_name"].default, str))
    named = {type_name_of(model) for model in whole}
    assert named == set(BY_NAME) | parts


def test_the_page_is_current() -> None:
    assert page_maker.PAGE.read_text(encoding="utf-8") == page_maker.page(), "run python -m commands.messages"
