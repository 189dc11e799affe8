"""Settings: one typed frozen tree per process, read once from ARTSTORE_* variables; an unknown key is an error."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from infra.runtime.settings_sections import (
    AgentSettings,
    BootstrapSettings,
    CommandSettings,
    GatewaySettings,
    KafkaSettings,
    PostgresSettings,
    ProcessorSettings,
    ProjectorSettings,
    RedisSettings,
    SecuritySettings,
    TelemetrySettings,
)
from infra.runtime.settings_stack import StackSettings
from schemas.errors import ConfigurationInvalid, FieldError

PREFIX = "ARTSTORE_"
NESTED = "__"
MASK = "***"


def default_home(folder: Path) -> Path:
    """Where data lies by default: `.artstore` in the clone around `folder`, else the user's data folder (XDG)."""
    for candidate in (folder, *folder.parents):
        if _is_clone(candidate / "pyproject.toml"):
            return candidate / ".artstore"
    return Path(platformdirs.user_data_dir("artstore"))


class Settings(BaseSettings):
    """The whole tree. Built from keyword arguments alone; only `load_settings` looks at the environment."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default_factory=lambda: default_home(Path.cwd()), description="Folder of keys, ports, logs and data."
    )
    kafka: KafkaSettings = Field(KafkaSettings(), description="The event log.")
    postgres: PostgresSettings = Field(PostgresSettings(), description="Views and saga state.")
    redis: RedisSettings = Field(RedisSettings(), description="Discovery.")
    gateway: GatewaySettings = Field(GatewaySettings(), description="The HTTP edge.")
    command: CommandSettings = Field(CommandSettings(), description="The command line.")
    processor: ProcessorSettings = Field(ProcessorSettings(), description="Sagas.")
    projector: ProjectorSettings = Field(ProjectorSettings(), description="Views.")
    agent: AgentSettings = Field(AgentSettings(), description="One storage element.")
    security: SecuritySettings = Field(SecuritySettings(), description="Keys.")
    bootstrap: BootstrapSettings = Field(BootstrapSettings(), description="The first start.")
    telemetry: TelemetrySettings = Field(TelemetrySettings(), description="Logs and spans.")
    stack: StackSettings = Field(StackSettings(), description="The launcher.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in counts, so that building settings in a test never depends on the environment."""
        return (init_settings,)

    @property
    def installation_key_path(self) -> Path:
        """File of the installation key (32 bytes, mode 0600)."""
        return self.security.installation_key_path or self.home / "keys" / "installation.key"

    @property
    def installation_public_path(self) -> Path:
        """File of the installation's public key (Ed25519, raw 32 bytes as hex digits)."""
        return self.security.installation_public_path or self.home / "keys" / "installation.pub"

    @property
    def programs_key_path(self) -> Path:
        """File of the key between programs (32 bytes, mode 0600)."""
        return self.security.programs_key_path or self.home / "keys" / "programs.key"

    @property
    def agent_root(self) -> Path:
        """Folder of this agent's element."""
        return self.agent.root or self.home / "elements" / self.agent.name

    @property
    def agent_public_url(self) -> str:
        """Address of this agent as clients use it, without a slash at the end."""
        return (self.agent.public_url or http_url(self.agent.host, self.agent.port)).rstrip("/")

    @property
    def gateway_public_url(self) -> str:
        """Address of the gateway as clients use it, without a slash at the end."""
        return (self.gateway.public_url or http_url(self.gateway.host, self.gateway.port)).rstrip("/")

    def masked(self) -> dict[str, object]:
        """Return the effective settings as JSON values, secrets masked: what a program prints when it starts."""
        return _masked(self)


def http_url(host: str, port: int) -> str:
    """Return the address of what listens there; an IPv6 address stands in brackets (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def load_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the tree from `env` (default: the environment of this process).

    ConfigurationInvalid names every variable that is unknown (with the nearest known one) or wrong.
    """
    given = os.environ if env is None else env  # noqa: TID251 - here, and nowhere else
    variables = {key: value for key, value in given.items() if key.startswith(PREFIX)}
    known = known_variables()
    unknown = tuple(_unknown(key, known) for key in sorted(variables) if key not in known)
    if unknown:
        raise _invalid(unknown)
    try:
        settings = Settings.model_validate(_nested(variables))
    except SettingsError as error:
        raise ConfigurationInvalid(str(error)) from error
    except ValidationError as error:
        raise _invalid(tuple(_wrong(item["loc"], item["msg"]) for item in error.errors())) from None
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def known_variables() -> tuple[str, ...]:
    """Every variable that `load_settings` takes, in the order of the tree."""
    return tuple(PREFIX + name.upper() for name in _leaves(Settings))


def _nested(variables: Mapping[str, str]) -> dict[str, object]:
    source = EnvSettingsSource(Settings)
    # The source always looks at the environment of the process; what counts here is what was handed in.
    source.env_vars = {key.lower(): value for key, value in variables.items() if value}
    return source()


def _leaves(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (name + NESTED + leaf for leaf in _leaves(field.annotation))
        else:
            yield name


def _unknown(key: str, known: tuple[str, ...]) -> FieldError:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    return FieldError(pointer=key, detail=f"unknown variable; the nearest known one is {nearest}")


def _wrong(location: tuple[int | str, ...], message: str) -> FieldError:
    key = PREFIX + NESTED.join(str(part) for part in location if isinstance(part, str)).upper()
    return FieldError(pointer=key, detail=message)


def _invalid(errors: tuple[FieldError, ...]) -> ConfigurationInvalid:
    lines = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
    return ConfigurationInvalid(f"The settings cannot be used: {lines}.", errors=errors)


def _masked(model: BaseModel) -> dict[str, object]:
    return {name: _masked_value(getattr(model, name)) for name in type(model).model_fields}


def _masked_value(value: object) -> object:
    match value:
        case BaseModel():
            return _masked(value)
        case SecretStr():
            return MASK
        case Path():
            return str(value)
        case tuple():
            return [_masked_value(item) for item in cast("tuple[object, ...]", value)]
        case _:
            return value


def _is_clone(project_file: Path) -> bool:
    try:
        project = tomllib.loads(project_file.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return False
    return isinstance(project, dict) and project.get("name") == "artstore"
