"""Large bodies that nginx sends in the agent's place: which of them, and the words in which they are handed over."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response

from infra.runtime.settings_sections import AgentSettings
from storage_agent.conditions import Fields, asking_fields
from storage_agent.digests import etag_of
from storage_agent.holdings import StoredDocument
from storage_agent.layout import directory_of
from storage_agent.selection import Sending

# A proxy says with it that it takes bodies over, and under which internal location.
TAKEN_OVER_AT = b"x-accel-location"
# What nginx judges by itself, on the file that it is sent to.
JUDGED = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"}
# One range in the plainest form, short enough for every reader's integers.
_ONE_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
# What nginx has from the file, and what it takes out of this answer as it is.
_OWN = {"content-type", "content-length", "content-range"}


@dataclass(frozen=True)
class Accel:
    """The internal location of a proxy, with a slash at both ends, behind which the element's `root` lies."""

    location: str
    root: Path

    def address(self, raw: Sequence[tuple[bytes, bytes]], found: StoredDocument, sending: Sending) -> str | None:
        """Return where nginx finds a body that it is to send, percent-encoded; None for what the agent has to send.

        `raw` are the request's header lines: whoever asks has to say that he takes bodies over, at this location. A
        body that is still on its way into place stays with the agent, and the client's fields have no part in the path.
        """
        if [value for name, value in raw if name == TAKEN_OVER_AT] != [self.location.encode("ascii")]:
            return None
        content, directory = found.attributes.content, directory_of(found.attributes.document_id)
        in_place = found.carried is None and found.body == self.root / directory / content.stored_name
        if not (in_place and judged_alike(asking_fields(raw), sending, etag_of(content.sha256))):
            return None
        return f"{self.location}{directory}/{quote(content.stored_name)}"


def accel_of(settings: AgentSettings, root: Path) -> Accel | None:
    """Return what is set for the element in `root`; None, the default, hands nothing over."""
    return None if settings.accel_location is None else Accel(settings.accel_location, root)


def judged_alike(fields: Fields, sending: Sending, etag: str) -> bool:
    """Tell whether nginx, which reads the client's fields and the file once more, comes to the same bytes."""
    asked = fields.keys() & JUDGED
    if sending.status == HTTPStatus.OK:
        return not asked
    return (
        asked <= {"range", "if-range"}
        and _ONE_RANGE.fullmatch(fields["range"]) is not None
        and fields.get("if-range", etag) == etag
    )


def handed_over(address: str, sending: Sending, headers: Mapping[str, str]) -> Response:
    """Return the answer that makes nginx send the file at `address`, with these `headers`.

    They stand in it under `X-Accel-` and their own names, and nginx gives them back those. Under their own it would
    copy some and lose others; and whoever gets this answer by mistake must take nothing in it for the document's.
    """
    # Of a whole file nginx says so by itself.
    unsaid = _OWN | ({"accept-ranges"} if sending.status == HTTPStatus.OK else set())
    told = {f"X-Accel-{name}": value for name, value in headers.items() if name.lower() not in unsaid}
    own = {"X-Accel-Redirect": address, "Content-Type": sending.content_type}
    return Response(status_code=sending.status, headers=told | own)
