"""Putting one file so that a second time adds nothing: the key, the announcement, the bytes, the wait."""

import mimetypes
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from infra.cli.answers import error_of_problem
from infra.cli.client import ArchiveClient
from infra.cli.originals import Original
from infra.cli.sending import Progress, unwatched
from schemas.api.operations import OperationBody
from schemas.api.uploads import UploadAnswer, UploadBody
from schemas.errors import ArtStoreError, IdempotencyKeyReused, Rejected, UploadAbandonedError

KEYS = uuid.UUID("5f0a4e0e-6d0b-5d2c-9a51-0c2b8f0f7a3d")
# A failed operation spends its key; so many keys are tried before giving up.
ATTEMPTS = 20
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Deposit:
    """A file on its way: its operation and document. `already`: the archive had it before, nothing was sent."""

    operation_id: str
    document_id: str
    already: bool


def key_of(origin: str, sha256: str, attempt: int = 0) -> str:
    """Return the Idempotency-Key of a file: the same for the same place and content."""
    return str(uuid.uuid5(KEYS, f"{origin}\n{sha256}\n{attempt}"))


def media_type_of(name: str) -> str | None:
    """Media type by the name's ending, from Python's own table only: the same on every machine."""
    table = mimetypes.MimeTypes(filenames=())
    table.add_type("text/markdown", ".md")
    return table.guess_type(name)[0]


def begin(
    client: ArchiveClient,
    body: UploadBody,
    origin: str,
    original: Callable[[], Original],
    progress: Progress = unwatched,
) -> Deposit:
    """Announce the file and send its bytes unless the archive has them; `original` is asked for only if needed.

    `body.sha256` must be set. A command that was killed is begun again with the same key, and so finds its operation,
    and the agent what it has of the bytes. When this returns, the document is committed; `finish` waits until it is
    found.
    """
    sha256 = body.sha256 or ""
    for attempt in range(ATTEMPTS):
        announce = partial(_announce, client, body, key_of(origin, sha256, attempt))
        answer = announce()
        operation = client.operation(answer.operation_id)
        if operation.state == "failed":
            continue
        if operation.state == "succeeded":
            return Deposit(answer.operation_id, operation.document_id or answer.document_id, already=True)
        try:
            client.send(answer, original(), announce, progress)
        except UploadAbandonedError:
            # An earlier run announced it and was too late with the bytes.
            continue
        return Deposit(answer.operation_id, answer.document_id, already=False)
    msg = f"{body.filename}: {ATTEMPTS} uploads of it have failed; look at `artstore events`."
    raise Rejected(msg)


def finish(client: ArchiveClient, deposit: Deposit, seconds: float = WAIT_SECONDS) -> OperationBody:
    """Wait until the document is found. Raises what the operation failed with; ViewsBehind when it takes too long."""
    return ended_well(client.wait_operation(deposit.operation_id, seconds))


def ended_well(operation: OperationBody) -> OperationBody:
    """Return an operation that has ended, unless it has failed: its problem is raised as the error it was."""
    if operation.state == "failed":
        raise _reason(operation)
    return operation


def _announce(client: ArchiveClient, body: UploadBody, key: str) -> UploadAnswer:
    try:
        return client.request_upload(body, key)
    except IdempotencyKeyReused as error:
        detail = "This very file was put from this place before, with another description; nothing was added."
        raise IdempotencyKeyReused(detail) from error


def _reason(operation: OperationBody) -> ArtStoreError:
    if operation.problem is not None:
        return error_of_problem(operation.problem)
    return Rejected(f"Operation {operation.operation_id} has failed at step {operation.step}.")
