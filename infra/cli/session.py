"""Who the command line is for the archive: the kept session, signing in, and the local administrator's shortcut."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import stamina.instrumentation
from pydantic import SecretStr

from infra.cli import terminal
from infra.cli.client import ArchiveClient
from infra.runtime.files import read_json, write_private
from infra.runtime.settings import Settings, load_settings
from infra.runtime.settings_sections import RESUMABLE_ABOVE_BYTES
from schemas.errors import Unauthenticated

ADMIN = "admin"
# A token that ends within this time would end in the middle of what is about to begin.
MARGIN_SECONDS = 30.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where the archive is, for the command line: its home folder, its gateway, and what it sends resumably."""

    home: Path
    gateway: str
    admin_password: SecretStr | None = None
    resumable_above_bytes: int = RESUMABLE_ABOVE_BYTES

    @property
    def session_file(self) -> Path:
        """Address and token of who is signed in (mode 0600)."""
        return self.home / "session.json"

    def local_password(self) -> str | None:
        """Return the administrator's password if this machine knows it: from the settings, else the home folder."""
        if self.admin_password is not None:
            return self.admin_password.get_secret_value()
        file = self.home / "admin-password"
        return file.read_text(encoding="utf-8").strip() if file.is_file() else None


@dataclass(frozen=True)
class Session:
    """A token, for whom, where, and until when (seconds since 1970). `automatic`: nobody typed a password for it."""

    gateway: str
    login: str
    token: str
    expires_at: float
    automatic: bool


FindPlace = Callable[[], Place]


def place_of(settings: Settings) -> Place:
    """Return the place that the settings describe."""
    password, above = settings.bootstrap.admin_password, settings.command.resumable_above_bytes
    return Place(settings.home, settings.gateway_public_url, password, above)


def configured_place() -> Place:
    """Return the place that the environment describes. ConfigurationInvalid."""
    return place_of(load_settings())


def sign_in(place: Place, gateway: str, login: str, password: str, *, automatic: bool = False) -> Session:
    """Get a token and keep it in the home folder. InvalidCredentials, DependencyUnavailable."""
    with ArchiveClient(gateway) as client:
        answer = client.login(login, password)
    session = Session(gateway, login, answer.access_token, time.time() + answer.expires_in, automatic)
    write_private(place.session_file, json.dumps(asdict(session), indent=2).encode() + b"\n")
    return session


def open_archive(place: Place, tell: Tell) -> ArchiveClient:
    """Return a client for who is signed in; where nobody is and the home holds a password, for the administrator.

    `tell` gets one sentence when that shortcut is taken for the first time. Unauthenticated says what to do.
    """
    # Retries would be reported on stdout, amid what the command prints.
    stamina.instrumentation.set_on_retry_hooks(())
    kept = load_session(place)
    session = kept if kept is not None and _is_usable(kept, place) else _sign_in_locally(place, kept, tell)
    renew = (lambda: _sign_in_locally(place, session, tell).token) if session.automatic else None
    above = place.resumable_above_bytes
    return ArchiveClient(session.gateway, session.token, renew=renew, resumable_above_bytes=above)


@contextlib.contextmanager
def archive(find_place: FindPlace, *, as_json: bool) -> Iterator[tuple[Place, ArchiveClient]]:
    """Return the place and an open client; what goes wrong inside is told and ends the command with code 1."""
    with terminal.failures_told(as_json=as_json):
        place = find_place()
        with open_archive(place, terminal.tell) as client:
            yield place, client


def load_session(place: Place) -> Session | None:
    """Return the kept session, or None when there is none or it cannot be read."""
    try:
        kept = read_json(place.session_file)
        return None if kept is None else Session(**kept)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def _is_usable(session: Session, place: Place) -> bool:
    if session.automatic and session.gateway != place.gateway:
        return False
    return session.expires_at - MARGIN_SECONDS > time.time()


def _sign_in_locally(place: Place, kept: Session | None, tell: Tell) -> Session:
    password = place.local_password()
    if kept is not None and not kept.automatic:
        msg = f"The session of {kept.login} has ended: `artstore login --user {kept.login}`."
        raise Unauthenticated(msg)
    if password is None:
        raise Unauthenticated("Nobody is signed in here: `artstore login --user NAME`.")
    if kept is None:
        tell(f"Signing in at {place.gateway} as {ADMIN}, with the password kept for this installation.")
    return sign_in(place, place.gateway, ADMIN, password, automatic=True)
