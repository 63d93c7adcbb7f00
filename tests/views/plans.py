"""A small plan for the tests of views."""

from gw_spaceheat.planning.plan import Plan, PlanStep

START_S = 1768885200.0
"""2026-01-20 00:00 in New York."""


def small_plan(steps: int = 8, minutes: int = 15, unmet: bool = False) -> Plan:
    """Runs the first half, draws on the store the second."""
    made = tuple(
        PlanStep(
            start_s=START_S + 60.0 * minutes * index,
            minutes=minutes,
            hp_electric_kwh=1.0 if index < steps // 2 else 0.0,
            hp_heat_kwh=3.0 if index < steps // 2 else 0.0,
            store_heat_kwh=1.0 if index < steps // 2 else -2.0,
            store_energy_kwh=20.0 + index,
            store_top_c=55.0,
            price_usd_per_mwh=100.0 if index < steps // 2 else 500.0,
            cost_usd=0.1 if index < steps // 2 else 0.0,
            reason="charge_while_cheap" if index < steps // 2 else "discharge_while_dear",
            unmet=("heat_unserved_kwh=0.50",) if unmet and index == 0 else (),
            house_heat_kwh=2.0,
            unserved_kwh=0.5 if unmet and index == 0 else 0.0,
        )
        for index in range(steps)
    )
    return Plan(made, 0.4, 0.2, 0.08, unmet=("heat_unserved_kwh=0.50",) if unmet else (), start_store_energy_kwh=19.0)
