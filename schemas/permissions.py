"""Roles and what each may do: deny by default, one pure function. An unknown role may nothing."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """Everything that can be allowed, with one word each."""

    UPLOAD = "upload"
    READ = "read"
    SEARCH = "search"
    READ_EVENTS = "events:read"
    READ_ELEMENTS = "elements:read"
    READ_OPERATIONS = "operations:read"
    MANAGE_ACCOUNTS = "accounts:manage"
    MANAGE_KEYS = "keys:manage"


class Role(StrEnum):
    """The roles an account may have."""

    ADMINISTRATOR = "administrator"
    EDITOR = "editor"
    READER = "reader"
    AUDITOR = "auditor"


_READING = frozenset({Permission.READ, Permission.SEARCH, Permission.READ_ELEMENTS, Permission.READ_OPERATIONS})

GRANTS: Mapping[str, frozenset[Permission]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.EDITOR: _READING | {Permission.UPLOAD},
    Role.READER: _READING,
    Role.AUDITOR: _READING | {Permission.READ_EVENTS},
}


def allowed(role: str, permission: Permission) -> bool:
    """Tell whether `role` grants `permission`; False for every role that is not in the table."""
    return permission in GRANTS.get(role, frozenset())
