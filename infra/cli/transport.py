"""One HTTP exchange, bounded in time and tried again while it may pass; what breaks becomes an error of the tree."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx2
import stamina

from infra.cli.answers import error_of_response
from schemas.errors import ConfigurationInvalid, DependencyUnavailable, Transient

LONGEST_PAUSE_SECONDS = 15.0
FIRST_ERROR_STATUS = 400
# A read may take as long as the longest `Prefer: wait` that is asked for, and then some.
TIMEOUT = httpx2.Timeout(10.0, connect=5.0, read=60.0, write=60.0)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Build = Callable[[], httpx2.Request]


@dataclass(frozen=True)
class Patience:
    """How often, and for how many seconds in all, a call that may pass is tried again.

    `resumed_attempts`: how often where nothing that was sent is lost by waiting; by default for some four minutes.
    """

    attempts: int = 8
    seconds: float = 45.0
    first_pause_seconds: float = 0.1
    resumed_attempts: int = 80

    def bounded(self, attempts: int, seconds: float | None = None) -> stamina.BoundRetryingCaller:
        """Say what calls a function again after a Transient; `seconds` None: only the attempts are counted."""
        return stamina.RetryingCaller(
            attempts=attempts,
            timeout=seconds,
            wait_initial=self.first_pause_seconds,
            wait_max=3.0,
            wait_jitter=self.first_pause_seconds,
        ).on(_pause_after)


class Transport:
    """HTTP connections to one archive: its gateway at `base_url`, and the agents that it names.

    `again` repeats short exchanges; `again_long` repeats transfers, whose length no one knows in advance;
    `again_resumed` repeats what goes on where it broke, and so can wait longer.
    """

    def __init__(self, base_url: str, patience: Patience) -> None:
        self.base_url = base_url.rstrip("/")
        self.again = patience.bounded(patience.attempts, patience.seconds)
        self.again_long = patience.bounded(patience.attempts)
        self.again_resumed = patience.bounded(patience.resumed_attempts)
        # A proxy named by the environment cannot reach a loopback address, so there it is not used.
        trust_env = _host(base_url) not in LOOPBACK
        self._http = httpx2.Client(timeout=TIMEOUT, trust_env=trust_env, follow_redirects=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def once(self, build: Build) -> httpx2.Response:
        """Send what `build` makes and read the whole answer. Statuses from 400 on become errors of the tree."""
        request = build()
        with _silence_explained(request):
            response = self._http.send(request)
        if response.status_code >= FIRST_ERROR_STATUS:
            raise error_of_response(response)
        return response

    @contextlib.contextmanager
    def streamed(self, request: httpx2.Request) -> Iterator[httpx2.Response]:
        """Return the answer with its body still to come; a body that breaks off is a Transient as well."""
        with _silence_explained(request), contextlib.closing(self._http.send(request, stream=True)) as response:
            if response.status_code >= FIRST_ERROR_STATUS:
                response.read()
                raise error_of_response(response)
            yield response

    def request(self, method: str, url: str, **options: object) -> httpx2.Request:
        """Return a request that carries nothing but what is given; `url` may be a path on the gateway."""
        address = httpx2.URL(f"{self.base_url}/").join(url)
        return self._http.build_request(method, address, **options)  # type: ignore[arg-type]


@contextlib.contextmanager
def _silence_explained(request: httpx2.Request) -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        address = f"{request.url.scheme}://{request.url.netloc.decode()}"
        reason = str(error) or type(error).__name__
        detail = f"{address} does not answer ({reason}). `artstore status` shows what runs, `artstore up` starts it."
        raise DependencyUnavailable(detail) from error


def _pause_after(error: Exception) -> bool | float:
    if not isinstance(error, Transient):
        return False
    if error.retry_after_seconds is None:
        return True
    return min(float(error.retry_after_seconds), LONGEST_PAUSE_SECONDS)


def _host(base_url: str) -> str:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        msg = f"{base_url!r} is no address: {error}."
        raise ConfigurationInvalid(msg) from error
    if url.scheme not in {"http", "https"} or not url.host:
        msg = f"{base_url!r} is no address of an archive; it looks like http://127.0.0.1:8080."
        raise ConfigurationInvalid(msg)
    return url.host
