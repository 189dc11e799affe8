"""The user interface as files: read once, compressed at build time, under a policy that runs no script but its own."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api_gateway.discovery import Discovery
from infra.runtime.problems import problem_response
from schemas.errors import NotFound, Transient

Endpoint = Callable[[Request], Awaitable[Response]]

INDEX = "index.html"
HTML = "text/html"
# Below it programs ask, and are told of problems as programs are.
API = "/api"
NONCE = "NONCE-OF-THIS-ANSWER"
# Addresses inside the interface: a reload or a link from outside begins at any of them.
PAGES = (
    "/",
    "/sign-in",
    "/uploads",
    "/search",
    "/documents",
    "/documents/{document_id}",
    "/elements",
    "/damages",
    "/operations",
    "/operations/{operation_id}",
)
CODINGS = {"br": ".br", "gzip": ".gz"}
FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=3600"
GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class Asset:
    """One file: its bytes by coding (`identity` always), and how long a browser may keep it."""

    media_type: str
    keep: str
    bodies: Mapping[str, bytes]


def built_ui() -> Path | None:
    """Return the folder of the built interface; None in a clone that has not been built."""
    folder = Path(str(files("ui"))) / "dist" / "browser"
    return folder if (folder / INDEX).is_file() else None


def policy(nonce: str, agents: Iterable[str]) -> str:
    """Return the Content-Security-Policy: nothing inline runs, and bytes go to the agents and nowhere else."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "font-src 'self'",
            " ".join(("connect-src 'self'", *agents)),
            "form-action 'none'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types angular angular#bundler",
        )
    )


def origins(addresses: Iterable[str | None]) -> tuple[str, ...]:
    """Return the origins of http(s) addresses, each once; what is no such address is left out."""
    found: dict[str, None] = {}
    for address in addresses:
        parts = urlsplit(address or "")
        plain = parts.netloc.isascii() and not set(parts.netloc) & set(" ;,'\"@")
        if parts.scheme in {"http", "https"} and parts.netloc and plain:
            found[f"{parts.scheme}://{parts.netloc}"] = None
    return tuple(sorted(found))


@dataclass
class Ui:
    """The interface in `folder`. `discovery` tells which agents its pages may speak to."""

    folder: Path
    discovery: Discovery
    _index: str = field(default="", init=False)
    _agents: tuple[str, ...] = field(default=(), init=False)

    def install(self, app: Starlette) -> None:
        """Give `app` one route per page and per file; every other address stays a 404, which people see as a page."""
        self._index = (self.folder / INDEX).read_text(encoding="utf-8")
        pages = [Route(path, self._on_page, name=f"ui{path}", include_in_schema=False) for path in PAGES]
        assets = read_assets(self.folder).items()
        files = [Route(f"/{name}", _file(asset), include_in_schema=False) for name, asset in assets]
        app.router.routes.extend((*pages, *files))
        app.add_exception_handler(HTTPStatus.NOT_FOUND, self._on_not_found)

    async def _on_page(self, _request: Request) -> Response:
        return await self._page(HTTPStatus.OK)

    async def _on_not_found(self, request: Request, _error: Exception) -> Response:
        """Answer a mistyped address: people with the interface, whose own page says it, programs with the problem."""
        if is_for_people(request.method, request.url.path, request.headers.get("Accept", "")):
            return await self._page(HTTPStatus.NOT_FOUND)
        return problem_response(NotFound(), request.url.path)

    async def _page(self, status: HTTPStatus) -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = {
            **GUARDED,
            "Content-Security-Policy": policy(nonce, await self._known_agents()),
            "Cache-Control": "no-store",
        }
        return Response(self._index.replace(NONCE, nonce), status, headers, HTML)

    async def _known_agents(self) -> Sequence[str]:
        """Return the agents' origins, those of the last page while nobody can tell: pages are there all the same."""
        try:
            self._agents = origins(element.url for element in await self.discovery.elements())
        except Transient as error:
            structlog.get_logger("artstore.ui").warning("agents_not_known", reason=error.detail)
        return self._agents


def read_assets(folder: Path) -> dict[str, Asset]:
    """Read every file but the index by its path in `folder`, with the compressed forms that lie beside it."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    plain = [name for name in names if name != INDEX and not name.endswith(tuple(CODINGS.values()))]
    return {name: _asset(folder, name) for name in plain}


def coding_for(accepted: str, bodies: Mapping[str, bytes]) -> str:
    """Return the coding to answer in (RFC 9110 section 12.5.3): brotli before gzip, where the client takes them."""
    wanted = _wanted(accepted)
    return next((coding for coding in CODINGS if coding in bodies and wanted.get(coding, 0) > 0), "identity")


def is_for_people(method: str, path: str, accepted: str) -> bool:
    """Tell whether a browser asks for a page: it names HTML, where programs take anything or JSON."""
    is_api = path == API or path.startswith(f"{API}/")
    return method in {"GET", "HEAD"} and not is_api and _wanted(accepted).get(HTML, 0) > 0


def _wanted(accepted: str) -> Mapping[str, float]:
    return dict(_weighed(part) for part in accepted.lower().split(","))


def _weighed(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";")
    text = weight.strip().removeprefix("q=")
    plain = text.replace(".", "", 1)
    return name.strip(), float(text) if plain.isdecimal() and plain.isascii() else 1.0


def _asset(folder: Path, name: str) -> Asset:
    bodies = {"identity": (folder / name).read_bytes()}
    for coding, suffix in CODINGS.items():
        packed = folder / f"{name}{suffix}"
        if packed.is_file():
            bodies[coding] = packed.read_bytes()
    kind = guess_type(name)[0] or "application/octet-stream"
    return Asset("text/javascript" if name.endswith(".js") else kind, _keep(name), bodies)


def _keep(name: str) -> str:
    """Return for how long: the build puts a hash of eight letters into names; what has none may change."""
    stem = name.rsplit("/", 1)[-1].split(".", 1)[0]
    mark = stem.rpartition("-")[2]
    return FOREVER if len(mark) == 8 and mark.isalnum() and mark.isupper() else BRIEFLY  # noqa: PLR2004


def _file(asset: Asset) -> Endpoint:
    async def file(request: Request) -> Response:
        coding = coding_for(request.headers.get("Accept-Encoding", ""), asset.bodies)
        headers = {**GUARDED, "Cache-Control": asset.keep, "Vary": "Accept-Encoding"}
        if coding != "identity":
            headers["Content-Encoding"] = coding
        return Response(asset.bodies[coding], media_type=asset.media_type, headers=headers)

    return file
