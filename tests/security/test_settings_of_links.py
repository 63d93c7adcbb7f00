"""Off loopback a link is encrypted unless a person says otherwise; files with secrets are their owner's alone."""

import time
from pathlib import Path

import pytest

from commands.run import Ending, opener
from gw_spaceheat.errors import BadInput
from gw_spaceheat.security.certificates import Authority
from gw_spaceheat.settings import LinkSettings, TlsSettings, load_settings

TLS = "GWS_CLOUD__TLS__ENABLED=true\nGWS_CLOUD__TLS__CA_PATH=ca.crt\n"
CLIENT = "GWS_CLOUD__TLS__CERTIFICATE_PATH=1.crt\nGWS_CLOUD__TLS__KEY_PATH=1.key\n"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / ".env"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("host", ["broker.example", "10.0.0.5", "0.0.0.0", "::", "fd00::1", "127.0.0.1.example"])
def test_plain_text_off_loopback_is_refused_in_one_line(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_settings(written(tmp_path, f"GWS_CLOUD__HOST={host}\n"))
    text = str(caught.value)
    assert f"GWS_CLOUD: broker {host} is not on this machine and the link has no TLS" in text
    assert "GWS_CLOUD__ALLOW_PLAINTEXT=true" in text and "\n" not in text
    with pytest.raises(BadInput, match="GWS_LOCAL: broker"):
        load_settings(written(tmp_path, f"GWS_LOCAL__HOST={host}\n"))


def test_tls_without_a_client_certificate_is_not_enough_for_the_cloud(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the link has no client certificate"):
        load_settings(written(tmp_path, f"GWS_CLOUD__HOST=broker.example\n{TLS}"))
    local = TLS.replace("CLOUD", "LOCAL")
    assert load_settings(written(tmp_path, f"GWS_LOCAL__HOST=hub.example\n{local}")).local.tls.enabled


@pytest.mark.parametrize(
    "text",
    [
        f"GWS_CLOUD__HOST=broker.example\n{TLS}{CLIENT}",
        "GWS_CLOUD__HOST=broker.example\nGWS_CLOUD__ALLOW_PLAINTEXT=true\n",
        "GWS_CLOUD__HOST=localhost\n",
        "GWS_CLOUD__HOST=127.0.0.2\n",
        "GWS_CLOUD__HOST=::1\n",
    ],
)
def test_what_is_allowed(tmp_path: Path, text: str) -> None:
    assert load_settings(written(tmp_path, text)).cloud.port == 1883


def test_settings_with_a_password_are_their_owners_alone(tmp_path: Path) -> None:
    secret = "GWS_CLOUD__USERNAME=me\nGWS_CLOUD__PASSWORD=x\n"
    assert load_settings(written(tmp_path, secret, 0o400)).cloud.password is not None
    for mode in (0o640, 0o604, 0o644):
        with pytest.raises(
            BadInput, match=f"settings .*: mode is {mode:o}, others may read it; must be 600: chmod 600"
        ):
            load_settings(written(tmp_path, secret, mode))
    assert load_settings(written(tmp_path, "GWS_HOUSE=fir\n", 0o644)).house == "fir", "nothing in it is a secret"


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "test", 30, time.time())
    files = authority.issue_client("d1.beech.scada", 10, time.time())
    tls = TlsSettings(
        enabled=True,
        ca_path=authority.certificate_path,
        certificate_path=files.certificate_path,
        key_path=files.key_path,
    )
    link = LinkSettings(host="broker.example", tls=tls)
    opener(link, "scada", Ending())
    files.key_path.chmod(0o640)
    with pytest.raises(BadInput, match=r"key .*1\.key: mode is 640, others may read it; must be 600: chmod 600"):
        opener(link, "scada", Ending())
