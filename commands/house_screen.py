"""What the screen of a running simulated house shows: costs beside a twin's, the last events, one moment of it."""

from collections import deque
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from commands.run import Sieve
from commands.site import Site
from gw_spaceheat.errors import BadInput
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.views.house_view import HouseView, ZoneView


class Costs:
    """Cost so far of the house and of its twin, which has only thermostats; both live the same weather and prices."""

    def __init__(self, site: Site, plant: SimulatedHouse, start_s: float) -> None:
        self._site, self._plant = site, plant
        self._twin = SimulatedHouse(site.house, site.outdoor_c, start_s, Random(0), thermostat_only=True)
        self._used_kwh = [plant.electric_kwh, self._twin.electric_kwh]
        self.usd = [0.0, 0.0]

    def advance(self, now_s: float) -> None:
        self._twin.advance(now_s)
        try:
            price = self._site.prices.price_usd_per_mwh(now_s)
        except BadInput:
            return  # beyond the series: not counted
        for index, house in enumerate((self._plant, self._twin)):
            used_kwh = house.electric_kwh
            self.usd[index] += (used_kwh - self._used_kwh[index]) * price / 1000.0
            self._used_kwh[index] = used_kwh


class Told:
    """What the event log has last said about command and contract, for the view."""

    def __init__(self, timezone: str) -> None:
        self._sieve = Sieve()
        self._zone = ZoneInfo(timezone)
        self.commander, self.contract, self.reason = "local", "none", "starting"
        self.happened: deque[str] = deque(maxlen=8)

    def __call__(self, at_s: float, actor: str, kind: str, text: str) -> None:
        if actor == "scada" and kind == "authority":
            self.commander = text.partition("-> ")[2].partition(":")[0]
        elif actor == "contract-keeper" and kind == "slot":
            self.contract = text.removeprefix("started ") if text.startswith("started") else "none"
        elif actor == "local-controller":
            self.reason = text.partition("): ")[2] or text
        shown = self._sieve.kind_shown(actor, kind, text)
        if shown is not None and actor != "ear":  # counts every minute would push out what matters
            clock = datetime.fromtimestamp(at_s, self._zone).strftime("%H:%M:%S")
            said = actor if actor == shown else f"{actor} {shown}"
            self.happened.append(f"{clock} {said}: {text}"[:110])


def view_of(site: Site, plant: SimulatedHouse, now_s: float, speed: float, costs: Costs, told: Told) -> HouseView:
    """One moment of the simulated house; hold the plant's lock."""
    plumbing = site.house.plumbing
    separate = plumbing.buffer is not None
    return HouseView(
        name=site.house.display_name,
        timezone=site.house.timezone,
        at_s=now_s,
        speed=speed,
        outdoor_c=plant.quantity("outdoor_c"),
        zones=tuple(ZoneView(z.name, plant.quantity(f"zone_{z.name}_c"), z.setpoint_c) for z in plumbing.zones),
        buffer_c=tuple(plant.hub.temperature_c) if separate else (),
        store_c=tuple(plant.store.temperature_c) if plant.store is not None else (),
        tanks=plumbing.store.tanks if plumbing.store is not None else 0,
        heat_source_w=plant.heat_pump_w() + plant.boost_w(),
        leaving_c=plant.quantity("hp_lwt_c") if plumbing.heat_pump is not None else None,
        price_now_usd_per_mwh=_price(site, now_s),
        price_next_usd_per_mwh=_price(site, now_s + 3600.0),
        commander=told.commander,
        contract=told.contract,
        reason=told.reason,
        cost_usd=costs.usd[0],
        thermostat_only_cost_usd=costs.usd[1],
        happened=tuple(told.happened),
    )


def _price(site: Site, at_s: float) -> float:
    try:
        return site.prices.price_usd_per_mwh(at_s)
    except BadInput:
        return float("nan")
