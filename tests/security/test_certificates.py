"""The authority: what it writes, what it refuses, and what `gws certs` and `gws broker-config` say in one line."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typer.testing import CliRunner

from actors.wiring import market_alias
from commands.main import app
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import known_houses, load_house
from gw_spaceheat.security.broker_files import acl_text, market_of, rights_of
from gw_spaceheat.security.certificates import DAY_S, Authority
from gw_spaceheat.security.private_files import replace_whole, require_private

NOW_S = 1_700_000_000.0
SCADA = "d1.isone.me.versant.keene.beech.scada"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "authority", "test", 3650, NOW_S)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def revoked_serials(authority: Authority) -> list[str]:
    listed = x509.load_pem_x509_crl(authority.revocations_path.read_bytes())
    key = x509.load_pem_x509_certificate(authority.certificate_path.read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and listed.is_signature_valid(key)
    return [f"{entry.serial_number:x}" for entry in listed]


def test_keys_are_private_and_certificates_say_who_and_what_for(authority: Authority) -> None:
    files = authority.issue_client(SCADA, 730, NOW_S)
    certificate = x509.load_pem_x509_certificate(files.certificate_path.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == SCADA
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_after_utc.timestamp() == NOW_S + 730 * DAY_S
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_path.read_bytes()))
    folder = authority.folder
    assert {mode(path) for path in (files.key_path, folder / "ca" / "ca.key")} == {"600"}
    assert {mode(path) for path in (folder, folder / "ca", folder / SCADA)} == {"700"}
    assert files.key_path.read_bytes() != (folder / "ca" / "ca.key").read_bytes()


def test_nothing_is_overwritten(authority: Authority) -> None:
    files = authority.issue_client(SCADA, 10, NOW_S)
    before = files.key_path.read_bytes()
    with pytest.raises(BadInput, match="there is a valid one; use: gws certs rotate"):
        authority.issue_client(SCADA, 10, NOW_S)
    with pytest.raises(BadInput, match=r"ca\.key: is there already and is not overwritten"):
        Authority.create(authority.folder, "other", 10, NOW_S)
    later = authority.issue_client(SCADA, 10, NOW_S + 11 * DAY_S)
    assert later.issued.number == 2 and files.key_path.read_bytes() == before


def test_rotation_overlaps_and_ends_at_its_date(authority: Authority) -> None:
    old = authority.issue_client(SCADA, 100, NOW_S)
    fresh = authority.rotate(SCADA, 14, 100, NOW_S)
    assert fresh.key_path.read_bytes() != old.key_path.read_bytes()
    assert [entry.state(NOW_S) for entry in authority.issued] == ["ending", "valid"]
    assert authority.write_revocations(NOW_S + 13.9 * DAY_S) == 0 and revoked_serials(authority) == []
    again = Authority(authority.folder)
    assert again.write_revocations(NOW_S + 14 * DAY_S) == 1
    assert revoked_serials(again) == [old.issued.serial]
    assert [entry.state(NOW_S + 14 * DAY_S) for entry in again.issued] == ["revoked", "valid"]


def test_a_second_rotation_does_not_lengthen_the_first_overlap(authority: Authority) -> None:
    old = authority.issue_client(SCADA, 100, NOW_S)
    authority.rotate(SCADA, 1, 100, NOW_S)
    authority.rotate(SCADA, 14, 100, NOW_S)
    assert authority.write_revocations(NOW_S + 2 * DAY_S) == 1
    assert revoked_serials(authority) == [old.issued.serial]


def test_a_server_is_rotated_for_the_same_hosts(authority: Authority) -> None:
    authority.issue_server(["broker.example", "10.0.0.1"], 100, NOW_S)
    fresh = authority.rotate("broker.example", 0, 100, NOW_S)
    certificate = x509.load_pem_x509_certificate(fresh.certificate_path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert len(revoked_serials(authority)) == 1


def test_the_list_of_revocations_lasts_as_long_as_the_authority(authority: Authority) -> None:
    listed = x509.load_pem_x509_crl(authority.revocations_path.read_bytes())
    assert listed.next_update_utc is not None and listed.next_update_utc.timestamp() == authority.until_s


@pytest.mark.parametrize("alias", ["beech", "D1.beech", "../../etc.x", "d1..beech", "d1.b/ch", "d1." + "a" * 70, ""])
def test_a_name_that_is_no_alias_is_refused(authority: Authority, alias: str) -> None:
    with pytest.raises(BadInput, match="device"):
        authority.issue_client(alias, 10, NOW_S)


@pytest.mark.parametrize("host", ["..", "a/b", "Broker.Example", "*.example", "ca", ""])
def test_a_host_that_is_none_is_refused(authority: Authority, host: str) -> None:
    with pytest.raises(BadInput, match="host"):
        authority.issue_server([host], 10, NOW_S)


def test_nothing_outlives_the_authority(authority: Authority) -> None:
    with pytest.raises(BadInput, match="more than its authority has left"):
        authority.issue_client(SCADA, 3651, NOW_S)
    with pytest.raises(BadInput, match="must be 1 to"):
        authority.issue_client(SCADA, 0, NOW_S)


def test_an_authority_open_to_others_or_damaged_is_refused(authority: Authority) -> None:
    (authority.folder / "ca" / "ca.key").chmod(0o640)
    with pytest.raises(BadInput, match=r"ca\.key: mode is 640, others may read it; must be 600: chmod 600"):
        Authority(authority.folder)
    (authority.folder / "ca" / "ca.key").chmod(0o600)
    (authority.folder / "ca" / "issued.json").write_text("[{]")
    with pytest.raises(BadInput, match="cannot be read"):
        Authority(authority.folder)


def test_private_files_may_be_missing_or_read_only(tmp_path: Path) -> None:
    require_private(tmp_path / "missing", "key")
    replace_whole(tmp_path / "key", b"x", 0o400)
    require_private(tmp_path / "key", "key")


def test_market_is_whom_the_actors_mean_and_acl_names_every_house_once() -> None:
    houses = [load_house(alias) for alias in known_houses()]
    assert [market_of(house) for house in houses] == [market_alias(house) for house in houses]
    rights = rights_of(houses, ["d1.ear"])
    users = [line.split()[1] for line in acl_text(rights).splitlines() if line.startswith("user ")]
    assert sorted(users) == sorted(rights) and len(users) == 2 * len(houses) + 2
    for alias, allowed in rights.items():
        assert allowed.write == (f"gw/{alias.replace('.', '-')}/to/#",)
        assert ("gw/#" in allowed.read) == (alias == "d1.ear")


def test_one_alias_for_two_parties_is_refused() -> None:
    beech = load_house("beech")
    with pytest.raises(BadInput, match="would be two parties"):
        rights_of([beech, beech], ["d1.ear"])
    with pytest.raises(BadInput, match="would be two parties"):
        rights_of([beech], [beech.scada_alias])
    with pytest.raises(BadInput, match="at least one house"):
        rights_of([], ["d1.ear"])


def gws(*arguments: str) -> tuple[str, str]:
    """What it printed, and the one line of the error that `gws` would print."""
    result = CliRunner().invoke(app, list(arguments))
    return result.output, str(result.exception) if isinstance(result.exception, BadInput) else ""


def test_the_commands_from_nothing_to_a_broker(tmp_path: Path) -> None:
    folder, out = str(tmp_path / "ca"), tmp_path / "broker"
    assert "holds no certificate authority" in gws("certs", "list", "--folder", folder)[1]
    gws("certs", "ca", "--folder", folder)
    said, _ = gws("certs", "device", SCADA, "d1.ear", "--folder", folder)
    assert f"GWS_CLOUD__TLS__KEY_PATH={folder}/{SCADA}/1.key" in said
    houses = sorted(str(path) for path in (Path(__file__).parents[2] / "input_data" / "houses").glob("*.json"))
    config = ("broker-config", "--houses", *houses, "--out", str(out), "--certs", folder)
    assert "must be one, name it by --host" in gws(*config)[1]
    gws("certs", "server", "--host", "broker.example", "--folder", folder)
    assert "8 identities" in gws(*config)[0]
    assert mode(out / "server.key") == "600"
    gws("certs", "rotate", SCADA, "--folder", folder)
    assert "revoked d1.ear number 1" in gws("certs", "revoke", "d1.ear", "--folder", folder)[0]
    listed, _ = gws("certs", "list", "--folder", folder)
    assert [line.split()[3] for line in listed.splitlines()[1:]] == ["valid", "revoked", "ending", "valid"]
    assert "1 revoked" in gws("certs", "crl", "--folder", folder)[0]
    assert "none that is valid" in gws("certs", "revoke", "d1.ear", "--folder", folder)[1]
