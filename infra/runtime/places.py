"""How many requests a program takes at once: few at work, and many more whose clients are waited for."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.runtime.exchange import PIECES
from infra.runtime.http import QUIET
from infra.runtime.problems import problem_response
from schemas.errors import ArtStoreError, Busy, BusyWithYou


class Places:
    """So many at once, and of one address that share of them."""

    def __init__(self, most: int, share: float) -> None:
        self._left = most
        self._each = max(1, int(most * share))
        self._of: Counter[str] = Counter()

    def refusal(self, address: str) -> ArtStoreError | None:
        """Return what one more from this address is told; None while it may have a place."""
        if self._left <= 0:
            return Busy("As many requests are under way as this program takes at once. Repeat yours in a moment.")
        return BusyWithYou() if self._of[address] >= self._each else None

    def take(self, address: str) -> None:
        """Take a place, though it may be one too many: who has begun is never refused in the middle."""
        self._left -= 1
        self._of[address] += 1

    def give_back(self, address: str) -> None:
        """Give a place to whoever comes next."""
        self._left += 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]


class AtMost:
    """Middleware in front of `app`: beyond so many requests at once the next one is told to come back.

    `at_work` bounds those that the program itself is busy with; while one waits for bytes from its client, or for its
    client to take some, its place is for others. `under_way` bounds all of them, since each holds memory and handles;
    without it there are no more than may be at work. One address may have `share` of either, so that nobody keeps all
    others out. Health and metrics are always answered.
    """

    def __init__(self, app: ASGIApp, at_work: int, under_way: int | None = None, share: float = 1.0) -> None:
        self._app = app
        self._at_work = Places(at_work, share)
        self._under_way = Places(at_work if under_way is None else under_way, share)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503, 429 to an address that has its share, with Retry-After."""
        address = str((scope.get("client") or ("",))[0])
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
        elif refusal := self._under_way.refusal(address) or self._at_work.refusal(address):
            await problem_response(refusal, scope["path"])(scope, receive, send)
        else:
            self._under_way.take(address)
            try:
                await _Turns(self._at_work, address).take(self._app, scope, receive, send)
            finally:
                self._under_way.give_back(address)


class _Turns:
    """One request, in which it is the program's turn or its client's: only the program's takes a place."""

    def __init__(self, places: Places, address: str) -> None:
        self._places = places
        self._address = address
        # Some applications send and receive at once.
        self._waits = 0
        self._is_body_whole = False

    async def take(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application in a place, which is free whenever it is the client's turn."""

        async def given(message: Message) -> None:
            self._leave()
            try:
                await send(message)
            finally:
                self._return()

        if pieces := scope.get("extensions", {}).get(PIECES):
            # In place: what the routing writes into the scope is read by whoever tells of the request outside of this.
            scope["extensions"] = {**scope["extensions"], PIECES: {"receive": self._taking(pieces["receive"])}}
        self._places.take(self._address)
        try:
            await app(scope, self._taking(receive), given)
        finally:
            if not self._waits:
                self._places.give_back(self._address)
            # One that never ends: whoever is left behind takes no place again.
            self._waits += 1

    def _taking(self, receive: Receive) -> Receive:
        async def taken() -> Message:
            if self._is_body_whole:
                # Nothing can come but the end of the connection, and the work goes on meanwhile.
                return await receive()
            self._leave()
            try:
                message = await receive()
            finally:
                self._return()
            self._is_body_whole = not message.get("more_body")
            return message

        return taken

    def _leave(self) -> None:
        """Begin to wait for the client."""
        if not self._waits:
            self._places.give_back(self._address)
        self._waits += 1

    def _return(self) -> None:
        """End one wait for it."""
        self._waits -= 1
        if not self._waits:
            self._places.take(self._address)
