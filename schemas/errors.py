"""The one tree of errors: four families decide what happens, each class has a stable code and says what to do.

ArtStoreError
|- Rejected    a rule says no: 4xx at the edge, a fact in the log, never retried
|- Transient   may pass: 503 with Retry-After, retried with a bounded back-off
|- Corrupted   bytes are not what was promised: quarantine and alarm
`- Malformed   cannot be understood: 400 at the edge, a dead letter at once
"""

from schemas.error_families import ArtStoreError, Corrupted, FieldError, Malformed, Rejected, Transient

__all__ = ["ArtStoreError", "Corrupted", "FieldError", "Malformed", "Rejected", "Transient"]


class InvalidCredentials(Rejected):
    """The login or the password is wrong. Check both and sign in again."""

    code = "invalid_credentials"
    title = "Wrong login or password"


class Unauthenticated(Rejected):
    """A valid access token is needed. Sign in at /api/v1/auth/token and send it as a Bearer token."""

    code = "unauthenticated"
    title = "Not signed in"


class InvalidTicket(Rejected):
    """The ticket is not valid here. Ask the gateway for a new one."""

    code = "invalid_ticket"
    title = "Ticket refused"


class PermissionDenied(Rejected):
    """The role of this account does not allow this. Ask an administrator for a role that does."""

    code = "permission_denied"
    title = "Not allowed"


class UnsignedRequest(Rejected):
    """A request that changes accounts or keys does not carry the installation's signature. It was ignored."""

    code = "unsigned_request"
    title = "Signature missing or wrong"


class NotFound(Rejected):
    """There is no such thing, or it is not visible to this account. Check the identifier."""

    code = "not_found"
    title = "Not found"


class MethodNotAllowed(Rejected):
    """This address does not take this method. The Allow header names those it takes."""

    code = "method_not_allowed"
    title = "Method not allowed"


class RangeNotSatisfiable(Rejected):
    """The range lies outside the document. Content-Range gives its size."""

    code = "range_not_satisfiable"
    title = "Range not satisfiable"


class PreconditionFailed(Rejected):
    """The document is not the one that the condition names. Read it again."""

    code = "precondition_failed"
    title = "Precondition failed"


class ElementUnavailable(Rejected):
    """The storage element does not take this upload. Choose another element, or leave the choice to the archive."""

    code = "element_unavailable"
    title = "Storage element does not take it"


class ModeForbids(Rejected):
    """The storage element's mode does not allow this. Choose an element in a mode that does."""

    code = "mode_forbids"
    title = "Forbidden by the element's mode"


class StaleEpoch(Rejected):
    """The element has changed its mode since the ticket was written. Ask the gateway for a new ticket."""

    code = "stale_epoch"
    title = "Element changed meanwhile"


class LoginTaken(Rejected):
    """An account with this login exists. Choose another login."""

    code = "login_taken"
    title = "Login already taken"


class KeyInUse(Rejected):
    """This key signs now. Let a new one take its place in the same request (`replace`): everybody signs in anew."""

    code = "key_in_use"
    title = "Key in use"


class IdempotencyKeyReused(Rejected):
    """The Idempotency-Key was used for a different request. Use a new key for a new request."""

    code = "idempotency_key_reused"
    title = "Idempotency-Key used before"


class UploadConflict(Rejected):
    """The document was already committed with other content. The ticket is spent."""

    code = "upload_conflict"
    title = "Other content was committed before"


class WrongOffset(Rejected):
    """The bytes are for another place of the upload than the next one. Ask with HEAD for the offset and go on there."""

    code = "wrong_offset"
    title = "Wrong offset"


class UploadAbandonedError(Rejected):
    """The upload's deadline has passed and it was abandoned; nothing is kept. Begin a new upload."""

    code = "upload_abandoned"
    title = "Upload abandoned"


class TypeRefused(Rejected):
    """The archive's policy refuses content of this type, whatever it is declared to be. Nothing is kept."""

    code = "type_refused"
    title = "Type of content refused"


class SizeMismatch(Rejected):
    """The number of bytes differs from the announced one. Nothing is kept; send it again with the same ticket."""

    code = "size_mismatch"
    title = "Size differs from the announced one"


class DigestMismatch(Rejected):
    """The bytes do not have the announced SHA-256. Nothing is kept; send them again with the same ticket."""

    code = "digest_mismatch"
    title = "Digest differs from the announced one"


class ChecksumMismatch(Rejected):
    """The bytes of this request do not have the checksum in Upload-Checksum. None of them is kept; send them again."""

    code = "checksum_mismatch"
    title = "Checksum differs"


class UploadLocked(Rejected):
    """Another request has taken this upload over. Ask by HEAD how far it is."""

    code = "upload_locked"
    title = "Upload taken over"


class TusVersionUnsupported(Rejected):
    """Tus-Resumable must say 1.0.0: no other version of the protocol is spoken here."""

    code = "tus_version_unsupported"
    title = "Version of tus not spoken here"


class LengthRequired(Rejected):
    """Content-Length is needed. Send the size of the body in it."""

    code = "length_required"
    title = "Content-Length required"


class TooLarge(Rejected):
    """Something is larger than its limit. The errors name what to shorten."""

    code = "too_large"
    title = "Too large"


class HeadersTooLarge(TooLarge):
    """The head of the request is larger than it may be, or has too many fields. Send fewer or shorter ones."""

    code = "headers_too_large"
    title = "Head of the request too large"


class UnsupportedMediaType(Rejected):
    """The body's media type is not understood here. Use the one named in the API."""

    code = "unsupported_media_type"
    title = "Unsupported media type"


class InsufficientStorage(Rejected):
    """The storage element has no room for this document. Try again later, or use another element."""

    code = "insufficient_storage"
    title = "No room left"


class ConfigurationInvalid(Rejected):
    """A setting is missing, unknown or wrong. The message names it and what to do."""

    code = "configuration_invalid"
    title = "Configuration refused"


class ElementBusy(Rejected):
    """Another agent holds this element's root. Stop it first: two agents on one disk are impossible."""

    code = "element_busy"
    title = "Element held by another agent"


class DependencyUnavailable(Transient):
    """A server that this needs does not answer. Repeat the request after the time in Retry-After."""

    code = "dependency_unavailable"
    title = "A server is away"


class DatabaseUnavailable(DependencyUnavailable):
    """The database does not answer. Repeat the request after the time in Retry-After."""

    code = "database_unavailable"
    title = "Database is away"


class LogUnavailable(DependencyUnavailable):
    """The event log does not acknowledge. Repeat the request after the time in Retry-After."""

    code = "log_unavailable"
    title = "Event log is away"


class AgentUnavailable(DependencyUnavailable):
    """The storage element's agent does not answer. Repeat the request after the time in Retry-After."""

    code = "agent_unavailable"
    title = "Storage agent is away"


class ViewsBehind(Transient):
    """The views have not yet caught up with this request. Repeat it after the time in Retry-After."""

    code = "views_behind"
    title = "Views are catching up"


class Busy(Transient):
    """A bounded queue is full. Repeat the request after the time in Retry-After."""

    code = "busy"
    title = "Busy"


class BusyWithYou(Busy):
    """As many requests from this address are under way as it may have. Repeat yours in a moment."""

    code = "busy_with_you"
    title = "Too many requests at once"


class TooManyAttempts(Transient):
    """Too many wrong passwords for this login or from this address. Try again after the time in Retry-After."""

    code = "too_many_attempts"
    title = "Too many attempts"


class Stopping(Transient):
    """This program is stopping. Repeat the request; another instance, or its successor, will answer."""

    code = "stopping"
    title = "Stopping"


class ConnectionBroken(Transient):
    """The connection broke before the last byte. Nothing is kept; send it again with the same ticket."""

    code = "connection_broken"
    title = "Connection broke"


class SealBroken(Corrupted):
    """The seal of an attribute file does not match its bytes."""

    code = "seal_broken"
    title = "Seal broken"


class BodyDamaged(Corrupted):
    """A document's bytes do not have the SHA-256 that its attributes promise."""

    code = "body_damaged"
    title = "Content damaged"


class JournalDamaged(Corrupted):
    """The journal is damaged before its end. The agent does not start; restore the element or ask the operator."""

    code = "journal_damaged"
    title = "Journal damaged"


class DiskFailed(Corrupted):
    """The disk refused to make bytes durable. The agent stops acknowledging and exits."""

    code = "disk_failed"
    title = "Disk failed"


class InvalidRequest(Malformed):
    """The request has wrong fields. The errors name each place and what is expected there."""

    code = "invalid_request"
    title = "Invalid request"


class InvalidCursor(Malformed):
    """The cursor was not made by this list. Begin again without it."""

    code = "invalid_cursor"
    title = "Invalid cursor"


class UndecodableRecord(Malformed):
    """A record cannot be decoded. It is kept among the dead letters with this cause."""

    code = "undecodable_record"
    title = "Undecodable record"


class UnknownSchema(UndecodableRecord):
    """A record names a schema that this release does not know. It is kept among the dead letters."""

    code = "unknown_schema"
    title = "Unknown schema"


class WrongKey(UndecodableRecord):
    """A record's key is not the identifier of its aggregate. It is kept among the dead letters."""

    code = "wrong_key"
    title = "Wrong record key"
