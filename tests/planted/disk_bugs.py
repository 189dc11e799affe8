"""The planted bugs about a disk that forgets, fails or is full: each step that makes something durable, taken away."""

from tests.planted.planting import Bug

AGENT = "tests/unit/storage_agent"
EXPLORER = "tests/campaigns/test_explorer.py"
# Every legal state of the disk at every moment of one verb; and of one that begins a new segment of the journal.
STATES = f"{EXPLORER}::test_no_legal_state_of_a_first_start_or_of_one_verb_breaks_a_promise"
SEGMENT_STATES = (
    f"{EXPLORER}::test_no_legal_state_behind_a_segment_that_ends_in_the_middle_of_something_breaks_a_promise"
)
# And those of a verb that begins while a document that was promised is still on its way into place.
FOLLOWING_STATES = f"{EXPLORER}::test_no_legal_state_of_a_verb_right_behind_a_document_breaks_a_promise"
JOURNAL = f"{AGENT}/test_journal.py"
FULL = f"{JOURNAL}::test_a_full_disk_is_helped_once_by_the_reserve_and_then_refuses_without_a_partial_line"
SEGMENTS = f"{AGENT}/test_segments.py"
ELEMENT = f"{AGENT}/test_element.py"
ROTTEN = f"{AGENT}/test_rotten_staging.py::test_a_rotten_body_is_known_by_its_digest_and_kept_in_the"
ROTTEN += "_quarantine_whatever_a_power_cut_forgets"

DISK_BUGS = (
    Bug(
        "a staged body not synced",
        "A document is promised whose bytes the drive does not have yet: a power cut leaves zeros.",
        "storage_agent/staging.py",
        "            self._put(chunk)\n            if self._handle is not None:\n"
        "                self._stagings.disk.sync(self._handle)\n            self._close()\n",
        "            self._put(chunk)\n            self._close()\n",
        (STATES,),
    ),
    Bug(
        "a staged body's name not synced",
        "A document is promised whose body has no name yet: after a power cut it is nowhere.",
        "storage_agent/staging.py",
        "            self._stagings.disk.sync_directory(path.parent)\n",
        "",
        (STATES,),
    ),
    Bug(
        "new directories not synced",
        "The hour's folder has no name in its day after a power cut, and takes its documents along.",
        "storage_agent/files.py",
        "        disk.make_directory(here / part)\n        disk.sync_directory(here)\n",
        "        disk.make_directory(here / part)\n",
        (STATES,),
    ),
    Bug(
        "the head of a segment not synced",
        "A new segment takes the place of the old one before its bytes are there: all answers are gone.",
        "storage_agent/journal.py",
        "        disk.write(handle, line, 0)\n        disk.sync(handle)\n",
        "        disk.write(handle, line, 0)\n",
        (SEGMENT_STATES,),
    ),
    Bug(
        "a segment's name not synced",
        "Commits go into a segment that has no name after a power cut.",
        "storage_agent/journal.py",
        "    disk.rename(_unfinished(path), path)\n    disk.sync_directory(path.parent)\n",
        "    disk.rename(_unfinished(path), path)\n",
        (SEGMENT_STATES,),
    ),
    Bug(
        "a segment shown before it is written",
        "The new segment gets its name while its head is still on the way to the drive.",
        "storage_agent/journal.py",
        "    handle = disk.create(scratch)\n    try:\n        disk.write(handle, line, 0)\n        disk.sync(handle)\n",
        "    handle = disk.create(scratch)\n    try:\n        disk.write(handle, line, 0)\n"
        "        disk.rename(scratch, path)\n        disk.sync_directory(folder)\n"
        "        disk.sync(handle)\n        disk.rename(path, scratch)\n",
        (SEGMENT_STATES,),
    ),
    Bug(
        "a small file replaced without its bytes",
        "Attributes and `element.json` get their names before their content is on the drive.",
        "storage_agent/files.py",
        "        for handle in handles:\n            disk.sync(handle)\n",
        "",
        (STATES,),
    ),
    Bug(
        "a mode that comes back",
        "The change of an element's mode is reported as done, and a power cut undoes it: old tickets are valid again.",
        "storage_agent/files.py",
        "    disk.rename(scratch, path)\n    disk.sync_directory(path.parent)\n",
        "    disk.rename(scratch, path)\n",
        (STATES,),
    ),
    Bug(
        "a refusal told before it is durable",
        "A ticket that was refused for good takes other bytes after a power cut.",
        "storage_agent/documents.py",
        "            await self._parts.journal.append(\n                refused_entry(\n",
        "            self._parts.journal.append_lazily(\n                refused_entry(\n",
        (STATES,),
    ),
    Bug(
        "a command accepted before it is durable",
        "A command counts as read, and after a power cut nobody works on it.",
        "storage_agent/answering.py",
        "        await self._parts.journal.append(\n            Command(\n",
        "        self._parts.journal.append_lazily(\n            Command(\n",
        (STATES,),
    ),
    Bug(
        "answers lost with a segment",
        "A new segment does not carry the tickets' answers: a repeated PUT is a stranger.",
        "storage_agent/memory.py",
        "            answers=self.ledger.answers(),\n",
        "            answers=(),\n",
        (SEGMENT_STATES,),
    ),
    Bug(
        "events lost with a segment",
        "A new segment does not carry what waits for the log: views never hear of those documents.",
        "storage_agent/memory.py",
        "            waiting=tuple(self.waiting.values()),\n",
        "",
        (SEGMENT_STATES,),
    ),
    Bug(
        "a segment forgets what is under way",
        "A commit whose files are not in place yet is not carried over: after a cut nobody puts them there.",
        "storage_agent/memory.py",
        "            unsettled=tuple(self.unsettled.values()),\n",
        "",
        (SEGMENT_STATES,),
    ),
    Bug(
        "in place before it is there",
        "The journal says that a document's files are in place while they are being put there: a cut leaves it half.",
        "storage_agent/settling.py",
        "        missing = await self._placed(batch)\n"
        "        for committed in batch:\n"
        "            self._memory.settle(committed.document_id, committed.version)\n"
        "            done = Materialised(document_id=committed.document_id, version=committed.version)\n"
        "            self._journal.append_lazily(done)\n",
        "        for committed in batch:\n"
        "            self._memory.settle(committed.document_id, committed.version)\n"
        "            done = Materialised(document_id=committed.document_id, version=committed.version)\n"
        "            self._journal.append_lazily(done)\n"
        "        missing = await self._placed(batch)\n",
        (FOLLOWING_STATES,),
    ),
    Bug(
        "a segment thrown away too early",
        "Events that the log may yet turn out to have lost are nowhere any more.",
        "storage_agent/journal.py",
        "        if number_of(successor) > needed_from or disk.modified(folder / name) > oldest:\n",
        "        if disk.modified(folder / name) > oldest:\n",
        (f"{JOURNAL}::test_a_segment_goes_when_it_is_a_week_old_and_nothing_in_it_waits",),
    ),
    Bug(
        "a torn tail taken for damage",
        "After a power cut in the middle of a write the element does not start.",
        "storage_agent/segments.py",
        "    if not _is_torn(data[good:], digest):\n",
        "    if data[good:]:\n",
        (STATES,),
    ),
    Bug(
        "damage taken for a torn tail",
        "A rotten line in the middle of the journal, and all commits behind it are cut off in silence.",
        "storage_agent/segments.py",
        "    if not _is_torn(data[good:], digest):\n",
        "    if good < 0:\n",
        (
            f"{SEGMENTS}::test_any_changed_byte_before_the_last_line_is_damage_and_nothing_is_cut",
            f"{SEGMENTS}::test_a_missing_line_is_damage",
        ),
    ),
    Bug(
        "what the drive says while it begins not heard",
        "The drive loses bytes that it was told to begin with, and a sync that knows of nothing unwritten is believed.",
        "storage_agent/files.py",
        "                raise OSError(refusal, os.strerror(refusal))\n",
        "                return\n",
        ("tests/contracts/test_disk.py::test_what_the_drive_says_when_it_begins_to_write_is_heard",),
    ),
    Bug(
        "staging not swept",
        "What a crash has left on its way stays for ever.",
        "storage_agent/recovery.py",
        "            disk.unlink(path)\n",
        "            del path\n",
        (STATES,),
    ),
    Bug(
        "a half-written segment not swept",
        "A segment that a crash has left unfinished stays for ever.",
        "storage_agent/recovery.py",
        "            disk.unlink(journal / name)\n",
        "            del name\n",
        (STATES,),
    ),
    Bug(
        "a body believed by its size",
        "A start takes what lies under a body's name for the body when it is as long.",
        "storage_agent/placing.py",
        '            digest = self.disk.sha256(path) if self.disk.is_file(path) else ""\n',
        '            digest = committed.sha256 if self.disk.size(path) == committed.size else ""\n',
        (ROTTEN,),
    ),
    Bug(
        "the quarantine not synced",
        "Damaged bytes that were put aside for whoever looks into it are swept away after a power cut.",
        "storage_agent/quarantine.py",
        "    disk.sync_directory(folders.quarantine)\n    disk.sync_directory(path.parent)\n",
        "",
        (ROTTEN,),
    ),
    Bug(
        "a failed sync tried again",
        "The second sync succeeds and has lost the bytes of the first: a commit is promised that the drive never got.",
        "storage_agent/gate.py",
        "                return await asyncio.to_thread(work, *args, **kwargs)\n",
        "                try:\n"
        "                    return await asyncio.to_thread(work, *args, **kwargs)\n"
        "                except (OSError, DiskFailed):\n"
        "                    return await asyncio.to_thread(work, *args, **kwargs)\n",
        (f"{JOURNAL}::test_a_failed_call_is_final_nothing_is_acknowledged_any_more",),
    ),
    Bug(
        "work after a failed disk",
        "The disk has failed, and the agent goes on acknowledging.",
        "storage_agent/gate.py",
        "        if self._failure is not None:\n"
        "            raise DiskFailed(self._failure.detail) from self._failure\n",
        "",
        (f"{AGENT}/test_gate.py::test_every_other_error_closes_the_gate_for_good",),
    ),
    Bug(
        "an old epoch accepted",
        "A ticket from before the change of mode still opens the element.",
        "storage_agent/admission.py",
        "    if ticket.mode_epoch != identity.mode_epoch:\n        raise StaleEpoch\n",
        "",
        (f"{ELEMENT}::test_a_changed_mode_raises_the_epoch_fences_old_tickets_and_is_announced",),
    ),
    Bug(
        "two agents on one element",
        "The lock is not taken: two agents write one journal.",
        "storage_agent/files.py",
        "            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "",
        (f"{ELEMENT}::test_a_second_agent_on_the_same_root_is_refused",),
    ),
    Bug(
        "the reserve never taken back",
        "After the disk was full once nothing is kept back any more: the next full disk stops what was begun.",
        "storage_agent/reserve.py",
        "            self._allocate()\n",
        "            pass\n",
        (FULL,),
    ),
    Bug(
        "half a line left on a full disk",
        "What did not fit stays behind the last line, and takes the room that the next one needs.",
        "storage_agent/journal.py",
        "        self._disk.truncate(self._handle, self._tail.end)\n",
        "        del self\n",
        (FULL,),
    ),
)
