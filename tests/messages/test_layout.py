"""The house travels whole."""

from gw_spaceheat.house.model import Building, Channel, Component, Emitters, House, Node, Plumbing, WireSpec, Zone
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode
from gw_spaceheat.messages.layout import Layout, layout_from

HOUSE = House(
    alias="d1.test.acorn",
    display_name="Acorn",
    timezone="America/New_York",
    tariff="flat",
    plumbing=Plumbing(
        building=Building(
            loss_w_per_k=200,
            air_capacity_kwh_per_k=1.5,
            mass_capacity_kwh_per_k=8.0,
            air_mass_conductance_w_per_k=900,
        ),
        emitters=Emitters(zero_load_water_c=22, design_water_c=60, design_heat_w=9000, design_drop_k=10),
        zones=(Zone(name="down", share=1.0),),
    ),
    wires=(WireSpec(id="pins", kind="gpio", address="chip0"),),
    components=(Component(id="meter", device="egauge_4030", wire="pins"),),
    nodes=(Node(name="power-meter", role="power_meter", component_id="meter"),),
    channels=(Channel(name="hp-pwr", node="power-meter", quantity="heat_pump_w", telemetry="PowerW", unit="w"),),
)


def test_layout_round_trip() -> None:
    layout = layout_from(HOUSE, message_id="c3cd6c8d-e8d8-4875-8f7b-d3ea13c28693", now_s=1_768_478_400.0)
    header = Header(src=HOUSE.scada_alias, dst="ltn", message_type=layout.type_name)
    read = decode(encode(Envelope(header, layout))).payload
    assert isinstance(read, Layout)
    assert read == layout and read.house == HOUSE
    assert read.telemetries == {"hp-pwr": "PowerW"}
