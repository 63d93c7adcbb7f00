"""`gws`: the verbs of the project. A wrong input is one clear line on standard error and exit code 2."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands import broker_config, certs
from commands import layout as layout_command
from commands import ledger as ledger_command
from commands import opt_out as opt_out_command
from commands.study import study_text
from gw_spaceheat.errors import SpaceheatError

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
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Run house and AtomicTNode in virtual time and report cost, comfort and speed."""
    typer.echo(study_text(house, days, series, seed, start, planner, json))


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


def main() -> None:
    """Entry point of the console command."""
    try:
        app()
    except SpaceheatError as error:
        print(f"gws: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
