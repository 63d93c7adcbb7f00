"""The running view on the narrowest usual terminal: every temperature can be read."""

from rich.console import Console

from gw_spaceheat.views.house_view import HouseView, ZoneView, render


def test_80_columns_are_enough() -> None:
    view = HouseView(
        name="Beech",
        timezone="America/New_York",
        at_s=0.0,
        speed=1.0,
        outdoor_c=-12.5,
        zones=(ZoneView("down", 20.0, 20.0), ZoneView("up", None, 20.0)),
        buffer_c=(61.0, 60.0, 52.5, 45.0),
        store_c=tuple(70.0 - index for index in range(12)),
        tanks=3,
        heat_source_w=5600.0,
        leaving_c=61.3,
        price_now_usd_per_mwh=429.8,
        price_next_usd_per_mwh=86.7,
        commander="remote",
        contract="0d2c5d7e: 5600 W for 60 min",
        reason="slot energy remains",
        cost_usd=5.0,
        thermostat_only_cost_usd=13.0,
    )
    console = Console(width=80, record=True, file=None)
    with console.capture() as captured:
        console.print(render(view))
    text = captured.get()
    assert "…" not in text
    assert all(f"{70.0 - index:.1f}" in text for index in range(12))
    assert "saved 8.00 USD (62 %)" in text
