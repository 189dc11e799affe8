"""The agent's addresses: content, attributes and text of a version, and the operational pages."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.runtime.http import Check, operational_routes, traced
from infra.runtime.metrics import Metrics
from infra.runtime.places import AtMost
from infra.runtime.problems import install_problem_handlers, problem_response
from infra.runtime.wire import SHARE_OF_AN_ADDRESS, handles
from schemas.errors import Malformed
from storage_agent.downloads import Downloads
from storage_agent.tus import Tus
from storage_agent.uploads import Uploads

VERSION = "/documents/{document_id}/versions/{version}"
# On the disk, in a thread, in a commit.
AT_WORK = 384
# With those whose clients are waited for: a slow one has a handful of pages, and all of them together at most what the
# pieces of bodies and the gathering of them allow.
UNDER_WAY = 2048
# Of one, beside its connection: the file, and both again for a thread that sends.
HANDLES_OF_ONE = 3
PREFLIGHT_SECONDS = 3600
VARIES = (b"vary", b"Origin")


def agent_app(  # noqa: PLR0913, PLR0917 - here the parts come together
    uploads: Uploads,
    tus: Tus,
    downloads: Downloads,
    checks: Mapping[str, Check],
    notes: Mapping[str, Check],
    metrics: Metrics,
) -> ASGIApp:
    """Return the agent's application. A failed check makes it unready; `notes` are told beside them and do not."""

    async def content(request: Request) -> Response:
        return await (uploads.put(request) if request.method == "PUT" else downloads.content(request))

    app = Starlette(
        routes=[
            Route(f"{VERSION}/content", content, methods=["GET", "PUT"]),
            Route(f"{VERSION}/uploads", tus.uploads, methods=["OPTIONS", "POST"]),
            Route(f"{VERSION}/uploads/{{upload_id}}", tus.upload, methods=["DELETE", "HEAD", "PATCH", "POST"]),
            Route(f"{VERSION}/attributes", downloads.attributes),
            Route(f"{VERSION}/text", downloads.text),
            *operational_routes("agent", checks, metrics, notes),
        ]
    )
    # A redirect would name whatever host the request names.
    app.router.redirect_slashes = False
    install_problem_handlers(app)
    # Half of the handles are for connections.
    under_way = min(UNDER_WAY, handles() // 2 // HANDLES_OF_ONE)
    bounded = AtMost(app, AT_WORK, under_way, SHARE_OF_AN_ADDRESS)
    return traced(_open_to_browsers(bounded), metrics)


def _open_to_browsers(app: ASGIApp) -> ASGIApp:
    """Let pages of any origin ask: a ticket is said aloud in each request, nothing is let in for where it comes from.

    Outside of the handlers of problems, so that a page can read those too.
    """
    return _OpenToBrowsers(
        app,
        allow_origins=["*"],
        allow_methods=["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"],
        allow_headers=[
            *("Authorization", "Content-Type", "If-Range", "Range", "Repr-Digest", "traceparent"),
            *("Tus-Resumable", "Upload-Checksum", "Upload-Concat", "Upload-Length", "Upload-Metadata", "Upload-Offset"),
            "X-HTTP-Method-Override",
        ],
        expose_headers=[
            *("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Repr-Digest", "Retry-After"),
            *("Location", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"),
            *("Upload-Concat", "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset"),
        ],
        max_age=PREFLIGHT_SECONDS,
    )


class _OpenToBrowsers(CORSMiddleware):
    """The framework's, whose refusals are problems too; who is no page goes past it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer tells caches that a page would get another."""
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], VARIES]
            await send(message)

        await self.app(scope, receive, told)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer what a page may ask for; 400 when it may not."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        refused = problem_response(Malformed("Pages of other origins do not get this method, or these headers."), "")
        refused.headers.update({name: text for name, text in answer.headers.items() if not name.startswith("content-")})
        return refused
