"""The agent's addresses: content, attributes and text of a version, and the operational pages."""

import json
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from infra.runtime.http import Check, operational_routes, traced
from infra.runtime.metrics import Metrics
from infra.runtime.problems import install_problem_handlers
from storage_agent.downloads import Downloads
from storage_agent.uploads import Uploads

VERSION = "/documents/{document_id}/versions/{version}"
READY = "/health/ready"


def agent_app(
    uploads: Uploads, downloads: Downloads, checks: Mapping[str, Check], notes: Mapping[str, Check], metrics: Metrics
) -> ASGIApp:
    """Return the agent's application. A failed check makes it unready; `notes` are told beside them and do not."""

    async def content(request: Request) -> Response:
        return await (uploads.put(request) if request.method == "PUT" else downloads.content(request))

    app = Starlette(
        routes=[
            Route(f"{VERSION}/content", content, methods=["GET", "PUT"]),
            Route(f"{VERSION}/attributes", downloads.attributes),
            Route(f"{VERSION}/text", downloads.text),
            *(_noted(route, notes) for route in operational_routes("agent", checks, metrics)),
        ]
    )
    install_problem_handlers(app)
    return traced(app, metrics)


def _noted(route: Route, notes: Mapping[str, Check]) -> Route:
    """Let readiness also tell what is away without making the agent useless: it reads and writes without the log."""
    if route.path != READY:
        return route

    async def ready(request: Request) -> Response:
        answer: Response = await route.endpoint(request)
        body = json.loads(bytes(answer.body))
        for name, check in notes.items():
            reason = await check()
            body["checks"][name] = "ok" if reason is None else f"degraded: {reason}"
        return JSONResponse(body, status_code=answer.status_code, headers={"Cache-Control": "no-store"})

    return Route(READY, ready)
