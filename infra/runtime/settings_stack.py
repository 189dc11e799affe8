"""Settings of the launcher: what `artstore up` starts, and where."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

SERVERS = ("kafka", "postgres", "valkey")
PROGRAMS = ("processor", "projector", "agent-hot", "agent-vault", "gateway")


def _names(value: object) -> object:
    """Take `kafka,postgres` as it is written in an environment variable; a name that is none of ours is an error."""
    names = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    strangers = [name for name in names if name not in SERVERS + PROGRAMS] if isinstance(names, tuple) else []
    if strangers:
        message = f"unknown service {strangers[0]!r}; known are {', '.join(SERVERS + PROGRAMS)}"
        raise ValueError(message)
    return names


class StackSettings(BaseModel):
    """What the launcher on one machine needs to know; the programs themselves never read this section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        SERVERS + PROGRAMS, description="What `artstore up` starts, names separated by commas."
    )
    hot_port: int = Field(8081, gt=0, le=65535, description="Port of the storage agent of element `hot`.")
    vault_port: int = Field(8082, gt=0, le=65535, description="Port of the storage agent of element `vault`.")
    jar_folder: Path | None = Field(
        None, description="Folder of Kafka's jars, shared by installations; in the user's cache folder when unset."
    )
    jar_seconds: float = Field(600.0, gt=0, description="Longest wait for Kafka's jars to be fetched, in seconds.")
    kafka_heap_mebibytes: int = Field(384, ge=192, description="Largest Java heap of the embedded Kafka, in MiB.")
    quick_jvm: bool = Field(
        default=False, description="Let Java compile less: a faster start and a slower broker. For tests only."
    )
    ready_seconds: float = Field(90.0, gt=0, description="Longest wait for one process to become ready, in seconds.")
