"""All views, in the order in which they are made."""

from projections.accounts import fold as accounts
from projections.documents import fold as documents
from projections.documents.gaps import watch_gaps
from projections.elements import fold as elements
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

NEWER_ATTRIBUTES = "excluded.attr_seq > held.attr_seq"

DOCUMENTS = View(
    "documents",
    (DOCUMENT_EVENT,),
    documents.fold_received,
    (
        Table("documents", documents.DocumentRow, ("document_id",), NEWER_ATTRIBUTES),
        Table("versions", documents.VersionRow, ("document_id", "version"), NEWER_ATTRIBUTES),
    ),
    watch_gaps,
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
            "excluded.text_version > held.text_version",
            "attempts = 0, requested_at = now(), next_attempt_at = now()",
        ),
    ),
)
ELEMENTS = View(
    "elements",
    (ELEMENT_EVENT, ELEMENT_STATUS),
    elements.fold_received,
    (
        Table("elements", elements.ElementRow, ("element_id",), "excluded.mode_epoch > held.mode_epoch"),
        Table("element_status", elements.StatusRow, ("element_id",), "excluded.last_seen_at > held.last_seen_at"),
    ),
)
OPERATIONS = View(
    "operations",
    (SAGA_INBOX, SAGA_EVENT),
    operations.fold,
    (
        Table("requests", operations.RequestRow, ("operation_id",)),
        Table("sagas", operations.SagaRow, ("operation_id",), "excluded.version > held.version"),
    ),
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
)

VIEWS = (DOCUMENTS, TEXTS, ELEMENTS, OPERATIONS, ACCOUNTS, KEYS, TIMELINE)
