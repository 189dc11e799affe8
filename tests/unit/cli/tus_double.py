"""The agent's half of tus 1.0.0 as the command line needs it, in memory.

It is a reading of the contract, no proof of it: what binds is the contract suite of the agent itself.
"""

import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from schemas import errors

if TYPE_CHECKING:
    from tests.unit.cli.archive_double import Stored, World

TUS = {"Tus-Resumable": "1.0.0"}
Settle = Callable[["World", "Stored", bytes], None]


@dataclass
class Arriving:
    """An open upload: its id and what the agent has of it."""

    upload_id: str
    data: bytearray = field(default_factory=bytearray)


@dataclass
class TusMischief:
    """What a test asks of the double, and what it has seen.

    `cuts`: after so many bytes of each next PATCH, which are kept, the connection breaks; `expires_at_next_cut`: the
    ticket's life ends with it. `losses`: so many bytes are lost by a killed agent after each next PATCH. `lost_ends`:
    so many answers to a last PATCH never arrive.
    """

    cuts: list[int] = field(default_factory=list)
    losses: list[int] = field(default_factory=list)
    lost_ends: int = 0
    refused_patches: list[errors.ArtStoreError] = field(default_factory=list)
    expires_at_next_cut: bool = False
    expired_tickets: set[str] = field(default_factory=set)
    forgets: int = 0
    patches: list[int] = field(default_factory=list)
    created: list[str] = field(default_factory=list)


def tus_routes(path: str, settle: Settle) -> tuple[Route, ...]:
    """Return the routes of creation at `path`, and of what follows below it; `settle` commits."""
    return (
        Route(path, _create, methods=["POST"]),
        Route(f"{path}/{{upload}}", _head, methods=["HEAD"]),
        Route(f"{path}/{{upload}}", partial(_patch, settle), methods=["PATCH"]),
    )


def _found(request: Request) -> tuple["World", "Stored"]:
    world: World = request.app.state.world
    stored = next(one for one in world.by_key.values() if one.document_id == request.path_params["id"])
    assert request.headers["Tus-Resumable"] == "1.0.0"
    if request.headers["Authorization"] != f"Bearer {stored.ticket}" or stored.ticket in world.tus.expired_tickets:
        raise errors.InvalidTicket
    return world, stored


def _open(request: Request) -> tuple["World", "Stored", Arriving]:
    world, stored = _found(request)
    if stored.arriving is None or stored.arriving.upload_id != request.path_params["upload"]:
        raise errors.NotFound
    return world, stored, stored.arriving


async def _create(request: Request) -> Response:
    world, stored = _found(request)
    assert int(request.headers["Upload-Length"]) == stored.body.size
    if stored.arriving is None:
        stored.arriving = Arriving(str(uuid.uuid4()))
        world.tus.created.append(stored.body.filename)
    location = f"{request.url.path}/{stored.arriving.upload_id}"
    return Response(status_code=201, headers={"Location": location, **_at(stored.arriving)})


async def _head(request: Request) -> Response:
    _, stored, arriving = _open(request)
    return Response(headers={"Upload-Length": str(stored.body.size), "Cache-Control": "no-store", **_at(arriving)})


async def _patch(settle: Settle, request: Request) -> Response:
    world, stored, arriving = _open(request)
    mischief = world.tus
    if mischief.forgets:
        mischief.forgets -= 1
        stored.arriving = None
        raise errors.NotFound
    if mischief.refused_patches:
        raise mischief.refused_patches.pop(0)
    assert request.headers["Content-Type"] == "application/offset+octet-stream"
    start = int(request.headers["Upload-Offset"])
    if start != len(arriving.data):
        raise errors.WrongOffset
    mischief.patches.append(start)
    end = start + mischief.cuts.pop(0) if mischief.cuts else None
    if not await _taken(request, arriving.data, end):
        if mischief.expires_at_next_cut:
            mischief.expired_tickets.add(stored.ticket)
            mischief.expires_at_next_cut = False
        return _broken()
    if mischief.losses:
        del arriving.data[len(arriving.data) - mischief.losses.pop(0) :]
        return _broken()
    return _answered(world, stored, arriving, settle)


async def _taken(request: Request, data: bytearray, end: int | None) -> bool:
    """Keep what arrives; False when it broke off, by itself or because it should end at `end`."""
    try:
        async for chunk in request.stream():
            data += chunk
            if end is not None and len(data) >= end:
                del data[end:]
                return False
    except ClientDisconnect:
        return False
    return True


def _answered(world: "World", stored: "Stored", arriving: Arriving, settle: Settle) -> Response:
    if len(arriving.data) == stored.body.size:
        data = bytes(arriving.data)
        if stored.body.sha256 != hashlib.sha256(data).hexdigest():
            stored.arriving = None
            raise errors.DigestMismatch
        settle(world, stored, data)
        if world.tus.lost_ends:
            world.tus.lost_ends -= 1
            return _broken()
    return Response(status_code=204, headers=_at(arriving))


def _at(arriving: Arriving) -> dict[str, str]:
    return {**TUS, "Upload-Offset": str(len(arriving.data))}


def _broken() -> Response:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    # Ending short of the announced length makes the server break the connection.
    return StreamingResponse(nothing(), headers={"Content-Length": "1"})
