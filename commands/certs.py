"""`gws certs`: an authority of our own, one certificate for each device and broker, revocation and rotation."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gw_spaceheat.security.certificates import (
    CA_DAYS,
    DAY_S,
    DEVICE_DAYS,
    OVERLAP_DAYS,
    Authority,
    IssuedFiles,
)

app = typer.Typer(help="Certificates of devices and brokers. Keys: EC P-256, mode 600.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Where the authority is; mode 700. Keep it off brokers and houses.")]
Days = Annotated[int, typer.Option(help="Validity, days.")]
SOON_DAYS = 60


@app.command()
def ca(
    folder: Folder,
    name: Annotated[str, typer.Option(help="The authority's name.")] = "GridWorks space heat",
    days: Days = CA_DAYS,
) -> None:
    """Make a certificate authority; never over an old one."""
    authority = Authority.create(folder, name, days, time.time())
    typer.echo(f"authority {name!r} valid until {_date(authority.until_s)}: {authority.certificate_path}")
    typer.echo(f"brokers refuse what is in {authority.revocations_path}")


@app.command()
def device(
    aliases: Annotated[list[str], typer.Argument(help="Aliases: each is the identity of one device on the link.")],
    folder: Folder,
    days: Days = DEVICE_DAYS,
) -> None:
    """Issue each device its certificate and key."""
    authority = Authority(folder)
    for alias in aliases:
        _say(authority.issue_client(alias, days, time.time()), authority)


@app.command()
def server(
    host: Annotated[list[str], typer.Option(help="Name or address by which clients reach the broker; repeatable.")],
    folder: Folder,
    days: Days = DEVICE_DAYS,
) -> None:
    """Issue a broker its certificate and key."""
    authority = Authority(folder)
    _say(authority.issue_server(host, days, time.time()), authority)


@app.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Alias of a device, or first host of a broker.")],
    folder: Folder,
    overlap_days: Annotated[float, typer.Option(help="The old one is valid for so long.")] = OVERLAP_DAYS,
    days: Days = DEVICE_DAYS,
) -> None:
    """New key and certificate; the old ones are revoked when the overlap is over."""
    authority, now_s = Authority(folder), time.time()
    _say(authority.rotate(name, overlap_days, days, now_s), authority)
    ends = _date(now_s + overlap_days * DAY_S)
    typer.echo(f"the old one is revoked on {ends}: `gws certs crl` has to run then, and the broker to read its list")


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Alias or first host.")], folder: Folder) -> None:
    """Revoke every valid certificate of a name, at once."""
    authority = Authority(folder)
    for entry in authority.revoke(name, time.time()):
        typer.echo(f"revoked {entry.name} number {entry.number}, serial {entry.serial}")
    typer.echo(f"copy {authority.revocations_path} to the broker and restart it: that also ends open connections")


@app.command()
def crl(folder: Folder) -> None:
    """Write the list of revocations anew, with what has come due; for a daily timer."""
    authority = Authority(folder)
    typer.echo(f"{authority.write_revocations(time.time())} revoked: {authority.revocations_path}")


@app.command("list")
def show(folder: Folder) -> None:
    """What was issued, and how long it lasts."""
    authority, now_s = Authority(folder), time.time()
    typer.echo(f"authority valid until {_date(authority.until_s)}")
    for entry in sorted(authority.issued, key=lambda entry: (entry.name, entry.number)):
        state = entry.state(now_s)
        left_days = (entry.until_s - now_s) / DAY_S
        note = f"  ROTATE SOON, {left_days:.0f} days left" if state == "valid" and left_days < SOON_DAYS else ""
        if state == "ending" and entry.revoke_at_s is not None:
            note = f"  revoked on {_date(entry.revoke_at_s)}"
        where = f"  {','.join(entry.hosts)}" if entry.hosts else ""
        typer.echo(f"{entry.name} {entry.number}  {entry.kind}  {state}  until {_date(entry.until_s)}{note}{where}")


def _date(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")


def _say(files: IssuedFiles, authority: Authority) -> None:
    entry = files.issued
    typer.echo(f"{entry.kind} {entry.name} number {entry.number}, valid until {_date(entry.until_s)}, EC P-256")
    if entry.kind == "client":
        typer.echo(f"  GWS_CLOUD__TLS__CA_PATH={authority.certificate_path}")
        typer.echo(f"  GWS_CLOUD__TLS__CERTIFICATE_PATH={files.certificate_path}")
        typer.echo(f"  GWS_CLOUD__TLS__KEY_PATH={files.key_path}")
    else:
        typer.echo(f"  certificate {files.certificate_path}, key {files.key_path}")
