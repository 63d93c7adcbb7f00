"""`gws`: the verbs of the project. A wrong input is one clear line on standard error and exit code 2."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands import broker_config, certs
from commands import dispatch as dispatch_command
from commands import history as history_command
from commands import layout as layout_command
from commands import ledger as ledger_command
from commands import opt_out as opt_out_command
from commands import replay as replay_command
from commands.comparison import WAYS, WEEKS, comparison_text
from commands.fit import fit_text
from commands.outage import WAYS as OUTAGE_WAYS
from commands.outage_study import outage_text
from commands.plan import Wishes, plan_file, run_stream, schema_text
from commands.state_machines import write_file
from commands.study import study_text
from gw_spaceheat.errors import BadInput, SpaceheatError

app = typer.Typer(help="Transactive control for heat pumps with thermal storage.", no_args_is_help=True)
layout_app = typer.Typer(help="House files.", no_args_is_help=True)
app.add_typer(layout_app, name="layout")
ledger_app = typer.Typer(help="Ledgers of slot contracts.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")
app.add_typer(certs.app, name="certs")
app.command("broker-config")(broker_config.write_files)


@app.command()
def study(
    house: Annotated[str, typer.Option(help="Alias, its last word, or a house file.")] = "beech",
    days: Annotated[float, typer.Option(help="Simulated days.")] = 1.0,
    series: Annotated[Path | None, typer.Option(help="Hourly file with weather and prices.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    start: Annotated[str | None, typer.Option(help="Start, ISO time with offset.")] = None,
    planner: Annotated[bool, typer.Option(help="Off: the SCADA's own tariff controller runs the house.")] = True,
    memory: Annotated[
        Path | None, typer.Option(help="Write what the AtomicTNode knew and decided (gws replay).")
    ] = None,
    parameters: Annotated[Path | None, typer.Option(help="What gws fit wrote, for the AtomicTNode.")] = None,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Run house and AtomicTNode in virtual time and report cost, comfort and speed."""
    typer.echo(study_text(house, days, series, seed, start, planner, memory, json, parameters))


@app.command()
def compare(
    series: Annotated[Path, typer.Option(help="Hourly file with weather and prices.")],
    house: Annotated[str, typer.Option(help="Alias, its last word, or a house file.")] = "beech",
    weeks: Annotated[str, typer.Option(help="First days, with commas.")] = ",".join(WEEKS),
    days: Annotated[float, typer.Option(help="Days of each.")] = 7.0,
    ways: Annotated[str, typer.Option(help="Ways to run the house, with commas.")] = ",".join(WAYS),
    seed: Annotated[int, typer.Option(help="Same seed, same figures.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    json: Annotated[bool, typer.Option(help="Print one JSON line per run.")] = False,
) -> None:
    """Thermostat, time-of-use rule, planner with wrong beliefs, perfect foresight: the same weeks, two tariffs."""
    typer.echo(comparison_text(house, series, weeks, days, ways, seed, workers, json))


@app.command()
def outage(
    out: Annotated[Path, typer.Option(help="File of results (JSON lines); what it holds is not run again.")],
    house: Annotated[str, typer.Option(help="Alias, its last word, or a house file.")] = "beech",
    series: Annotated[Path | None, typer.Option(help="Hourly file with weather and prices.")] = None,
    tariff: Annotated[str, typer.Option(help="time-of-use, or hourly (of the series).")] = "time-of-use",
    seeds: Annotated[int, typer.Option(help="How many; each draws day, hour and length of its outage.")] = 30,
    ways: Annotated[str, typer.Option(help="Ways to get through it, with commas.")] = ",".join(OUTAGE_WAYS),
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    json: Annotated[bool, typer.Option(help="Print one JSON line per run.")] = False,
) -> None:
    """The AtomicTNode away for 1 to 48 hours: online, on the policy, on the tariff rule, on the last command."""
    typer.echo(outage_text(house, series, tariff, seeds, ways, workers, out, json))


@app.command()
def plan(
    case: Annotated[str | None, typer.Argument(help="Case file (JSON), or - for one case per line on stdin.")] = None,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (PNG) of the plan.")] = None,
    bound: Annotated[bool, typer.Option(help="Also compute the lower bound (needs HiGHS; takes longer).")] = True,
    parameters: Annotated[Path | None, typer.Option(help="What gws fit wrote, for cases that name its house.")] = None,
    compiled: Annotated[bool, typer.Option("--compiled", help="Compute with Numba (extra cloud): sooner.")] = False,
    workers: Annotated[int, typer.Option(help="Processes for a stream of cases.")] = 1,
    schema: Annotated[bool, typer.Option(help="Print the JSON Schemas of case and plan.")] = False,
) -> None:
    """Forecast, prices and a house's state in; when to buy electricity, what it costs and why, out."""
    wishes = Wishes(bound, compiled, parameters, workers)
    if schema:
        typer.echo(schema_text())
    elif case == "-":
        if plot is not None:
            raise BadInput(f"plot {plot}: a stream of cases has no picture, give a case file")
        raise typer.Exit(run_stream(wishes))
    elif case is None:
        raise BadInput("plan: which case? Give a file, or - for one case per line on standard input")
    elif workers != 1:
        raise BadInput(f"workers {workers}: one case is planned by one process; they are for a stream (gws plan -)")
    else:
        typer.echo(plan_file(Path(case), json, plot, wishes))


@app.command()
def fit(
    house: Annotated[str, typer.Option(help="Alias, its last word, or a house file.")] = "beech",
    history: Annotated[Path | None, typer.Option(help="Message store of an AtomicTNode or ear.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Readings: time_utc and channels, C, W, l/min.")] = None,
    simulated_days: Annotated[float | None, typer.Option(help="Days of the simulated house instead.")] = None,
    start: Annotated[str | None, typer.Option(help="Start of the simulated days, ISO time with offset.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the simulated instruments' errors.")] = 0,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the planner's parameters (JSON).")] = None,
) -> None:
    """History in; load line, water temperatures, thermal mass, losses and COP with their errors out."""
    typer.echo(fit_text(house, history, csv, simulated_days, start, seed, json, out))


@app.command()
def history(
    channel: Annotated[str, typer.Option(help="Name of a channel of the house.")],
    house: Annotated[str | None, typer.Option(help="Alias or its last word; else that of the settings.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Day or ISO time; else a day before --to.")] = None,
    to: Annotated[str | None, typer.Option(help="Day or ISO time; else now.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (PNG).")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write Parquet.")] = None,
) -> None:
    """What an ear stored of one channel, from its SQLite file or PostgreSQL (GWS_EAR_DATABASE_URL)."""
    typer.echo(history_command.run_history(house, channel, from_, to, csv, plot, parquet))


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(help="File: .parquet or .csv; else as lines to GWS_EAR_LINES_URL.")
    ] = None,
    house: Annotated[str | None, typer.Option(help="Alias or its last word; else that of the settings.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="Of these channels only.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Day or ISO time; else from the first.")] = None,
    to: Annotated[str | None, typer.Option(help="Day or ISO time; else to the last.")] = None,
) -> None:
    """All that an ear stored of a house, one row per reading, however much it is."""
    typer.echo(history_command.run_export(house, channel or (), from_, to, out))


@app.command()
def replay(
    at: Annotated[str, typer.Option(help="Day or ISO time; without an offset the house's own.")],
    house: Annotated[str | None, typer.Option(help="Alias or its last word; else that of the settings.")] = None,
    memory: Annotated[Path | None, typer.Option(help="Memory of an AtomicTNode; else that of run_atn.py.")] = None,
    simulated: Annotated[bool, typer.Option(help="The AtomicTNode of a simulated house.")] = False,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Make a remembered plan, bid and offer once more. Exit code 0: the same, 1: another answer, 2: wrong input."""
    text, code = replay_command.run_replay(house, at, memory, simulated, json)
    typer.echo(text)
    raise typer.Exit(code)


@layout_app.command()
def check(file: str) -> None:
    """Every error of a house file at once."""
    raise typer.Exit(layout_command.run_check(file))


@layout_app.command()
def show(file: str) -> None:
    """A house as a person reads it."""
    raise typer.Exit(layout_command.run_show(file))


@ledger_app.callback()
def ledger() -> None:
    """Ledgers of slot contracts."""


@ledger_app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="ledger.jsonl of one party, or of both.")],
    key: Annotated[list[str] | None, typer.Option(help="PARTY=FILE: public key of ltn or s (ledger.pub).")] = None,
    partial: Annotated[bool, typer.Option(help="Older files were put away: begin in the middle.")] = False,
) -> None:
    """Name party and beat of the first fault. Exit code 0: sound, 1: a fault, 2: wrong input."""
    raise typer.Exit(ledger_command.run_verify(files, key or (), partial))


@app.command()
def optout(
    wish: Annotated[str, typer.Argument(help="on, off or status.")],
    house: Annotated[str | None, typer.Option(help="Alias or its last word; else that of the settings.")] = None,
    simulated: Annotated[bool, typer.Option(help="The simulated house of run_local.py --simulate.")] = False,
) -> None:
    """The homeowner takes no part (on) or takes part again (off). Works offline; the SCADA follows within 5 s."""
    typer.echo(opt_out_command.run_opt_out(wish, house, simulated))


@app.command()
def dispatch(
    node: Annotated[str, typer.Argument(help="Node of an actuator, such as relay-heat-pump.")],
    value: Annotated[str, typer.Argument(help="on, off, or C for a leaving temperature.")],
    minutes: Annotated[float, typer.Option(help="To hold so long, at most 60.")] = 5.0,
    house: Annotated[str | None, typer.Option(help="Alias or its last word; else that of the settings.")] = None,
    simulated: Annotated[bool, typer.Option(help="The simulated house of run_local.py --simulate.")] = False,
) -> None:
    """An order to the running AtomicTNode: dispatch one actuator of its house, within its contract."""
    typer.echo(dispatch_command.run_dispatch(node, value, minutes, house, simulated))


@app.command()
def state_machines() -> None:
    """Draw the state machines anew from their tables: docs/state_machines.md."""
    typer.echo(write_file())


def main() -> None:
    """Entry point of the console command."""
    try:
        app()
    except SpaceheatError as error:
        print(f"gws: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
