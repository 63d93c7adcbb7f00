"""What the planner believes: built from the house file or the field's numbers, and wrong on purpose."""

from math import inf, nan

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.physics.heat_load import emitter_heat_w, heat_load_w, required_source_water_c
from gw_spaceheat.planning.model.maths import ARRAYS, SCALARS
from gw_spaceheat.planning.model.parameters import (
    CarnotCop,
    EmitterCurve,
    LinearCop,
    LoadLine,
    exponent_curve,
    parameters_of,
    quadratic_curve,
)

BUILDING = Building(
    loss_w_per_k=200.0, air_capacity_kwh_per_k=1.5, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=900.0
)
EMITTERS = Emitters(zero_load_water_c=25.0, design_water_c=58.0, design_heat_w=9000.0, design_drop_k=8.0)
HOUSE = Plumbing(
    building=BUILDING,
    emitters=EMITTERS,
    zones=(Zone(name="down", setpoint_c=21.0, share=0.5), Zone(name="up", setpoint_c=19.0, share=0.5)),
    heat_pump=HeatPump(nameplate_w=6000.0, rated_heat_w=11000.0),
    store=Store(tanks=3, litres_per_tank=450.0),
)


def test_load_line_of_the_house_file() -> None:
    line = parameters_of(HOUSE).load
    outdoor_c = np.array([-20.0, 0.0, 15.0, 30.0])
    expected = [heat_load_w(BUILDING, outdoor, 20.0) / 1000.0 for outdoor in outdoor_c.tolist()]
    assert line.heat_kw(outdoor_c) == pytest.approx(expected)
    assert line.indoor_c == 20.0


def test_wind_costs_heat_only_below_its_base() -> None:
    line = LoadLine(4.0, -0.2, wind_kw_per_k_m_s=0.002, wind_base_c=18.3)
    assert line.heat_kw(np.array([-1.7]), np.array([5.0]))[0] == pytest.approx(4.34 + 0.002 * 5.0 * 20.0)
    assert line.heat_kw(np.array([18.3]), np.array([5.0]))[0] == pytest.approx(0.34)


def test_exponent_curve_is_the_physics() -> None:
    curve = exponent_curve(EMITTERS)
    heat_kw = np.linspace(0.0, 17.0, 60)
    expected = [required_source_water_c(EMITTERS, 1000.0 * heat) for heat in heat_kw.tolist()]
    assert curve.required_c(heat_kw) == pytest.approx(expected, abs=0.15)
    assert curve.heat_at_kw(50.0) == pytest.approx(emitter_heat_w(EMITTERS, 50.0) / 1000.0, rel=0.01)


def test_quadratic_curve_of_the_field() -> None:
    # The published house: 54.4 F nothing, 110 F 1.5 kW, 160 F 9.8 kW.
    curve = quadratic_curve(12.4, (43.3, 1.5), (71.1, 9.8), 11.1)
    assert curve.required_c(np.array([1.5, 9.8])) == pytest.approx([43.3, 71.1], abs=0.2)
    assert curve.drop_k_per_kw == pytest.approx(11.1 / 9.8)
    with pytest.raises(BadInput, match="must rise"):
        quadratic_curve(50.0, (43.3, 1.5), (71.1, 9.8), 11.1)
    with pytest.raises(BadInput, match="heat_kw must rise"):
        EmitterCurve((0.0, 0.0), (20.0, 30.0), 1.0)


@pytest.mark.parametrize(
    ("heat_kw", "water_c", "drop_k_per_kw", "rule"),
    [
        ((0.0, nan, 2.0), (20.0, 30.0, 40.0), 1.0, "must be finite"),
        ((0.0, 1.0, 2.0), (20.0, nan, 40.0), 1.0, "must be finite"),
        ((0.0, 1.0, inf), (20.0, 30.0, 40.0), 1.0, "must be finite"),
        ((0.0, 1.0), (20.0, 30.0), nan, "must be finite"),
        ((1.0, 2.0), (20.0, 30.0), 1.0, "begins at 1, must begin at 0"),
        ((-1.0, 2.0), (20.0, 30.0), 1.0, "begins at -1, must begin at 0"),
    ],
)
def test_a_curve_of_no_use_is_refused(
    heat_kw: tuple[float, ...], water_c: tuple[float, ...], drop_k_per_kw: float, rule: str
) -> None:
    with pytest.raises(BadInput, match=rule):
        EmitterCurve(heat_kw, water_c, drop_k_per_kw)


def test_cop_models_agree_with_themselves() -> None:
    linear = LinearCop(1.84, 0.0463, per_k_leaving=-0.01, minimum=1.4, minimum_outdoor_c=-9.4)
    leaving_c = np.array([30.0, 60.0])
    for model in (CarnotCop(), linear):
        for outdoor_c in (-20.0, -9.0, 8.0):
            arrays = model.cop(ARRAYS, outdoor_c, leaving_c)
            assert arrays == pytest.approx([model.cop(SCALARS, outdoor_c, leaving) for leaving in leaving_c.tolist()])
    assert linear.cop(SCALARS, -10.0, 40.0) == 1.4
    assert linear.scaled(0.5).cop(SCALARS, 8.0, 30.0) == pytest.approx(0.5 * linear.cop(SCALARS, 8.0, 30.0))


def test_wrong_on_purpose() -> None:
    right = parameters_of(HOUSE)
    wrong = right.scaled(load=1.1, cop=0.92)
    outdoor_c = np.array([-5.0])
    assert wrong.load.heat_kw(outdoor_c) == pytest.approx(1.1 * right.load.heat_kw(outdoor_c))
    assert right.heat_pump is not None and wrong.heat_pump is not None
    believed = wrong.heat_pump.cop.cop(SCALARS, -5.0, 40.0)
    assert believed == pytest.approx(0.92 * right.heat_pump.cop.cop(SCALARS, -5.0, 40.0))
    assert "load x 1.1" in wrong.source
    assert right.greatest_electric_kw == 6.0
