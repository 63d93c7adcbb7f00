"""House files: the three that are there are sound, and a bad one is told everything that is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gw_spaceheat.drivers.discovery import driver_kinds
from gw_spaceheat.errors import BadHouse, BadInput
from gw_spaceheat.house.devices import fit_device, load_device
from gw_spaceheat.house.load import HOUSES_FOLDER, check_house, find_house, known_houses, load_house
from gw_spaceheat.physics.heat_load import heat_load_w
from gw_spaceheat.physics.heat_pump import capacity_w

HOUSES = ("beech", "orange", "fir")
Document = dict[str, Any]
DESIGN_OUTDOOR_C = -25.0


def document(short_name: str = "beech") -> Document:
    loaded: Document = json.loads((HOUSES_FOLDER / f"{short_name}.json").read_text("utf-8"))
    return loaded


def problems_after(change: Callable[[Document], object], short_name: str = "beech") -> list[str]:
    changed = document(short_name)
    change(changed)
    return check_house(json.dumps(changed))


def index_of(items: list[Document], field: str, value: str) -> int:
    return next(index for index, item in enumerate(items) if item.get(field) == value)


@pytest.mark.parametrize("short_name", HOUSES)
def test_every_house_file_is_sound_under_all_its_names(short_name: str) -> None:
    house = load_house(short_name)
    assert house.short_name == short_name
    assert house == load_house(house.alias) == load_house(str(HOUSES_FOLDER / f"{short_name}.json"))
    assert check_house((HOUSES_FOLDER / f"{short_name}.json").read_text("utf-8")) == []


@pytest.mark.parametrize("short_name", HOUSES)
def test_every_component_has_a_driver_and_fits_its_nodes(short_name: str) -> None:
    house = load_house(short_name)
    for component in house.components:
        assert load_device(component.device).kind in driver_kinds()
        assert fit_device(component, house.nodes, house.channels).nodes, f"{component.id} serves no node"


def test_the_parts_and_rates_of_the_three_houses() -> None:
    beech, orange, fir = (load_house(name) for name in HOUSES)
    assert beech.plumbing.store is not None and beech.plumbing.buffer is not None
    assert (beech.plumbing.store.tanks, beech.plumbing.store.litres_per_tank) == (3, 454.0)
    assert beech.plumbing.store.tanks * beech.plumbing.store.layers_per_tank >= 12
    assert len(beech.plumbing.zones) == 2
    assert (beech.rates.power_s, beech.rates.control_s, beech.rates.temperature_s) == (1.0, 1.0, 60.0)
    assert orange.plumbing.heat_pump is None and orange.plumbing.buffer is None and orange.plumbing.boost is not None
    assert {node.actuator for node in orange.nodes if node.actuator} == {"boost", "distribution_pump"}
    assert sum(channel.quantity.startswith("tank1_") for channel in orange.channels) == 5
    assert fir.plumbing.heat_pump is not None and fir.plumbing.heat_pump.leaving_choice
    assert fir.plumbing.store is not None and fir.plumbing.store.phase_change is not None


def test_beech_is_heated_on_its_design_day_and_can_store_on_a_cold_one() -> None:
    plumbing = load_house("beech").plumbing
    assert plumbing.heat_pump is not None
    design_w = heat_load_w(plumbing.building, DESIGN_OUTDOOR_C, 20.0)
    assert 9_000 <= design_w <= 10_000
    assert design_w <= plumbing.emitters.design_heat_w
    # 15 of a weekday's 24 hours are off-peak: on the mean of the coldest January day they must carry the whole day.
    load_w = heat_load_w(plumbing.building, -10.0, 20.0)
    assert capacity_w(plumbing.heat_pump, -10.0, 65.0) >= load_w * 24.0 / 15.0


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda h: h["nodes"][3].update(component_id="absent"), "nodes[3].component_id: no component 'absent'"),
        (lambda h: h["components"][2].update(wire="absent"), "components[2].wire: no wire 'absent'"),
        (lambda h: h["channels"][0].update(node="absent"), "channels[0].node: no node 'absent'"),
        (lambda h: h["components"][0].update(device="absent"), "components[0].device: device 'absent' is unknown"),
        (lambda h: h["components"].append(dict(h["components"][0])), ".id: 'relay-board' is that of components[0] too"),
        (lambda h: h["nodes"].append(dict(h["nodes"][0])), ".name: 'power-meter' is that of nodes[0] too"),
        (lambda h: h["channels"].append(dict(h["channels"][0])), "is that of channels[0] too"),
        (lambda h: h["wires"].append(dict(h["wires"][0])), "wires[3].id: 'relay-bus' is that of wires[0] too"),
        (
            lambda h: h["channels"][0].update(unit="c"),
            "channels[0].unit: 'c' is wrong for telemetry PowerW, must be 'w'",
        ),
        (lambda h: h["channels"][0].update(quantity="hp_lwt_c"), "channels[0].telemetry: PowerW is in 'w', quantity"),
        (lambda h: h["channels"][0].update(quantity="warmth"), "channels[0].quantity: 'warmth' is nothing this house"),
        (lambda h: h["channels"][0].update(terminal="99"), "channels[0].terminal: '99' is no terminal of the device"),
        (
            lambda h: h["channels"][1].update(terminal="1"),
            "channels[1].terminal: '1' of component 'egauge-meter' is read",
        ),
        (lambda h: h["nodes"][1].update(boss="cloud"), "nodes[1].boss: 'cloud' is unknown"),
        (lambda h: h["nodes"][1].pop("boss"), "nodes[1].boss: missing"),
        (
            lambda h: h["nodes"][1].update(actuator="heat_pump"),
            "'heat_pump' is driven by nodes[1] too, must have exactly",
        ),
        (
            lambda h: h["nodes"][2].update(terminal="3"),
            "nodes[2].terminal: '3' of component 'relay-board' is driven by",
        ),
        (lambda h: h["nodes"][2].update(terminal="17"), "nodes[2].terminal: '17' is no terminal of the device"),
        (lambda h: h["nodes"].pop(2), "nodes: none drives 'heat_pump'"),
        (lambda h: h["nodes"][1].update(actuator="boost"), "nodes[1].actuator: 'boost' needs plumbing.boost"),
        (lambda h: h.update(timezone="America/Keene"), "timezone: 'America/Keene' is no known timezone"),
        (lambda h: h.update(tariff="absent"), "tariff: 'absent' is unknown; known: versant_a1_ets_2020"),
        (lambda h: h.update(colour="red"), "colour: no such field"),
        (lambda h: h.pop("alias"), "alias: missing"),
        (lambda h: h["plumbing"]["building"].update(loss_w_per_k=-1), "plumbing.building.loss_w_per_k: "),
        (lambda h: h["plumbing"]["building"].update(loss_w_per_k="much"), "plumbing.building.loss_w_per_k: "),
        (lambda h: h["plumbing"]["zones"][0].update(share=0.9), "plumbing.zones: shares add up to 1.3, must be 1"),
        (lambda h: h["plumbing"]["emitters"].update(design_water_c=20.0), "design_water_c: 20 must be above"),
        (lambda h: h["plumbing"].pop("heat_pump"), "plumbing: no heat_pump and no boost"),
        (lambda h: h["wires"][0].update(address="gateway"), "wires[0].address: 'gateway' must be host:port"),
        (lambda h: h["wires"][2].update(kind="gpio"), "is gpio, ds18b20 needs one_wire"),
        (lambda h: h["components"][5].update(serial="28-1"), "components[5].serial: '28-1' must be like"),
        (lambda h: h["components"][5].update(serial=h["components"][6]["serial"]), "components[6]: serial"),
    ],
)
def test_each_slip_is_named_with_its_path(change: Callable[[Document], object], wanted: str) -> None:
    problems = problems_after(change)
    assert any(wanted in problem for problem in problems), problems


def test_all_problems_come_at_once_also_when_the_schema_is_broken() -> None:
    def change(house: Document) -> None:
        house["nodes"][3]["component_id"] = "absent"
        house["channels"][0]["unit"] = "furlong"
        house["plumbing"]["building"]["loss_w_per_k"] = "much"
        house["tariff"] = "absent"
        del house["display_name"]

    problems = problems_after(change)
    for path in (
        "nodes[3].component_id",
        "channels[0].unit",
        "plumbing.building.loss_w_per_k",
        "tariff",
        "display_name",
    ):
        assert any(problem.startswith(path) for problem in problems), (path, problems)


def test_one_slip_gives_one_problem() -> None:
    assert problems_after(lambda house: house["nodes"][3].update(component_id="absent")) == [
        "nodes[3].component_id: no component 'absent'"
    ]


def test_the_leaving_setpoint_needs_a_heat_pump_that_takes_one() -> None:
    def change(house: Document) -> None:
        house["plumbing"]["heat_pump"]["leaving_choice"] = False

    assert problems_after(change, "fir") == [
        "plumbing.heat_pump.leaving_choice: must be true, a node drives 'leaving_setpoint'"
    ]


def test_a_relay_can_not_choose_a_temperature() -> None:
    def change(house: Document) -> None:
        house["nodes"][index_of(house["nodes"], "actuator", "leaving_setpoint")]["role"] = "relay"

    assert any("'relay' cannot drive 'leaving_setpoint'" in problem for problem in problems_after(change, "fir"))


def test_a_key_there_twice_is_refused() -> None:
    text = (HOUSES_FOLDER / "orange.json").read_text("utf-8")
    twice = text.replace('"timezone"', '"timezone": "UTC", "timezone"', 1)
    assert check_house(twice) == ["file: key 'timezone' is there twice in one object, must be once"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{", "line 1 column 2: no valid JSON"),
        ("[]", "file: is a JSON list, must be an object"),
        ('{"alias": NaN}', "file: no valid JSON, NaN is no JSON number"),
        ("[" * 100_000, "file: no valid JSON"),
        ("{}", "alias: missing"),
        ('{"nodes": [1, null], "plumbing": 3, "wires": {"id": []}}', "plumbing: "),
        ('{"nodes": [{"name": [], "actuator": {}}], "components": [{"device": "../x"}]}', "device '../x' is unknown"),
    ],
)
def test_a_broken_file_gives_problems_and_no_traceback(text: str, wanted: str) -> None:
    problems = check_house(text)
    assert any(wanted in problem for problem in problems), problems


def test_load_raises_with_every_problem_and_the_file(tmp_path: Path) -> None:
    changed = document()
    changed["tariff"], changed["timezone"] = "absent", "absent"
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(BadHouse) as caught:
        load_house(str(path))
    assert len(caught.value.problems) == 2
    assert str(path) in str(caught.value)


def test_an_unknown_house_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"house 'beach'.*did you mean beech"):
        load_house("beach")
    with pytest.raises(BadInput, match="no house file"):
        load_house("beech", tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        load_house("absent/house.json")


def test_a_broken_neighbour_does_not_hide_a_house(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "b.json").write_text(json.dumps(document("orange")))
    assert load_house("orange", tmp_path).short_name == "orange"
    with pytest.raises(BadHouse, match="no valid JSON"):
        load_house("broken", tmp_path)
    (tmp_path / "c.json").write_text(json.dumps(document("orange")))
    with pytest.raises(BadInput, match="2 files"):
        find_house("orange", tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "house.json"
    path.write_bytes(b'{"alias": "\xff"}')
    with pytest.raises(BadInput, match="no UTF-8"):
        load_house(str(path))


def test_known_houses() -> None:
    assert [alias.rsplit(".", 1)[-1] for alias in known_houses()] == ["beech", "fir", "orange"]
