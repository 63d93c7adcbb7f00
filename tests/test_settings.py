"""Settings: the example file is sound, the environment wins, secrets stay secret, slips are named."""

from pathlib import Path

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.settings import Settings, load_settings

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_example_file_says_what_holds_without_it() -> None:
    assert load_settings(EXAMPLE) == load_settings(None)


def test_every_setting_is_in_the_example_file() -> None:
    text = EXAMPLE.read_text("utf-8")
    for name in Settings.model_fields:
        assert f"GWS_{name.upper()}" in text, name


def test_two_links_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "GWS_HOUSE=fir\nGWS_LOCAL__PORT=1884\nGWS_CLOUD__HOST=localhost\nGWS_CLOUD__PORT=8883\n")
    monkeypatch.setenv("GWS_HOUSE", "orange")
    settings = load_settings(path)
    assert settings.house == "orange"
    assert (settings.local.host, settings.local.port) == ("127.0.0.1", 1884)
    assert (settings.cloud.host, settings.cloud.port) == ("localhost", 8883)


def test_the_text_none_means_no_value(tmp_path: Path) -> None:
    settings = load_settings(
        written(tmp_path, "GWS_REPORT_PERIOD_S=None\nGWS_CLOUD__USERNAME=None\nGWS_SERIES_FILE=None\n")
    )
    assert settings.report_period_s is None and settings.cloud.username is None and settings.series_file is None


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "GWS_CLOUD__USERNAME=me\nGWS_CLOUD__PASSWORD=swordfish\n"))
    assert "swordfish" not in repr(settings) + str(settings)
    assert settings.cloud.password is not None and settings.cloud.password.get_secret_value() == "swordfish"
    with pytest.raises(BadInput, match="GWS_CLOUD: password is given without a username") as caught:
        load_settings(written(tmp_path, "GWS_CLOUD__PASSWORD=swordfish\n"))
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("GWS_CLOUD__PORT=99999", "GWS_CLOUD__PORT is '99999'"),
        ("GWS_POWER_REPORT_SHARE=2", "GWS_POWER_REPORT_SHARE is '2'"),
        ("GWS_CLOUD__TLS__KEY_PATH=key.pem", "certificate_path and key_path must be given together"),
        ("GWS_HOSE=beech", "GWS_HOSE"),
        ("GWS_CLOUD__PRT=1", "GWS_CLOUD__PRT"),
        ("GWS_CLOUD=broker", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, line: str, wanted: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_settings(written(tmp_path, line + "\n"))
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slip_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWS_HOSE", "beech")
    with pytest.raises(BadInput, match="GWS_HOSE in the environment: no such setting"):
        load_settings(None)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"GWS_HOUSE=\xff\xfe\n")
    with pytest.raises(BadInput, match="cannot be read"):
        load_settings(path)
