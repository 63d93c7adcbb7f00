"""`gws broker-config`: a mosquitto that lets everybody speak in the own name only."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.security.broker_files import (
    TLS_PORT,
    BrokerFiles,
    acl_text,
    default_ear,
    mosquitto_text,
    rights_of,
)
from gw_spaceheat.security.certificates import Authority
from gw_spaceheat.security.private_files import PRIVATE_FILE, PUBLIC_FILE, replace_whole, write_new


def write_files(
    out: Annotated[Path, typer.Option(help="Folder for mosquitto.conf and acl.")],
    houses: Annotated[list[str], typer.Option(help="House files: --houses input_data/houses/*.json")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    ear: Annotated[list[str] | None, typer.Option(help="Alias of an ear; repeatable. Default: <world>.ear")] = None,
    port: Annotated[int, typer.Option(help="TLS port.", min=1, max=65535)] = TLS_PORT,
    plain_loopback_port: Annotated[
        int | None, typer.Option(help="Also listen without TLS on 127.0.0.1, with passwords.", min=1, max=65535)
    ] = None,
    installed_in: Annotated[Path | None, typer.Option(help="Where the files will be on the broker's machine.")] = None,
    certs: Annotated[Path | None, typer.Option(help="Authority's folder: copies what the broker needs.")] = None,
    host: Annotated[str | None, typer.Option(help="Which server certificate to copy, by its first host.")] = None,
) -> None:
    """Write mosquitto's configuration and who may do what. Written anew each time: run it when a house is added."""
    loaded = [load_house(name) for name in [*houses, *(more or [])]]
    rights = rights_of(loaded, ear or [default_ear(loaded)])
    folder = (installed_in or out).absolute().as_posix()
    if any(mark in folder for mark in "\n\r"):
        raise BadInput(f"folder {folder!r}: must be one line")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"folder {out}: {error.strerror}; it must be a folder that can be written") from error
    replace_whole(out / "acl", acl_text(rights).encode(), PUBLIC_FILE)
    text = mosquitto_text(BrokerFiles(folder, port, plain_loopback_port), len(rights))
    replace_whole(out / "mosquitto.conf", text.encode(), PUBLIC_FILE)
    if plain_loopback_port is not None and not (out / "passwords").exists():
        write_new(out / "passwords", b"")
    typer.echo(f"{len(loaded)} houses, {len(rights)} identities: {out / 'mosquitto.conf'}, {out / 'acl'}")
    for alias in sorted(rights):
        typer.echo(f"  {alias}")
    if certs is not None:
        _copy_certificates(Authority(certs), host, out)
    else:
        typer.echo(f"still needed in {folder}: ca.crt revoked.crl server.crt server.key (or --certs FOLDER)")


def _copy_certificates(authority: Authority, host: str | None, out: Path) -> None:
    """The newest valid certificate of the broker, its key, whom to trust and whom no more."""
    now_s = time.time()
    servers = [
        entry
        for entry in authority.issued
        if entry.kind == "server" and entry.state(now_s) == "valid" and host in (None, entry.name, *entry.hosts)
    ]
    if len({entry.name for entry in servers}) != 1:
        known = ", ".join(sorted({entry.name for entry in servers})) or "none"
        raise BadInput(
            f"folder {authority.folder}: server certificates that fit: {known}; must be one, name it by --host"
        )
    newest = max(servers, key=lambda entry: entry.number)
    authority.write_revocations(now_s)
    own = authority.folder / newest.name
    sources = {
        "ca.crt": (authority.certificate_path, PUBLIC_FILE),
        "revoked.crl": (authority.revocations_path, PUBLIC_FILE),
        "server.crt": (own / f"{newest.number}.crt", PUBLIC_FILE),
        "server.key": (own / f"{newest.number}.key", PRIVATE_FILE),
    }
    for name, (source, mode) in sources.items():
        try:
            data = source.read_bytes()
        except OSError as error:
            raise BadInput(f"file {source}: cannot be read ({error.strerror})") from error
        replace_whole(out / name, data, mode)
    typer.echo(f"certificate of {newest.name} number {newest.number}; server.key must be readable by mosquitto alone")
