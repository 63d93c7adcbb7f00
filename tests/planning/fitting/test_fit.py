"""`gws fit` recovers the simulated house from 14 winter days, claims no more than the data show, and uses no leak."""

import random
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from commands.site import Site
from gw_spaceheat.house.model import House
from gw_spaceheat.planning.fitting.fit import FitResult, fit_house_parameters
from gw_spaceheat.planning.fitting.history import DAY_S, History, Readings
from gw_spaceheat.planning.model.parameters import CarnotCop
from tests.planning.fitting.truth import truth_of

WITHIN = 0.10


def check(result: FitResult, house: House, may_refuse: frozenset[str] = frozenset()) -> None:
    for name, (true, scale) in truth_of(house).items():
        one = result.estimate(name)
        if name in may_refuse and not one.fitted:
            continue
        assert one.fitted, f"{name}: {one.reason}"
        assert one.low is not None and one.high is not None and one.standard_error is not None
        assert abs(one.value - true) <= WITHIN * scale, f"{name}: {one.value} against {true}"
        assert one.low <= true <= one.high, f"{name}: {true} is outside of {one.low} to {one.high}"
        assert one.high - one.low <= 0.3 * scale, f"{name}: {one.low} to {one.high} says little"


def test_beech_is_recovered_within_ten_per_cent_and_its_intervals_cover_it(site: Site, result: FitResult) -> None:
    check(result, site.house)
    defrost = result.estimate("defrost_share")
    # Six reversed minutes in every 75: no parameter of the simulated house, but it cannot be far from this.
    assert defrost.fitted and 0.90 < defrost.value < 0.97


def test_estimates_say_what_they_rest_on(result: FitResult) -> None:
    assert result.days == pytest.approx(14.0, abs=0.01)
    line = result.estimate("load_per_k_kw")
    assert line.days == 14 and "outdoor -2" in line.rests_on and line.unit == "kW/K"
    assert "leaving water" in result.estimate("cop_scale").rests_on
    assert "at rest" in result.estimate("store_loss_kw_per_k").rests_on


def test_parameters_are_the_estimates(result: FitResult) -> None:
    parameters = result.parameters
    assert parameters.load.at_zero_kw == result.estimate("load_at_zero_kw").value
    assert parameters.heat_pump is not None and isinstance(parameters.heat_pump.cop, CarnotCop)
    assert parameters.heat_pump.cop.scale == result.estimate("cop_scale").value
    design_c = float(parameters.emitters.required_c(np.array([9.5]))[0])
    assert design_c == pytest.approx(result.estimate("rswt_design_c").value, abs=0.1)
    assert parameters.emitters.drop_k_per_kw == pytest.approx(11.0 / 9.5, rel=0.03)
    assert parameters.source.startswith("fit of beech over 2016-12-12T05:01:00Z to 2016-12-26T05:00:00Z")


def test_a_wrong_house_file_changes_nothing_that_was_measured(site: Site, history: History) -> None:
    house, plumbing = site.house, site.house.plumbing
    assert plumbing.heat_pump is not None and plumbing.store is not None
    wrong = plumbing.model_copy(
        update={
            "building": plumbing.building.model_copy(
                update={"loss_w_per_k": 290.0, "mass_capacity_kwh_per_k": 20.0, "internal_gain_w": 900.0}
            ),
            "emitters": plumbing.emitters.model_copy(update={"zero_load_water_c": 30.0, "design_water_c": 75.0}),
            "heat_pump": plumbing.heat_pump.model_copy(update={"rated_heat_w": 8000.0, "lift_k": 5.0}),
            "store": plumbing.store.model_copy(update={"loss_w_per_k": 9.0}),
        }
    )
    check(fit_house_parameters(house.model_copy(update={"plumbing": wrong}), history), house)


Change = Callable[[Mapping[str, Readings]], Mapping[str, Readings]]


def constant(**values: float) -> Change:
    def change(readings: Mapping[str, Readings]) -> Mapping[str, Readings]:
        times_s = {name: readings[name].times_s for name in values}
        return dict(readings) | {
            name: Readings(times_s[name], np.full(times_s[name].size, value)) for name, value in values.items()
        }

    return change


def without(*names: str) -> Change:
    return lambda readings: {name: one for name, one in readings.items() if name not in names}


def first_days(days: float) -> Change:
    def cut(readings: Mapping[str, Readings]) -> Mapping[str, Readings]:
        start_s = next(iter(readings.values())).times_s[0]
        keep = {name: one.times_s < start_s + days * DAY_S for name, one in readings.items()}
        return {name: Readings(one.times_s[keep[name]], one.values[keep[name]]) for name, one in readings.items()}

    return cut


def mild(readings: Mapping[str, Readings]) -> Mapping[str, Readings]:
    one = readings["outdoor_c"]
    return dict(readings) | {"outdoor_c": Readings(one.times_s, 1.0 + one.values / 20.0)}


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        (mild, "load_per_k_kw", "8 K are needed"),
        (constant(store_flow_l_per_min=12.0), "store_loss_kw_per_k", "at rest and warm for 0.0 h, 12 h"),
        (constant(heat_pump_w=20.0), "cop_scale", "the heat pump never ran"),
        (constant(heat_pump_w=20.0), "rated_heat_kw", "the heat pump never ran"),
        (constant(distribution_flow_l_per_min=0.0), "load_at_zero_kw", "the distribution never flowed"),
        (constant(dist_swt_c=45.0), "rswt_design_c", "supply water spans 0.0 K"),
        (constant(zone_up_c=20.0, zone_down_c=20.0), "house_capacity_kwh_per_k", "the rooms moved too little"),
        (without("dist_rwt_c"), "load_per_k_kw", "no channel measures supply and return"),
        (without("distribution_flow_l_per_min"), "load_per_k_kw", "no flow meter"),
        (without("outdoor_c"), "load_per_k_kw", "not all measured"),
        (without("zone_up_c"), "load_per_k_kw", "not all measured"),
        (without("hp_lwt_c"), "cop_scale", "not measured: hp_lwt_c"),
        (first_days(3.0), "load_at_zero_kw", "3 days with usable data, 5 are needed"),
        (first_days(0.2), "cop_scale", "6 h are needed"),
    ],
)
def test_refuses_what_the_data_cannot_show(
    site: Site, history: History, change: Change, name: str, reason: str
) -> None:
    changed = fit_house_parameters(site.house, History(change(history.readings)))
    one, believed = changed.estimate(name), truth_of(site.house)[name][0]
    assert one.source == "house file" and one.low is None and one.standard_error is None
    assert reason in one.reason
    assert one.value == pytest.approx(believed), "the house file's value stands in"
    assert name in changed.parameters.source.partition("from the house file:")[2]


def test_gaps_cost_data_not_truth(site: Site, history: History) -> None:
    """A thermometer silent for a day and a meter with holes: fewer rows, the same house."""

    def holes(one: Readings, keep: Callable[[float], bool]) -> Readings:
        kept = np.array([keep(float(time_s)) for time_s in one.times_s])
        return Readings(one.times_s[kept], one.values[kept])

    start_s = history.span_s[0]
    readings = dict(history.readings)
    readings["zone_up_c"] = holes(readings["zone_up_c"], lambda time_s: not 4.0 <= (time_s - start_s) / DAY_S < 5.0)
    readings["dist_swt_c"] = holes(readings["dist_swt_c"], lambda time_s: time_s % 40_000.0 > 2_000.0)
    changed = fit_house_parameters(site.house, History(readings))
    check(changed, site.house, frozenset({"house_capacity_kwh_per_k"}))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(25))
def test_no_history_is_bad_enough_to_raise(site: Site, history: History, seed: int) -> None:
    """Channels missing, broken, thinned out; one reading or nine days: always parameters, always finite."""
    rng = random.Random(seed)
    first, count = rng.randrange(7000), rng.choice((1, 2, 200, 3000, 9000, 13000))
    readings: dict[str, Readings] = {}
    for name, one in history.readings.items():
        times_s, values = one.times_s[first : first + count], one.values[first : first + count]
        match rng.randrange(12):
            case 0:
                continue
            case 1:
                values = np.full(values.size, rng.choice((0.0, 20.0, -127.0, 85.0, 1e6)))
            case 2:
                values = np.array([rng.gauss(0.0, 100.0) for _ in values])
            case 3:
                times_s, values = times_s[::17], values[::17]
        readings[name] = Readings(times_s, values)
    changed = fit_house_parameters(site.house, History(readings))
    assert all(np.isfinite(one.value) and (one.fitted or one.reason) for one in changed.estimates)
