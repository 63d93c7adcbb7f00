"""A certificate authority of our own: one key for each device, its name in the certificate, revocation, rotation.

    FOLDER/ca/ca.key        the authority's key: whoever has it can be anybody; keep it off every broker and house
    FOLDER/ca/ca.crt        what brokers and devices trust
    FOLDER/ca/revoked.crl   what brokers must refuse
    FOLDER/ca/issued.json   what was issued, and when it ends
    FOLDER/<name>/<number>.crt, .key    one device's; the number grows with each rotation

Keys are EC P-256. The common name of a client is its alias, which a broker takes as its user name.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.security.private_files import (
    PUBLIC_FILE,
    private_folder,
    replace_whole,
    require_private,
    write_new,
)

CA_DAYS, DEVICE_DAYS, OVERLAP_DAYS, MOST_DAYS = 7300, 730, 14, 36500
DAY_S = 86400.0
# A Raspberry Pi has no clock of its own and may be a little behind when it first connects.
BACKDATED_S = 3600.0
LONGEST_NAME = 64  # X.509's limit of a common name
ALIAS = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+")
HOST_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
Kind = Literal["client", "server"]
State = Literal["valid", "ending", "revoked", "expired"]


class Issued(BaseModel):
    """One certificate. `revoke_at_s`: when it is revoked, which may lie ahead; None = never. Times are epoch s."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    kind: Kind
    number: int
    serial: str  # hexadecimal
    hosts: list[str]
    from_s: float
    until_s: float
    revoke_at_s: float | None = None

    def state(self, now_s: float) -> State:
        if self.revoke_at_s is not None and self.revoke_at_s <= now_s:
            return "revoked"
        if self.until_s <= now_s:
            return "expired"
        return "valid" if self.revoke_at_s is None else "ending"


_ISSUED = TypeAdapter(list[Issued])


@dataclass(frozen=True, slots=True)
class IssuedFiles:
    """Where a new certificate and its key are, and what it is."""

    issued: Issued
    certificate_path: Path
    key_path: Path


class Authority:
    """The authority in one folder. Every change is on disk when its call returns."""

    def __init__(self, folder: Path) -> None:
        """Open an authority. Raises BadInput when there is none, or when its files are damaged or open to others."""
        self.folder = folder
        self.certificate_path = folder / "ca" / "ca.crt"
        self.revocations_path = folder / "ca" / "revoked.crl"
        self._key_path, self._index_path = folder / "ca" / "ca.key", folder / "ca" / "issued.json"
        if not self._key_path.exists():
            raise BadInput(
                f"folder {folder}: holds no certificate authority; make one with: gws certs ca --folder {folder}"
            )
        for path in (folder, folder / "ca", self._key_path):
            require_private(path, "folder" if path.is_dir() else "key")
        try:
            key = serialization.load_pem_private_key(self._key_path.read_bytes(), None)
            self._certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())
            self.issued = _ISSUED.validate_json(self._index_path.read_bytes())
        except (OSError, ValueError, TypeError, ValidationError) as error:
            first = str(error).splitlines()[0]
            raise BadInput(f"folder {folder}: its certificate authority cannot be read ({first})") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise BadInput(f"key {self._key_path}: must be an elliptic-curve key")
        self._key = key

    @classmethod
    def create(cls, folder: Path, name: str, days: int, now_s: float) -> "Authority":
        """A new authority; never over an old one."""
        _require_days(days)
        if not 0 < len(name) <= LONGEST_NAME:
            raise BadInput(f"authority {name!r}: its name must have 1 to {LONGEST_NAME} characters")
        ca = private_folder(private_folder(folder) / "ca")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = (
            _builder(subject, subject, key.public_key(), now_s, now_s + days * DAY_S, x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        certificate = builder.sign(key, hashes.SHA256())
        write_new(ca / "ca.key", _key_bytes(key))
        write_new(ca / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM), PUBLIC_FILE)
        write_new(ca / "issued.json", b"[]\n")
        authority = cls(folder)
        authority.write_revocations(now_s)
        return authority

    @property
    def until_s(self) -> float:
        """When the authority's own certificate ends, and with it all that it issued."""
        return self._certificate.not_valid_after_utc.timestamp()

    def issue_client(self, alias: str, days: int, now_s: float) -> IssuedFiles:
        """A device's first certificate. Raises BadInput when it has one: then rotate."""
        if ALIAS.fullmatch(alias) is None or len(alias) > LONGEST_NAME:
            rule = f"must be small letters and digits in at least two parts with dots between, at most {LONGEST_NAME}"
            raise BadInput(f"device {alias!r}: {rule}")
        return self._issue_first(alias, "client", [], days, now_s)

    def issue_server(self, hosts: Sequence[str], days: int, now_s: float) -> IssuedFiles:
        """A broker's first certificate, for the names and addresses by which clients reach it."""
        if not hosts:
            raise BadInput("server: at least one host must be given")
        for host in hosts:
            if HOST_NAME.fullmatch(host) is None and _address(host) is None:
                raise BadInput(f"host {host!r}: must be a host name in small letters or an IP address")
        name = hosts[0].replace(":", "-")
        if name == "ca":
            raise BadInput("host 'ca': is the authority's own folder; give the broker's full host name first")
        return self._issue_first(name, "server", list(hosts), days, now_s)

    def rotate(self, name: str, overlap_days: float, days: int, now_s: float) -> IssuedFiles:
        """A new key and certificate; the old ones are valid for `overlap_days` more, then they are revoked."""
        if not 0.0 <= overlap_days <= DEVICE_DAYS:
            raise BadInput(f"overlap of {overlap_days:g} days: must be 0 to {DEVICE_DAYS}")
        live = self._live(name, now_s)
        revoke_at_s = now_s + overlap_days * DAY_S
        fresh = self._issue(name, live[-1].kind, live[-1].hosts, days, now_s, replaces=live, revoke_at_s=revoke_at_s)
        self.write_revocations(now_s)
        return fresh

    def revoke(self, name: str, now_s: float) -> list[Issued]:
        """Revoke at once every certificate of a name that is still valid, and write the list of revocations."""
        live = self._live(name, now_s)
        self._save(self._ending(live, now_s))
        self.write_revocations(now_s)
        return live

    def write_revocations(self, now_s: float) -> int:
        """Write the list anew, with what has come due meanwhile; returns how many it holds.

        It is valid as long as the authority: one that ran out would lock out every house.
        """
        due = [entry for entry in self.issued if entry.revoke_at_s is not None and entry.revoke_at_s <= now_s]
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(_moment(now_s - BACKDATED_S))
            .next_update(self._certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(int(now_s * 1000.0)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for entry in due:
            revoked = x509.RevokedCertificateBuilder().serial_number(int(entry.serial, 16))
            builder = builder.add_revoked_certificate(
                revoked.revocation_date(_moment(entry.revoke_at_s or 0.0)).build()
            )
        data = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        replace_whole(self.revocations_path, data, PUBLIC_FILE)
        return len(due)

    def _live(self, name: str, now_s: float) -> list[Issued]:
        live = [entry for entry in self.issued if entry.name == name and entry.state(now_s) in ("valid", "ending")]
        if not live:
            known = ", ".join(sorted({entry.name for entry in self.issued})) or "none"
            raise BadInput(f"certificate {name!r}: none that is valid; issued so far: {known}")
        return live

    @staticmethod
    def _sooner(entry: Issued, revoke_at_s: float) -> Issued:
        at_s = revoke_at_s if entry.revoke_at_s is None else min(entry.revoke_at_s, revoke_at_s)
        return entry.model_copy(update={"revoke_at_s": at_s})

    def _ending(self, live: Sequence[Issued], revoke_at_s: float) -> list[Issued]:
        ending = {entry.serial for entry in live}
        return [self._sooner(entry, revoke_at_s) if entry.serial in ending else entry for entry in self.issued]

    def _issue_first(self, name: str, kind: Kind, hosts: list[str], days: int, now_s: float) -> IssuedFiles:
        if any(entry.name == name and entry.state(now_s) in ("valid", "ending") for entry in self.issued):
            raise BadInput(f"certificate {name!r}: there is a valid one; use: gws certs rotate {name}")
        return self._issue(name, kind, hosts, days, now_s)

    def _issue(
        self, name: str, kind: Kind, hosts: list[str], days: int, now_s: float,
        replaces: Sequence[Issued] = (), revoke_at_s: float = 0.0,
    ) -> IssuedFiles:  # fmt: skip
        _require_days(days)
        until_s = now_s + days * DAY_S
        if until_s > self.until_s:
            ends = _moment(self.until_s).date()
            raise BadInput(
                f"certificate {name!r}: {days} days are more than its authority has left, which ends on {ends}"
            )
        serial = x509.random_serial_number()
        number = 1 + max((entry.number for entry in self.issued if entry.name == name), default=0)
        entry = Issued(
            name=name, kind=kind, number=number, serial=f"{serial:x}", hosts=hosts,
            from_s=now_s - BACKDATED_S, until_s=until_s,
        )  # fmt: skip
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(entry, serial, key, now_s)
        own = private_folder(self.folder / name)
        files = IssuedFiles(entry, own / f"{number}.crt", own / f"{number}.key")
        # Listed first: a power cut leaves at worst an entry without files, never a certificate that nobody can revoke.
        self._save([*self._ending(replaces, revoke_at_s), entry])
        write_new(files.key_path, _key_bytes(key))
        write_new(files.certificate_path, certificate.public_bytes(serialization.Encoding.PEM), PUBLIC_FILE)
        return files

    def _sign(self, entry: Issued, serial: int, key: ec.EllipticCurvePrivateKey, now_s: float) -> x509.Certificate:
        client = entry.kind == "client"
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(_name(entry.name), self._certificate.subject, key.public_key(), now_s, entry.until_s, serial)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        if not client:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(entry.hosts)), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _save(self, issued: list[Issued]) -> None:
        replace_whole(self._index_path, _ISSUED.dump_json(issued, indent=1) + b"\n")
        self.issued = issued


def _require_days(days: int) -> None:
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"validity of {days} days: must be 1 to {MOST_DAYS}")


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _alternatives(hosts: Sequence[str]) -> list[x509.GeneralName]:
    addresses = {host: _address(host) for host in hosts}
    return [x509.IPAddress(ip) if ip is not None else x509.DNSName(host) for host, ip in addresses.items()]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_s: float, until_s: float, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_moment(now_s - BACKDATED_S))
        .not_valid_after(_moment(until_s))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
