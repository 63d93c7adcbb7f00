"""Whole houses against golden cases: tests/scenarios/*.json, each named after the complaint that caused it."""

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from actors.atomic_tnode import AtomicTNode
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions.atn_contract import MakeOffer, make_contract

FOLDER = Path(__file__).parents[1] / "scenarios"
MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
SLOT_ID = "00000000-0000-4000-8000-000000000001"


def run(case: dict[str, Any]) -> tuple[VirtualHouse, list[float], float]:
    """(the house at the end, minutes at which the actuator moved, share of the slot's energy that was used)."""
    moved_min: list[float] = []
    used: list[float] = []

    def keep(at_s: float, actor: str, kind: str, text: str) -> None:
        if (actor, kind) == ("scada", "release") and text.startswith(f"{case['actuator']} = "):
            moved_min.append((at_s - MIDNIGHT_S) / 60.0)
        if (actor, kind) == ("contract-keeper", "slot") and text.startswith("ended"):
            used.append(float(text.split(": ")[1].split()[0]))

    house = VirtualHouse(load_site(case["house"]), MIDNIGHT_S, 1, planning=False, sink=keep)
    house.plant.preset(store_c=case["store_c"], hub_c=case["hub_c"], zone_c=case.get("zone_c"))
    house.run_until(MIDNIGHT_S + 5.0)
    atn = house.runtime._addresses["atn"].actor
    assert isinstance(atn, AtomicTNode)
    slot_w = case["slot_w"]
    if slot_w is not None:
        terms = make_contract(house.site.house.scada_alias, SLOT_ID, slot_w, int(MIDNIGHT_S), case["minutes"])
        atn._decide(MakeOffer(terms))
    house.run_until(MIDNIGHT_S + 60.0 * case["minutes"] + 10.0)
    return house, moved_min, used[0] / (slot_w * case["minutes"] / 60.0) if used and slot_w else 0.0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_complaint_is_settled(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    house, moved_min, share = run(case)
    assert 0 < len(moved_min) <= case["most_moves"], moved_min
    gaps = [later - earlier for earlier, later in pairwise(m for m in moved_min if m < case["minutes"] - 1.0)]
    assert min(gaps, default=1e9) >= case.get("least_minutes_between_moves", 0.0), moved_min
    assert share >= case.get("least_share_of_slot", 0.0)
    if "at_the_end" in case:
        assert house.plant.actuator(case["actuator"]) is case["at_the_end"]
