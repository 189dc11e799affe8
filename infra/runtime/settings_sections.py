"""Sections of the settings tree: one frozen class per part of the system, each field with its meaning and unit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from schemas.errors import ConfigurationInvalid

MEBIBYTE = 1024 * 1024
# 10 MB; the interface in the browser draws the same line.
RESUMABLE_ABOVE_BYTES = 10_000_000

ExecutableKind = Literal["elf", "pe", "mach-o", "script"]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


def _split_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Section(BaseModel):
    """A part of the tree: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """Where the log is."""

    bootstrap_servers: str | None = Field(None, description="Addresses of brokers, `host:port`, separated by commas.")
    request_timeout_seconds: Seconds = Field(10.0, description="Longest wait for one answer of a broker, in seconds.")
    replication_factor: int = Field(1, ge=1, description="Copies of each topic made by `artstore topics apply`.")

    def required_servers(self) -> str:
        """Return the addresses, or `ConfigurationInvalid` that says what to set."""
        return _required(self.bootstrap_servers, "Kafka", "ARTSTORE_KAFKA__BOOTSTRAP_SERVERS")


class PostgresSettings(Section):
    """Where the views and the saga table are."""

    dsn: SecretStr | None = Field(None, description="Connection string, `postgresql://user:password@host:port/name`.")
    pool_size: int = Field(8, ge=1, description="Most connections that one program opens.")
    connect_timeout_seconds: Seconds = Field(10.0, description="Longest wait for a connection, in seconds.")
    statement_timeout_seconds: Seconds = Field(30.0, description="Longest run of one statement, in seconds.")

    def required_dsn(self) -> str:
        """Return the connection string in clear, or `ConfigurationInvalid` that says what to set."""
        dsn = self.dsn.get_secret_value() if self.dsn else None
        return _required(dsn, "PostgreSQL", "ARTSTORE_POSTGRES__DSN")


class RedisSettings(Section):
    """Where discovery is kept."""

    url: SecretStr | None = Field(None, description="Address, `redis://:password@host:port/0`; Valkey is fine too.")
    command_timeout_seconds: Seconds = Field(2.0, description="Longest wait for one command, in seconds.")
    pool_size: int = Field(16, ge=1, description="Most connections that one program opens.")

    def required_url(self) -> str:
        """Return the address in clear, or `ConfigurationInvalid` that says what to set."""
        return _required(self.url.get_secret_value() if self.url else None, "Redis", "ARTSTORE_REDIS__URL")


class GatewaySettings(Section):
    """The HTTP edge."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8080, description="Port to listen on.")
    public_url: str | None = Field(None, description="Address that clients use; from host and port when unset.")
    upload_deadline_seconds: Seconds = Field(86_400.0, description="Time for the bytes of an upload, in seconds.")
    upload_deadline_seconds_max: Seconds = Field(
        172_800.0, description="Time after which an upload ends even while bytes still arrive, in seconds."
    )
    link_seconds_max: int = Field(
        604_800, gt=0, description="Longest life of a link that opens a document without signing in, in seconds."
    )
    signing_key_seconds: Seconds = Field(
        86_400.0, ge=3600, description="Time after which a new key signs tokens, tickets and links, in seconds."
    )
    access_token_seconds: int = Field(900, gt=0, description="Life of an access token, in seconds.")
    stop_seconds: Seconds = Field(10.0, description="Budget of an orderly stop, in seconds.")

    @model_validator(mode="after")
    def _the_deadline_is_below_its_cap(self) -> Self:
        if self.upload_deadline_seconds > self.upload_deadline_seconds_max:
            message = "upload_deadline_seconds is above upload_deadline_seconds_max, so no renewal could ever help"
            raise ValueError(message)
        return self


class CommandSettings(Section):
    """The command line, where it is a client."""

    resumable_above_bytes: int = Field(
        RESUMABLE_ABOVE_BYTES, ge=0, description="Size in bytes above which a file is sent so that it can be resumed."
    )


class ProcessorSettings(Section):
    """The program that runs sagas."""

    host: str = Field("127.0.0.1", description="Address of its health and metrics pages.")
    port: Port = Field(8083, description="Port of its health and metrics pages.")
    deadline_scan_seconds: Seconds = Field(1.0, description="Pause between looks for expired deadlines, in seconds.")
    text_deadline_seconds: Seconds = Field(30.0, description="Time for an agent to extract a text, in seconds.")
    stop_seconds: Seconds = Field(10.0, description="Budget of an orderly stop, in seconds.")


class ProjectorSettings(Section):
    """The program that keeps the views."""

    host: str = Field("127.0.0.1", description="Address of its health and metrics pages.")
    port: Port = Field(8084, description="Port of its health and metrics pages.")
    text_unavailable_seconds: Seconds = Field(
        30.0, description="Silence of an agent after which a text counts as unavailable for now, in seconds."
    )
    inner_urls: Mapping[str, str] = Field(
        {}, description="JSON object: public address of an agent to the one that this program reaches it at instead."
    )
    stop_seconds: Seconds = Field(10.0, description="Budget of an orderly stop, in seconds.")


class AgentSettings(Section):
    """One storage element and the agent that owns it."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Port = Field(8081, description="Port to listen on.")
    name: str = Field("hot", min_length=1, max_length=64, description="Name of the element, for people.")
    mode: Literal["edit", "rw", "ro", "ar"] = Field("edit", description="Mode of a new element at its first start.")
    root: Path | None = Field(None, description="Folder of the element; `elements/<name>` under home when unset.")
    public_url: str | None = Field(None, description="Address that clients use; from host and port when unset.")
    accel_location: str | None = Field(
        None,
        pattern=r"^/[A-Za-z0-9_-]{1,64}/$",
        description="Internal location of an nginx in front that sends large bodies itself; off when unset.",
    )
    reserve_bytes: int = Field(64 * MEBIBYTE, ge=0, description="Space never given to uploads, in bytes.")
    refused_types: Annotated[tuple[ExecutableKind, ...], NoDecode, BeforeValidator(_split_commas)] = Field(
        ("elf", "pe", "mach-o", "script"), description="Kinds of executables refused, separated by commas."
    )
    heartbeat_seconds: Seconds = Field(2.0, description="Pause between two reports of the element's state, in seconds.")
    outbox_entries_max: int = Field(
        10_000, gt=0, description="Events that may wait for Kafka before uploads are answered 503."
    )
    scrub_bytes_per_second: int = Field(
        32 * MEBIBYTE, gt=0, description="How fast stored documents are read again to check them, in bytes per second."
    )
    scrub_pause_seconds: Seconds = Field(
        7 * 24 * 3600.0, description="Pause between two passes over all stored documents, in seconds."
    )
    stop_seconds: Seconds = Field(10.0, description="Budget of an orderly stop, in seconds.")


class SecuritySettings(Section):
    """Keys and who signs."""

    installation_key_path: Path | None = Field(
        None, description="File of the 32-byte installation key; `keys/installation.key` under home when unset."
    )
    installation_public_path: Path | None = Field(
        None, description="File of its public key; `keys/installation.pub` under home when unset."
    )
    programs_key_path: Path | None = Field(
        None, description="File of the key between programs; `keys/programs.key` under home when unset."
    )
    issuer: str = Field("artstore", min_length=1, description="Name of this installation inside its tokens.")


class BootstrapSettings(Section):
    """What the first start needs."""

    admin_password: SecretStr | None = Field(
        None, description="Password of the first administrator; generated and printed once when unset."
    )


class TelemetrySettings(Section):
    """What a program tells about itself."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    spans_path: Path | None = Field(None, description="File that gets one JSON line per finished span, when set.")


def _required(value: str | None, what: str, key: str) -> str:
    if value:
        return value
    message = f"The address of {what} is not set: run `artstore up`, or set {key}."
    raise ConfigurationInvalid(message)
