"""Every setting of every program, in one typed class."""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict, SettingsError

from bus.config_file import in_words
from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.duration import Duration
from bus.rule_settings import RuleSettings
from bus.secret_files import SUFFIX, SecretFileUnusable, given_by_files, holds_secret

PREFIX: Final = "TICKETBUS_"
MASK: Final = "********"
_NO_JSON: Final = Text("不是 JSON", "not JSON")

_Percent = Annotated[float, Field(gt=0, le=100)]


def _rising(marks: tuple[float, float, float]) -> tuple[float, float, float]:
    if not marks[0] < marks[1] < marks[2]:
        raise ValueError("the marks do not rise")
    return marks


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "ticketbus"


class Settings(RuleSettings):
    """Read from the environment once, at the start of a program; frozen from then on."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    database_url: str | None = Field(None, validation_alias="DATABASE_URL", description="PostgreSQL, the truth")
    kafka_bootstrap: str | None = Field(None, validation_alias="KAFKA_BOOTSTRAP", description="host:port[,host:port]")
    schema_registry_url: str | None = Field(
        None, validation_alias="SCHEMA_REGISTRY_URL", description="root of the Confluent API"
    )
    schema_registry_basic_auth: SecretStr | None = Field(
        None,
        validation_alias="SCHEMA_REGISTRY_BASIC_AUTH",
        description="user:password for a registry that asks for them, at least of who writes",
    )
    schema_registry_ca_file: Path | None = Field(
        None,
        validation_alias="SCHEMA_REGISTRY_CA_FILE",
        description="PEM of the authority that signed the certificate of an https registry; unset: the system's",
    )

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = Field(
        None, description="PEM of the authority that signed the brokers' certificates; unset: the system's"
    )

    http_host: str = Field("127.0.0.1", description="where the gateway listens")
    http_port: int = Field(8080, ge=1, le=65535)
    http_certificate_file: Path | None = Field(
        None,
        description="PEM of the certificate that gateway, console and a worker's metrics port show, its chain and its"
        " key; read anew when it changes; unset: plain HTTP",
    )
    http_key_file: Path | None = Field(None, description="PEM of that key, where it stands in a file of its own")
    trusted_proxies: list[str] = Field(
        default=["127.0.0.1"],
        description='JSON list of proxies whose X-Forwarded-For and -Proto are believed: ["10.1.0.0/16"]',
    )
    url: str | None = Field(None, description="the gateway as clients reach it")
    ca_file: Path | None = Field(
        None,
        description="PEM of the authority that signed the gateway's certificate, for programs and commands that call"
        " it; unset: the system's",
    )
    token: SecretStr | None = Field(None, description="the bearer token that commands use towards the gateway")
    connections_per_address: int = Field(
        500, ge=1, description="HTTP connections of one address; behind a proxy all have its address"
    )
    client_rate_per_s: float = Field(
        1000,
        gt=0,
        allow_inf_nan=False,
        description="requests a second of one client, with a burst of two seconds' worth",
    )
    reads_per_client: int = Field(
        64, ge=1, description="reads of one client at once, those included whose answer it has not taken"
    )
    answer_bytes_max: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        description="bytes of answers that wait for their readers; one client may have a quarter of them",
    )
    streams_per_client: int = Field(500, ge=1, description="streams of one client at once, of both kinds")
    cors_origins: list[Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")]] = Field(
        default_factory=list, description='JSON list of origins whose pages may call: ["https://desk.example"]'
    )
    body_bytes_max: int = Field(262_144, ge=1024, description="largest request body")

    files_url: str | None = Field(
        None,
        pattern=r"^(file:///|s3://).+",
        description="where uploaded files lie: file:///DIRECTORY or s3://BUCKET/PREFIX; unset: files/ in the data",
    )
    files_s3_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="root of a store that speaks S3; unset: AWS in files_s3_region"
    )
    files_s3_region: str = "us-east-1"
    files_s3_virtual_hosted: bool = Field(False, description="the endpoint begins with the bucket's name (OSS, COS)")
    files_s3_access_key: SecretStr | None = Field(None, description="id of the key; unset: the machine's own role")
    files_s3_secret_key: SecretStr | None = None
    file_bytes_max: int = Field(50 * 1024 * 1024, ge=1024, description="largest file that is uploaded")
    files_client_day_bytes: int = Field(10 * 1024**3, ge=1024, description="bytes of files of one client in a day")
    files_free_bytes_min: int = Field(
        2 * 1024**3, ge=0, description="bytes that stay free where files are received: below it uploads are 507"
    )
    file_address_s: int = Field(900, ge=30, le=86_400, description="seconds for which an address of a file is good")

    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="where a worker serves /metrics, /livez and /readyz on http_host; unset: nowhere",
    )
    namespace: str = Field("", pattern=r"^[a-z0-9.-]*$", description="prefix of topic and group names")
    expectations_file: Path | None = Field(None, description="YAML of which hop is expected after which events")
    sources_file: Path | None = Field(None, description="YAML of the systems that send, beside webhook_secrets")
    targets_file: Path | None = Field(None, description="YAML of the systems that events are delivered to")
    topics_allowed_file: Path | None = Field(
        None, description="YAML of undeclared topics that may be used, each with why"
    )
    alerts_file: Path | None = Field(None, description="YAML of the channels that alerts go to, and of their routes")
    oidc_file: Path | None = Field(None, description="YAML of the provider at which people sign in to the console")
    webhook_secrets: dict[str, list[SecretStr]] = Field(
        default_factory=dict, description='JSON: {"crm": ["whsec_…"]}; the first signs, all verify'
    )

    master_key: SecretStr | None = Field(
        None, description="seals the keys of personal data: 32 random bytes; whoever loses it loses what it seals"
    )
    audit_key: SecretStr | None = Field(None, description="signs the audit tree: an Ed25519 key in PEM; unset: no tree")
    audit_earlier_keys_file: Path | None = Field(None, description="public keys that signed it before, one a line")
    audit_origin: str = Field("ticketbus/audit", pattern=r"^[^+\s]+$", description="name of the audit tree and its key")
    two_persons: bool = Field(
        False, description="whoever lets a redrive be sent is not who froze it; letters are retried one at a time"
    )
    intake_secrets: list[Annotated[SecretStr, Field(min_length=32)]] = Field(
        default_factory=list,
        description="JSON list: records of ticket.intake carry a MAC by the first, workers take any; unset: none",
    )
    reconcile_minutes: int = Field(10, ge=1, le=720, description="between reconciliations of a source that has a list")
    reconcile_targets_hours: int = Field(24, ge=1, le=168, description="between those of a target that lists documents")
    probe_every: Duration = Field(timedelta(minutes=5), ge=timedelta(0), description="between probes; PT0S: none")
    probe_within: Duration = Field(timedelta(minutes=1), gt=timedelta(0), description="later, a probe is an alert")
    keep_days: dict[str, Annotated[int, Field(ge=1, le=36_500)]] = Field(
        default_factory=dict, description='JSON: {"pushes": 30}; days that rows stay where it is not the default'
    )
    archive_dir: Path | None = Field(
        None,
        description="where files of archived months lie, for whoever writes or reads them; unset: archive/ in the data",
    )
    archive_after_days: int = Field(
        400, ge=1, le=36_500, description="days after a closed ticket's last event, until that month is archived"
    )
    backup_age_max: Duration = Field(
        timedelta(days=8),
        ge=timedelta(0),
        description="how long ago the newest verified backup may restore to; PT0S: nobody looks",
    )
    host_role: str = Field(
        "", max_length=100, description="what the host that `watch` runs on is for, where `--role` does not say"
    )
    disk_marks: dict[str, Annotated[tuple[_Percent, _Percent, _Percent], AfterValidator(_rising)]] = Field(
        default_factory=dict,
        description='JSON by role, "" for all others: {"broker": [75, 85, 90]}; percent at warn, high and floor',
    )
    disk_floor_bytes: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description='JSON by role: {"broker": 2147483648}; with less free it is the floor, too',
    )
    disk_headroom_bytes: int = Field(
        20 * 1024**3,
        ge=0,
        description="a disk with more free is at no mark, whatever its percent; 0: no limit",
    )

    data: Path = Field(
        default_factory=lambda: _xdg("XDG_DATA_HOME", ".local/share"), description="data of the local stack"
    )
    cache: Path = Field(default_factory=lambda: _xdg("XDG_CACHE_HOME", ".cache"), description="downloaded jars")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class SettingsInvalid(BusError):
    """A variable of the environment has a value that its setting cannot take."""


def secret_bytes(secrets: Iterable[SecretStr]) -> list[bytes]:
    """Give secrets as keys."""
    return [one.get_secret_value().encode() for one in secrets]


def load() -> Settings:
    """Read the settings from the environment, secrets also from the files that it names.

    Raises SettingsInvalid, which names the variables, never their values.
    """
    try:
        return Settings(**given_by_files(Settings.model_fields, variables()))
    except ValidationError as error:
        wrong = (
            _fault(str(each["loc"][0]), in_words(each["type"], each["msg"]))
            for each in error.errors(include_input=False)
        )
        raise SettingsInvalid("; ".join(dict.fromkeys(wrong))) from None
    except SettingsError as error:  # a value that should be JSON and is not
        named = re.search(r'field "(\w+)"', str(error))
        raise SettingsInvalid(_fault(named[1], str(_NO_JSON)) if named else str(error)) from None
    except SecretFileUnusable as error:
        raise SettingsInvalid(str(error)) from None


def _fault(name: str, why: str) -> str:
    """Name the variable, what is wrong, and of JSON the form, which the description has."""
    field = Settings.model_fields.get(name)
    form = (field.description or "") if field else ""
    return f"{variables().get(name, name)}: {why}" + (f" ({form})" if form.startswith("JSON") else "")


def archive_dir(settings: Settings) -> Path:
    """Give where the files of archived months lie."""
    return settings.archive_dir or settings.data / "archive"


def files_dir(settings: Settings) -> Path | None:
    """Give the directory of uploaded files; None where they lie in a bucket."""
    if settings.files_url is None:
        return settings.data / "files"
    url = urlsplit(settings.files_url)
    return Path(unquote(url.path)) if url.scheme == "file" else None


def secret_of(settings: Settings, name: str) -> str:
    """Give a secret; empty without."""
    given: SecretStr | None = getattr(settings, name)
    return given.get_secret_value() if given else ""


def text_of(settings: Settings, name: str) -> str:
    """Read the file that a setting names; empty without one. Raises SettingsInvalid naming the variable."""
    path: Path | None = getattr(settings, name)
    try:
        return path.read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsInvalid(f"{PREFIX}{name.upper()}: cannot read {path} ({why})") from error


def variables() -> Mapping[str, str]:
    """Answer the environment variable of every setting, those of the service's rules last."""
    fields = sorted(Settings.model_fields.items(), key=lambda one: one[0] in RuleSettings.model_fields)
    return {
        name: field.validation_alias if isinstance(field.validation_alias, str) else PREFIX + name.upper()
        for name, field in fields
    }


def secret_files() -> Mapping[str, str]:
    """Answer, for every setting that is secret, the variable that names its file."""
    fields = Settings.model_fields
    return {name: one + SUFFIX for name, one in variables().items() if holds_secret(name, fields[name])}


def mask_password(url: str) -> str:
    """Hide the password inside a URL or a `password=…` pair, whatever it is made of. Idempotent; linear in time."""
    masked = re.sub(r"(://[^:/@]{0,128}):.{0,512}@", rf"\1:{MASK}@", url, flags=re.DOTALL)
    return re.sub(r"(password(?:=|%3D))('[^']*'|[^&\s]*)", rf"\1{MASK}", masked, flags=re.IGNORECASE)
