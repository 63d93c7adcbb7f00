"""The AtomicTNode goes away for some hours: what the house does meanwhile, and what that costs.

Four ways: it stays (`online`), the house acts on the policy it carries (`policy`), on the tariff (`rule`), or goes on
doing what it was last told (`held`: the local controller is stopped, the safety filter is not).
"""

from dataclasses import dataclass
from typing import Literal

from commands.site import Site
from commands.study import STEP_S, accountant_of
from commands.virtual import VirtualHouse

Way = Literal["online", "policy", "rule", "held"]
WAYS: tuple[Way, ...] = ("online", "policy", "rule", "held")
HOUR_S = 3600.0
STORED_HEAT_COP = 2.5
"""A kWh of heat left in the house at the end is worth the run's mean price over this."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Of a run of `hours`: the AtomicTNode is away from hour `from_h` for `away_h` hours."""

    from_h: float = 6.0
    away_h: float = 12.0
    hours: float = 36.0


@dataclass(frozen=True, slots=True)
class OutageFigures:
    """What a run came to. `even_usd`: its cost less the worth of the heat that was stored over it."""

    way: Way
    cost_usd: float
    even_usd: float
    degree_hours: float
    on_peak_kwh: float
    starts: int
    stored_change_kwh: float
    on_policy_share: float
    """Of the outage: how much of it the local controller acted on a policy."""


class Watch:
    """Looks at a house every minute: what it costs, and whether it acts on a policy while the AtomicTNode is away."""

    def __init__(self, site: Site, start_s: float, way: Way, away: tuple[float, float], seed: int) -> None:
        self._away = away
        self._mode = ""
        self.away_minutes = self.policy_minutes = 0
        self.house = VirtualHouse(site, start_s, seed, sink=self._hear, policies=way == "policy")
        self.accountant = accountant_of(self.house, start_s)
        self.house.runtime.schedule(STEP_S, self._look)

    def _hear(self, at_s: float, actor: str, kind: str, text: str) -> None:
        if kind == "local":  # "HpOnStoreOff -> HpOffStoreOff (policy): policy: off, ..."
            self._mode = text.split("(", 1)[1].split(")", 1)[0]

    def _look(self) -> None:
        now_s = self.house.runtime.now()
        if self._away[0] < now_s <= self._away[1]:
            self.away_minutes += 1
            self.policy_minutes += self._mode == "policy"
        self.house.runtime.schedule(STEP_S, self._look)


def run_outage(site: Site, start_s: float, way: Way, outage: Outage, seed: int = 0) -> OutageFigures:
    """One house in virtual time. Raises BadInput when the site's series do not reach."""
    end_s = start_s + outage.hours * HOUR_S
    away_s = start_s + outage.from_h * HOUR_S
    back_s = min(away_s + outage.away_h * HOUR_S, end_s)
    site.require(start_s, end_s)
    watch = Watch(site, start_s, way, (away_s, back_s), seed)
    house = watch.house
    house.run_until(away_s)
    if way != "online":
        house.stop_atomic_tnode()
    if way == "held":
        house.runtime.stop("local-controller")
    house.run_until(back_s)
    if way == "held":
        house.runtime.start("local-controller")
    if way != "online":
        house.start_atomic_tnode()
    house.run_until(end_s)
    return _figures(site, start_s, way, outage, watch)


def _figures(site: Site, start_s: float, way: Way, outage: Outage, watch: Watch) -> OutageFigures:
    figures = watch.accountant.figures()
    hours_s = [start_s + HOUR_S * hour for hour in range(max(1, int(outage.hours)))]
    mean_usd_per_kwh = sum(site.prices.price_usd_per_mwh(hour_s) for hour_s in hours_s) / len(hours_s) / 1000.0
    worth_usd = figures.stored_heat_change_kwh * mean_usd_per_kwh / STORED_HEAT_COP
    return OutageFigures(
        way=way,
        cost_usd=figures.cost_usd,
        even_usd=round(figures.cost_usd - worth_usd, 4),
        degree_hours=figures.degree_hours_below_setpoint,
        on_peak_kwh=figures.on_peak_kwh,
        starts=watch.accountant.starts,
        stored_change_kwh=figures.stored_heat_change_kwh,
        on_policy_share=round(watch.policy_minutes / watch.away_minutes, 3) if watch.away_minutes else 0.0,
    )
