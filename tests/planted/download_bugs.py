"""The planted bugs of downloads: what is remembered outlives what it was worked out from, a drive stops everybody."""

from tests.planted.planting import Bug

TICKETS = "tests/unit/runtime/test_known_tickets.py"
DOWNLOADS = "tests/unit/storage_agent/test_downloads.py"

DOWNLOAD_BUGS = (
    Bug(
        "a ticket outlives its key",
        "A key is taken away, and what it has signed is believed until it expires.",
        "infra/runtime/security.py",
        '    key = ring.find(header["kid"]) if isinstance(header["kid"], str) else None\n',
        '    key = ring.find(str(header["kid"])) if before is None else before.key\n',
        (
            f"{TICKETS}::test_every_answer_is_the_same_with_and_without_what_is_remembered",
            f"{TICKETS}::test_what_was_believed_a_moment_ago_is_refused_at_once",
        ),
    ),
    Bug(
        "a signature remembered for any key",
        "Another key takes the place of the one that signed, under its name, and the old ticket is still believed.",
        "infra/runtime/security.py",
        "    if before is None or before.key != key:\n",
        "    if before is None:\n",
        (f"{TICKETS}::test_what_was_believed_a_moment_ago_is_refused_at_once",),
    ),
    Bug(
        "a ticket believed once is believed for ever",
        "The time is looked at only when the signature is.",
        "infra/runtime/security.py",
        "    _check_claims(claims, expected, now, key.active_from)\n",
        "    if before is None:\n        _check_claims(claims, expected, now, key.active_from)\n",
        (
            f"{TICKETS}::test_every_answer_is_the_same_with_and_without_what_is_remembered",
            f"{TICKETS}::test_what_was_believed_a_moment_ago_is_refused_at_once",
        ),
    ),
    Bug(
        "attributes remembered by their size",
        "Attributes that were changed on the drive are taken for what they were, seal and all.",
        "storage_agent/holdings.py",
        "            self._parsed.keep(attr, attributes)\n",
        "            self._parsed.keep(attr, attributes)\n"
        "            self._parsed.get = lambda other: attributes if len(other) == len(attr) else None\n",
        (f"{DOWNLOADS}::test_attributes_that_change_on_the_drive_are_not_what_they_were",),
    ),
    Bug(
        "a description remembered by the digest of the bytes",
        "A document whose attributes were rewritten is given under the name that it had before.",
        "storage_agent/downloads.py",
        "        told = self._known.get(found.attr)\n",
        "        told = next((known for known in self._known._values.values()"
        " if known.stored.sha256 == found.attributes.content.sha256), None)\n",
        (f"{DOWNLOADS}::test_a_document_is_described_as_its_attributes_are_now",),
    ),
    Bug(
        "the drive asked on the loop",
        "A drive that spins up stops everybody, those included who want nothing from it.",
        "storage_agent/downloads.py",
        "await self._looks.ask(self._opened, document_id, version, bytes_wanted)",
        "self._opened(document_id, version, bytes_wanted)",
        (f"{DOWNLOADS}::test_the_loop_turns_while_a_drive_takes_its_time",),
    ),
)
