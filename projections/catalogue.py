"""All views, in the order in which they are made."""

from projections.accounts import fold as accounts
from projections.documents import fold as documents
from projections.documents.gaps import find_gaps, watch_gaps
from projections.elements import fold as elements
from projections.fixity import fold as fixity
from projections.keys import fold as keys
from projections.operations import fold as operations
from projections.tables import Table
from projections.texts import fold as texts
from projections.timeline import fold as timeline
from projections.view import View
from schemas.topics import (
    DOCUMENT_EVENT,
    ELEMENT_EVENT,
    ELEMENT_STATUS,
    EVENT_TOPICS,
    IDENTITY_EVENT,
    KEY_EVENT,
    SAGA_EVENT,
    SAGA_INBOX,
)

DOCUMENTS = View(
    "documents",
    (DOCUMENT_EVENT,),
    documents.fold_received,
    (
        Table("documents", documents.DocumentRow, ("document_id",), "attr_seq"),
        Table("versions", documents.VersionRow, ("document_id", "version"), "attr_seq"),
    ),
    watch_gaps,
    find_gaps,
    large=True,
)
TEXTS = View(
    "texts",
    (DOCUMENT_EVENT,),
    texts.fold,
    (
        Table(
            "texts",
            texts.TextRow,
            ("document_id", "version"),
            "text_version",
            "attempts = 0, requested_at = now(), next_attempt_at = now()",
        ),
    ),
    large=True,
)
ELEMENTS = View(
    "elements",
    (ELEMENT_EVENT, ELEMENT_STATUS),
    elements.fold_received,
    (
        Table("elements", elements.ElementRow, ("element_id",), "mode_epoch"),
        Table("element_status", elements.StatusRow, ("element_id",), "last_seen_at"),
    ),
)
FIXITY = View(
    "fixity",
    (DOCUMENT_EVENT, ELEMENT_EVENT),
    fixity.fold,
    (
        Table("damages", fixity.DamageRow, ("document_id", "version"), "number"),
        Table("scrubs", fixity.ScrubRow, ("element_id",), "finished_at"),
    ),
    # Few rows, but of a log that every other large view reads as well: a rebuild reads it once for all of them.
    large=True,
)
OPERATIONS = View(
    "operations",
    (SAGA_INBOX, SAGA_EVENT),
    operations.fold,
    (
        Table("requests", operations.RequestRow, ("operation_id",)),
        Table("sagas", operations.SagaRow, ("operation_id",), "version"),
    ),
    large=True,
)
ACCOUNTS = View(
    "accounts", (IDENTITY_EVENT,), accounts.fold, (Table("accounts", accounts.AccountRow, ("account_id",)),)
)
KEYS = View("keys", (KEY_EVENT,), keys.fold, (Table("keys", keys.KeyRow, ("key_id",)),))
TIMELINE = View(
    "timeline",
    EVENT_TOPICS,
    timeline.fold,
    (Table("timeline", timeline.EventRow, ("topic", "partition", "log_offset")),),
    large=True,
)

VIEWS = (DOCUMENTS, TEXTS, ELEMENTS, FIXITY, OPERATIONS, ACCOUNTS, KEYS, TIMELINE)
