"""Fetching one text from the agent that extracted it, and making sure that it is that text."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

import httpx2

from projections.texts.queries import Wanted
from projections.words import composed
from schemas.errors import AgentUnavailable, BodyDamaged, NotFound

TEXT_BYTES_MAX = 8 * 1024 * 1024
FETCH_SECONDS = 10.0
OK, NOT_FOUND = 200, 404


class TextSource(Protocol):
    """Where texts come from."""

    async def fetch(self, wanted: Wanted) -> str:
        """Return the text, composed (NFC) and without NUL.

        AgentUnavailable: no answer; NotFound: the element does not have it now; BodyDamaged: not the text that the
        log promises.
        """
        ...


class AgentTexts:
    """Asks the agents over HTTP. `secret_for` gives the secret that the agent of an element knows us by.

    Agents tell the address that clients use. Where that leads elsewhere from here, as inside containers whose ports
    are published by their host, `inner_urls` has the address to use instead.
    """

    def __init__(
        self, client: httpx2.AsyncClient, secret_for: Callable[[str], str], inner_urls: Mapping[str, str]
    ) -> None:
        self._client = client
        self._secret_for = secret_for
        self._inner_urls = inner_urls

    async def fetch(self, wanted: Wanted) -> str:
        """Ask, within ten seconds."""
        if wanted.url is None:
            raise AgentUnavailable("The element never told its address.")
        address = self._inner_urls.get(wanted.url, wanted.url)
        url = f"{address}/documents/{wanted.document_id}/versions/{wanted.version}/text"
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                data = await self._body(url, self._secret_for(wanted.element_id))
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            message = f"The element does not answer: {type(error).__name__} {error}".rstrip()
            raise AgentUnavailable(message) from error
        return checked(data, wanted.text_sha256)

    async def _body(self, url: str, secret: str) -> bytes:
        async with self._client.stream("GET", url, headers={"Authorization": f"Bearer {secret}"}) as response:
            if response.status_code == NOT_FOUND:
                raise NotFound("The element does not have the text now.")
            if response.status_code != OK:
                message = f"The element answered {response.status_code}."
                raise AgentUnavailable(message)
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > TEXT_BYTES_MAX:
                    raise BodyDamaged("The text is longer than any text may be.")
        return bytes(data)


def checked(data: bytes, sha256: str) -> str:
    """Return the text in `data` as it is kept. BodyDamaged unless it has the promised SHA-256 and is UTF-8."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BodyDamaged("The text does not have the SHA-256 that its event promises.")
    try:
        return composed(data.decode().replace("\0", ""))
    except UnicodeDecodeError as error:
        raise BodyDamaged("The text is not UTF-8.") from error
