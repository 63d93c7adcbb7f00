"""`gws`: the verbs of the project. A wrong input is one clear line on standard error and exit code 2."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from commands import layout as layout_command
from commands.study import study_text
from gw_spaceheat.errors import SpaceheatError

app = typer.Typer(help="Transactive control for heat pumps with thermal storage.", no_args_is_help=True)
layout_app = typer.Typer(help="House files.", no_args_is_help=True)
app.add_typer(layout_app, name="layout")


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


def main() -> None:
    """Entry point of the console command."""
    try:
        app()
    except SpaceheatError as error:
        print(f"gws: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
