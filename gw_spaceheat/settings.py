"""All settings and secrets in one place: environment variables `GWS_...` over the file `.env`.

`GWS_CLOUD__PASSWORD` is `Settings.cloud.password`. The text `None` means no value. A house's own facts are not
here but in its file in input_data/houses.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import HOUSES_FOLDER, INPUT_DATA
from gw_spaceheat.security.private_files import require_private

PREFIX = "GWS_"
NESTED = "__"
ENV_FILE = Path(".env")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TlsSettings(BaseModel):
    """Files of a link's TLS. A client certificate needs its key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    ca_path: Path | None = None
    certificate_path: Path | None = None
    key_path: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate_path is None) != (self.key_path is None):
            raise ValueError("certificate_path and key_path must be given together")
        return self


class LinkSettings(BaseModel):
    """One MQTT broker and how to log in there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password: SecretStr | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 20
    tls: TlsSettings = TlsSettings()
    # Off loopback only: a link without TLS, or on `cloud` without a client certificate.
    allow_plaintext: bool = False

    @property
    def on_loopback(self) -> bool:
        """Whether what is said never leaves this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("password is given without a username")
        return self


class Settings(BaseSettings):
    """Times in s. None: as the house's file says."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_file_encoding="utf-8",
        env_parse_none_str="None",
    )

    house: Annotated[str, Field(min_length=1)] = "beech"
    houses_folder: Path = HOUSES_FOLDER
    input_data_folder: Path = INPUT_DATA
    data_folder: Path = Path("data")
    series_file: Path | None = None
    local: LinkSettings = LinkSettings()
    cloud: LinkSettings = LinkSettings()
    report_period_s: Seconds | None = None
    snapshot_period_s: Seconds | None = None
    power_report_share: Annotated[float, Field(gt=0, le=1)] | None = None
    power_repeat_s: Seconds | None = None
    outbox_megabytes: Annotated[int, Field(ge=1, le=10_000)] = 350
    # What `gws fit --out` wrote of the house; None: an AtomicTNode plans with the house's file alone.
    atn_parameters_file: Path | None = None
    # How long, and how much at most, an AtomicTNode remembers of what it knew and decided.
    atn_memory_days: Annotated[float, Field(ge=1, le=3660)] = 92.0
    atn_memory_megabytes: Annotated[int, Field(ge=1, le=100_000)] = 512
    # Who stores a house's events and acknowledges them: one for each house.
    durable_receiver: Literal["atn", "ear"] = "atn"
    # postgresql://user:password@host:5432/database; None: SQLite in the data folder.
    ear_database_url: SecretStr | None = None
    # Where the ear sends a copy of all readings as InfluxDB lines, such as http://127.0.0.1:8428/write?db=gws.
    ear_lines_url: SecretStr | None = None
    ear_lines_token: SecretStr | None = None
    ear_alias: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9]+)*$", max_length=255)] = "d1.ear"
    # Ears of one group share the load: each message goes to one of them. None: an ear hears everything.
    ear_group: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", max_length=64)] | None = None

    @property
    def ear_database(self) -> str | None:
        """The ear's database with its password; None: SQLite."""
        return None if self.ear_database_url is None else self.ear_database_url.get_secret_value()

    @property
    def ear_lines(self) -> tuple[str, str | None] | None:
        """Address and token of the server that gets a copy as lines; None: nobody gets one."""
        if self.ear_lines_url is None:
            return None
        token = self.ear_lines_token
        return self.ear_lines_url.get_secret_value(), None if token is None else token.get_secret_value()

    @property
    def receiving_ear(self) -> str:
        """Alias of the ear that acknowledges this house's events; empty: its AtomicTNode does."""
        return self.ear_alias if self.durable_receiver == "ear" else ""

    @field_validator("local", "cloud")
    @classmethod
    def _encrypted(cls, link: LinkSettings, info: ValidationInfo) -> LinkSettings:
        if link.on_loopback or link.allow_plaintext:
            return link
        name = setting_name((info.field_name or "",))
        own = info.field_name == "cloud"
        if not link.tls.enabled or (own and link.tls.certificate_path is None):
            missing = "client certificate" if link.tls.enabled else "TLS"
            needed = "TLS__ENABLED, TLS__CA_PATH" + (", TLS__CERTIFICATE_PATH, TLS__KEY_PATH" if own else "")
            raise ValueError(
                f"broker {link.host} is not on this machine and the link has no {missing}: set {name}__{needed}; "
                f"{name}__ALLOW_PLAINTEXT=true does without"
            )
        return link


def load_settings(env_file: Path | None = ENV_FILE) -> Settings:
    """Settings from the environment over `env_file` (skipped when it is not there).

    Raises BadInput with every wrong setting, its value (never a secret's) and the rule.
    """
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        problems = "; ".join(_problem(item["loc"], item["msg"], item["input"]) for item in error.errors())
        raise BadInput(f"settings (environment and {env_file}): {problems}") from None
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise BadInput(f"settings (environment and {env_file}): cannot be read ({error})") from None
    unknown = _unknown_names()
    if unknown:
        raise BadInput(f"settings: {', '.join(unknown)} in the environment: no such setting")
    # Only a file with a secret in it: a fresh copy of .env.example must do for a first run.
    secrets = (settings.local.password, settings.cloud.password, settings.ear_database_url, settings.ear_lines_url)
    if env_file is not None and any((*secrets, settings.ear_lines_token)):
        require_private(env_file, "settings")
    return settings


def setting_name(location: tuple[int | str, ...]) -> str:
    """How a person writes a setting: ('cloud', 'port') -> GWS_CLOUD__PORT."""
    words = [str(word).upper() for word in location]
    return NESTED.join(words) if words[:1] and words[0].startswith(PREFIX) else PREFIX + NESTED.join(words)


def _problem(location: tuple[int | str, ...], message: str, value: object) -> str:
    name = setting_name(location)
    rule = message.removeprefix("Value error, ")
    if message.startswith("Extra inputs"):
        rule = "no such setting"
    hidden = any(word in str(location[-1] if location else "").lower() for word in ("password", "url", "token"))
    shown = f" is {value!r}" if isinstance(value, str | int | float) and not hidden else ""
    return f"{name}{shown}: {rule}"


def _unknown_names() -> list[str]:
    """Environment variables with our prefix whose first word is no setting: a slip of the pen would be ignored."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper().split(NESTED)[0] not in known
    )
