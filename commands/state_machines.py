"""`gws state-machines`: docs/state_machines.md, drawn from the tables that run."""

from pathlib import Path

from gw_spaceheat.decisions.state_machines import MACHINES, Machine

PATH = Path(__file__).resolve().parent.parent / "docs" / "state_machines.md"
HEAD = """# State machines

Drawn from the tables in `gw_spaceheat/decisions/` by `gws state-machines`; a test holds this file equal to them. An
event without an arrow is illegal in that state: it raises `IllegalEvent` with machine, state and event.
"""


def _name(state: str) -> str:
    return state.replace(" ", "_").replace("-", "_")


def diagram(machine: Machine) -> str:
    """One machine as a mermaid diagram; events that lead the same way share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(machine.initial)}"]
    ended: list[str] = []
    for state, row in machine.table.items():
        ways: dict[str, list[str]] = {}
        for event, following in row.items():
            ways.setdefault(following.value, []).append(event.value)
            if following not in machine.table and following.value not in ended:
                ended.append(following.value)
        for target, events in ways.items():
            lines.append(f"    {_name(state.value)} --> {_name(target)} : {', '.join(events)}")
    lines += [f"    {_name(state)} --> [*]" for state in ended]
    return "\n".join([*lines, "```"])


def text() -> str:
    """The whole file."""
    parts = [HEAD]
    for machine in MACHINES:
        cells = sum(len(row) for row in machine.table.values())
        title = machine.name[0].upper() + machine.name[1:]
        count = f"{len(machine.states)} states, {len(machine.events)} events, {cells} legal cells."
        parts.append(f"## {title}\n\n{machine.text} {count}\n\n{diagram(machine)}\n")
    return "\n".join(parts)


def write_file(path: Path = PATH) -> str:
    """Write it; gives the line to print."""
    path.write_text(text(), encoding="utf-8")
    return f"{path}: {len(MACHINES)} state machines"
