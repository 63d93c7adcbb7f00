"""`gws replay`: what an AtomicTNode knew and decided at a moment, and whether the same comes out once more."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from commands.moments import moment_of
from gw_spaceheat.decisions.offer import facts_of_document, offered_w
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.messages.contract import SlowDispatchContract
from gw_spaceheat.messages.market import LatestPrice
from gw_spaceheat.planning.documents.case_document import bid_document
from gw_spaceheat.planning.replay import bid_again, differences, made_with, plan_document, solved_again
from gw_spaceheat.planning.solve import Solution
from gw_spaceheat.settings import load_settings
from gw_spaceheat.storage.atn_memory import FILE_NAME, Kind, Memory, MemoryFile

SAME, DIFFERS = 0, 1
MOST_SHOWN = 20
HEARD: tuple[Kind, ...] = ("forecast", "prices", "price")


@dataclass(slots=True)
class Decision:
    """One decision made once more. `differs` is empty if the same came out; `missing`: why it could not be made."""

    made: Memory
    said: str
    again: object = None
    differs: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def verdict(self) -> str:
        if self.missing:
            return f"NOT REPLAYED: {self.missing}"
        return f"DIFFERS in {len(self.differs)} values" if self.differs else "the same again"

    @property
    def sound(self) -> bool:
        return not self.differs and not self.missing


def run_replay(house: str | None, at: str, memory: Path | None, simulated: bool, as_json: bool) -> tuple[str, int]:
    """What to print and the exit code. Raises BadInput or StorageError."""
    settings = load_settings()
    loaded = load_house(house or settings.house, settings.houses_folder, settings.input_data_folder)
    at_s = moment_of("at", at, ZoneInfo(loaded.timezone)).timestamp()
    folder = settings.data_folder / "simulated" if simulated else settings.data_folder
    file = MemoryFile(memory or folder / f"{loaded.short_name}-atn" / FILE_NAME)
    try:
        heard = [known for kind in HEARD if (known := file.latest(kind, at_s)) is not None]
        decisions = _decisions(file, loaded.atn_alias, at_s)
        outcome = file.latest("contract", at_s)
    finally:
        file.close()
    sound = all(decision.sound for decision in decisions)
    text = _as_json(at_s, heard, decisions) if as_json else _as_text(file.path, at_s, heard, decisions, outcome)
    return text, SAME if sound else DIFFERS


def _decisions(file: MemoryFile, atn_alias: str, at_s: float) -> list[Decision]:
    """Plan, bid and offer in force at a moment, each made once more."""
    plan = file.latest("plan", at_s)
    if plan is None or plan.source != atn_alias:
        raise BadInput(_nothing(file, atn_alias, at_s, plan))
    replayer = _Replayer(file)
    found = [replayer.plan(plan)]
    for kind, replay in (("bid", replayer.bid), ("offer", replayer.offer)):
        made = file.latest("bid" if kind == "bid" else "offer", at_s)
        if made is not None:
            found.append(replay(made))
    return found


def _nothing(file: MemoryFile, atn_alias: str, at_s: float, other: Memory | None) -> str:
    if other is not None:
        return f"{file.path}: is the memory of {other.source}, not of {atn_alias}"
    span = file.span()
    kept = "there is none at all" if span is None else f"kept are those from {utc_text(span[0])} to {utc_text(span[1])}"
    return f"{file.path}: no plan before {utc_text(at_s)}; {kept}"


class _Replayer:
    """Bids and offers rest on plans: each is solved once."""

    def __init__(self, file: MemoryFile) -> None:
        self._file = file
        self._solutions: dict[int, Solution] = {}

    def plan(self, made: Memory) -> Decision:
        plan = made.body.get("plan")
        steps = plan.get("steps") if isinstance(plan, dict) else None
        cost = plan.get("total_cost_usd") if isinstance(plan, dict) else None
        count = len(steps) if isinstance(steps, list) else 0
        bases = [(kind, self._rests_on(made, kind)) for kind in ("prices", "forecast")]
        upon = ", ".join(f"{kind} of {utc_text(basis.known_s)}" for kind, basis in bases if basis is not None)
        again = plan_document(self._solution(made).plan)
        said = f"{count} steps, {cost} USD, upon {upon or 'what is not kept any more'}"
        return Decision(made, said, again, differences(plan, again))

    def bid(self, made: Memory) -> Decision:
        said = f"for the slot from {utc_text(made.from_s)}"
        plan = self._rests_on(made, "plan")
        if plan is None:
            return Decision(made, said, missing="its plan is not kept any more")
        bid, bought = bid_again(self._solution(plan), (made.from_s, made.to_s))
        again = {"bid": bid_document(bid), "plan": plan_document(bought.plan)}
        # Through JSON, as it was stored: there tuples are lists.
        again = json.loads(json.dumps(again))
        return Decision(made, f"{said}, {len(bid.points)} points", again, differences(_decided(made), again))

    def offer(self, made: Memory) -> Decision:
        contract = SlowDispatchContract.model_validate(made.body.get("contract"))
        facts = facts_of_document(made.body.get("facts"))
        said = f"{contract.avg_power_watts} W from {utc_text(contract.start_s)}, contract {contract.contract_id[:8]}"
        wanted_w = self._wanted_w(made, contract)
        if wanted_w is None:
            return Decision(made, said, missing="the plan or bid it rests on is not kept any more")
        before = {"wanted_w": facts.wanted_w, "avg_power_watts": contract.avg_power_watts}
        again = {"wanted_w": wanted_w, "avg_power_watts": round(offered_w(facts))}
        return Decision(made, said, again, differences(before, again))

    def _wanted_w(self, made: Memory, contract: SlowDispatchContract) -> float | None:
        """What the market sold for the slot, or would have at the forecast price; without a bid the plan's own."""
        bid = self._rests_on(made, "bid")
        if bid is None:
            plan = self._rests_on(made, "plan")
            return None if plan is None else self._planned_w(made, plan, contract)
        plan = self._rests_on(bid, "plan")
        if plan is None or bid.from_s != contract.start_s:
            return None
        again, _ = bid_again(self._solution(plan), (bid.from_s, bid.to_s))
        price = self._rests_on(made, "price")
        if price is None or price.from_s != contract.start_s:
            return 1000.0 * again.average_kw(again.forecast_usd_per_mwh)
        return 1000.0 * again.average_kw(LatestPrice.model_validate(price.body).usd_per_mwh)

    def _planned_w(self, made: Memory, plan: Memory, contract: SlowDispatchContract) -> float:
        solution = self._solution(plan)
        # A bid made after the plan has put the slot it bought into it.
        bid = self._file.latest("bid", made.known_s)
        if bid is not None and bid.known_s > plan.known_s:
            _, solution = bid_again(solution, (bid.from_s, bid.to_s))
        return solution.plan.average_w(contract.start_s, contract.end_s)

    def _rests_on(self, made: Memory, kind: str) -> Memory | None:
        rows = made.body.get("rests_on")
        row = rows.get(kind) if isinstance(rows, dict) else None
        return self._file.memory(row) if isinstance(row, int) else None

    def _solution(self, made: Memory) -> Solution:
        if made.row not in self._solutions:
            self._solutions[made.row] = solved_again(made.body, made.shared or {})
        return self._solutions[made.row]


def _decided(made: Memory) -> dict[str, object]:
    return {name: value for name, value in made.body.items() if name != "rests_on"}


def _as_text(
    path: Path, at_s: float, heard: list[Memory], decisions: list[Decision], outcome: Memory | None
) -> str:  # fmt: skip
    lines = [f"{utc_text(at_s)} in {path}", "known at that time:"]
    for known in heard:
        about = f"of {utc_text(known.from_s)} to {utc_text(known.to_s)}"
        lines.append(f"  {known.kind:9s} since {utc_text(known.known_s)} from {known.source}, {about}")
    plan = decisions[0].made
    readings = plan.body.get("readings")
    if isinstance(readings, dict) and readings:
        oldest_s = plan.known_s - min(float(at) for _, at in readings.values())
        lines.append(
            f"  readings  {len(readings)} of the house, the oldest {oldest_s:.0f} s old when the plan was made"
        )
    lines.append("in force at that time:")
    for decision in decisions:
        made = decision.made
        lines.append(f"  {made.kind:9s} {utc_text(made.known_s)} {decision.said}: {decision.verdict}")
        lines += [f"    {text}" for text in decision.differs[:MOST_SHOWN]]
        if len(decision.differs) > MOST_SHOWN:
            lines.append(f"    and {len(decision.differs) - MOST_SHOWN} more")
    if outcome is not None:
        told = ", ".join(f"{name} {value}" for name, value in outcome.body.items() if value)
        lines.append(f"  contract  {utc_text(outcome.known_s)} from {outcome.source}: {told}")
    before, now = plan.body.get("made_with"), made_with()
    if before != now:
        lines.append(f"made with {before}, replayed with {now}")
    return "\n".join(lines)


def _as_json(at_s: float, heard: list[Memory], decisions: list[Decision]) -> str:
    return json.dumps(
        {
            "at_utc": utc_text(at_s),
            "known": {
                known.kind: {"since_utc": utc_text(known.known_s), "source": known.source, "said": known.body}
                for known in heard
            },
            "decided": {
                decision.made.kind: {
                    "made_utc": utc_text(decision.made.known_s),
                    "same": decision.sound,
                    "differences": decision.differs,
                    "missing": decision.missing,
                    "before": _decided(decision.made),
                    "again": decision.again,
                }
                for decision in decisions
            },
        },
        indent=2,
    )
