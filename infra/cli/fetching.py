"""Fetching one document's content over as many connections as it takes, each with a ticket of its own."""

from collections.abc import Callable

from infra.cli.receiving import Receiving
from infra.cli.transport import Transport
from schemas.api.documents import DocumentBody
from schemas.errors import ConnectionBroken, InvalidTicket, Transient

# A connection that brought so much was worth it: the attempts are counted anew after it.
WORTH_BYTES = 256 * 1024


class Fetching:
    """One download. `locate` asks the gateway for the address of the content, with a new ticket in it."""

    def __init__(
        self,
        transport: Transport,
        locate: Callable[[], str],
        document: DocumentBody,
        receiving: Receiving,
        progress: Callable[[int], None],
    ) -> None:
        self._transport, self._locate, self._progress = transport, locate, progress
        self._document, self._receiving = document, receiving
        self._refused = False

    def fetch(self) -> None:
        """Fetch what is missing and verify all of it.

        BodyDamaged when size or SHA-256 are not the document's. Of bytes that an earlier run has left the archive
        knows nothing: if the whole is wrong with them, it is fetched once without them.
        """
        if self._receiving.count > self._document.size:
            self._receiving.restart()
        left_behind = self._receiving.count > 0
        self._fetch_rest()
        if left_behind and not self._receiving.is_right(self._document):
            self._receiving.restart()
            self._fetch_rest()
        self._receiving.verify(self._document)

    def _fetch_rest(self) -> None:
        self._progress(self._receiving.count)
        while not self._transport.again_long(self._ended):
            pass

    def _ended(self) -> bool:
        """Use one connection to its end; False when it broke after it was worth it. Transient when it was not."""
        if self._receiving.is_whole(self._document):
            return True
        furthest = self._receiving.furthest
        try:
            self._connect()
        except Transient:
            if self._receiving.furthest - furthest < WORTH_BYTES:
                raise
            return False
        return True

    def _connect(self) -> None:
        # The ticket inside the address is all that the agent needs: the token stays between us and the gateway.
        request = self._transport.request("GET", self._locate(), headers=self._receiving.headers())
        try:
            with self._transport.streamed(request) as response:
                self._refused = False
                self._receiving.begin(response)
                for chunk in response.iter_raw():
                    self._receiving.take(chunk)
                    self._progress(self._receiving.count)
        except InvalidTicket as error:
            # A ticket lives for a minute and may have been too slow; one that is refused at once is no accident.
            if self._refused:
                raise
            self._refused = True
            raise ConnectionBroken("The ticket has expired; a new one is asked for.") from error
