"""The planted bugs: one wrong line each, what it would cost, and the tests that notice."""

from tests.planted.disk_bugs import DISK_BUGS
from tests.planted.download_bugs import DOWNLOAD_BUGS
from tests.planted.key_bugs import KEY_BUGS
from tests.planted.log_bugs import LOG_BUGS
from tests.planted.planting import Bug
from tests.planted.readable_bugs import READABLE_BUGS
from tests.planted.resumed_bugs import RESUMED_BUGS
from tests.planted.rot_bugs import ROT_BUGS
from tests.planted.wire_bugs import WIRE_BUGS

AGENT = "tests/unit/storage_agent"
CRASHES = f"{AGENT}/test_crashes.py::test_a_power_cut_at_any_step_that_forgets_all_that_was_not_synced_loses_nothing"
CRASHES += "_acknowledged"
TAKEN = f"{AGENT}/test_taken_away.py"
SECURITY = "tests/unit/runtime/test_security.py"
SAGAS = "tests/sagas"
BATCH_CRASHES = f"{SAGAS}/test_batches.py::test_a_crash_at_any_record_inside_a_batch_costs_nothing"
EVENTS_OUT = "await _all(self._publisher.publish(stored.record) for stored in moved)\n"
OUTPUTS_OUT = "await _all(self._one_after_another([as_record(o) for o in stored.event.outputs]) for stored in moved)\n"
PROGRESS = "tests/unit/stream_processors/test_progress.py"
GUARD = "tests/unit/stream_processors/test_guard.py"

BUGS = (
    *DISK_BUGS,
    *DOWNLOAD_BUGS,
    *KEY_BUGS,
    *LOG_BUGS,
    *ROT_BUGS,
    *READABLE_BUGS,
    *WIRE_BUGS,
    *RESUMED_BUGS,
    Bug(
        "answer before the journal is synced",
        "A commit is told before the drive has it: a power cut takes back a document that was promised.",
        "storage_agent/journal.py",
        "        self._disk.write(self._handle, line, self._tail.end)\n        self._disk.sync(self._handle)\n",
        "        self._disk.write(self._handle, line, self._tail.end)\n",
        (CRASHES,),
    ),
    Bug(
        "attributes not synced",
        "The attribute file is put in place before its bytes are on the drive: a power cut leaves it empty.",
        "storage_agent/placing.py",
        "        try:\n            write_all_synced(self.disk, files)\n",
        "        try:\n"
        "            for scratch, data in files.items():\n"
        "                handle = self.disk.create(scratch)\n"
        "                self.disk.write(handle, data, 0)\n"
        "                self.disk.close(handle)\n",
        (CRASHES,),
    ),
    Bug(
        "names not synced",
        "A document's directory is not synced: after a power cut body and attributes have no names.",
        "storage_agent/placing.py",
        "            self.disk.sync_directory(self.folders.root / directory)\n",
        "            pass\n",
        (CRASHES,),
    ),
    Bug(
        "damaged bytes left in place",
        "What is not the document's content is served under its name after a crash.",
        "storage_agent/placing.py",
        "        if digest != committed.sha256:\n",
        "        if digest in {NotImplemented}:\n",
        (f"{TAKEN}::test_a_body_that_is_gone_before_its_commit_was_finished_is_told_as_missing_and_stops_nothing",),
    ),
    Bug(
        "one document shuts an element",
        "An element whose operator took one file away does not open again, and nothing of it can be read.",
        "storage_agent/recovery.py",
        "    return Recovered(memory, tail, redone, missing, unread, uploads)\n",
        "    if missing:\n        raise LookupError(missing)\n"
        "    return Recovered(memory, tail, redone, missing, unread, uploads)\n",
        (f"{TAKEN}::test_a_body_that_is_gone_before_its_commit_was_finished_is_told_as_missing_and_stops_nothing",),
    ),
    Bug(
        "event before the files",
        "The log tells of a document whose files are not in place yet.",
        "storage_agent/memory.py",
        "            if number in held or waiting.lane in lanes:\n",
        "            if waiting.lane in lanes:\n",
        (
            (
                f"{AGENT}/test_outbox.py::"
                "test_while_files_are_on_their_way_the_document_is_read_from_the_record_and_not_told"
            ),
        ),
    ),
    Bug(
        "reply before its fact",
        "The saga goes on about a document of which the log does not tell.",
        "storage_agent/commitment.py",
        "records=stored((fact, reply), traceparent)",
        "records=stored((reply, fact), traceparent)",
        (f"{AGENT}/test_uploads.py::test_the_fact_goes_out_before_the_reply_that_announces_it",),
    ),
    Bug(
        "a command worked on twice",
        "A command that is delivered again is taken as a new one and answered twice.",
        "storage_agent/answering.py",
        "if self._parts.memory.knows_command(command_id):",
        "if not command_id:",
        (
            f"{AGENT}/test_abandoning.py::test_a_command_is_journalled_once_survives_a_restart_and_is_answered_once",
            f"{AGENT}/test_commands.py::test_an_abandoned_upload_is_answered_at_once_and_only_once",
        ),
    ),
    Bug(
        "a record decided twice",
        "A record that is delivered again after a crash does not send again what the crash cut off.",
        "stream_processors/decider.py",
        "if current is not None and current.event.cause_id == received.message.meta.event_id:",
        "if current is not None and not received.message.meta.event_id:",
        (
            (
                f"{SAGAS}/test_every_step_failed.py::"
                "test_a_decider_that_dies_sends_the_same_records_when_the_message_comes_again"
            ),
        ),
    ),
    Bug(
        "a repeat sends nothing",
        "The decider knows a record that comes again, and takes for granted that all that follows from it went out.",
        "stream_processors/decider.py",
        "                    moved.append(current)\n",
        "",
        (BATCH_CRASHES,),
    ),
    Bug(
        "acknowledged before it is sent",
        "The decider acknowledges its input although nothing of what follows from it went out.",
        "stream_processors/decider.py",
        "            await self._send(await self._moved(wave))\n",
        "            await self._moved(wave)\n",
        (f"{SAGAS}/test_every_step_failed.py::test_every_story_ends_and_its_log_alone_tells_how", BATCH_CRASHES),
    ),
    Bug(
        "a failed send forgotten",
        "One record of a batch that the log did not take does not keep the batch from being acknowledged.",
        "stream_processors/decider.py",
        "            raise answer\n",
        "            continue\n",
        (BATCH_CRASHES,),
    ),
    Bug(
        "two versions of a saga at once",
        "A saga's next version takes the place of one whose outputs are not out: a crash loses them for ever.",
        "stream_processors/decider.py",
        "        for wave in waves(batch):\n"
        "            started = time.monotonic()\n"
        "            await self._send(await self._moved(wave))\n",
        "        moved = [stored for wave in waves(batch) for stored in await self._moved(wave)]\n"
        "        for wave in [batch]:\n"
        "            started = time.monotonic()\n"
        "            await self._send(moved)\n",
        (BATCH_CRASHES,),
    ),
    Bug(
        "outputs before their event",
        "Commands go out that follow from a version of which the log does not tell yet.",
        "stream_processors/decider.py",
        f"        {EVENTS_OUT}        {OUTPUTS_OUT}",
        f"        {OUTPUTS_OUT}        {EVENTS_OUT}",
        (f"{SAGAS}/test_batches.py::test_a_batch_sends_what_its_records_send_one_by_one_events_before_outputs",),
    ),
    Bug(
        "a batch let go unfinished",
        "A processor that is told to stop acknowledges the batch that it has in work.",
        "stream_processors/runtime/guard.py",
        "            await self._finished(work)\n",
        "",
        (
            f"{GUARD}::test_a_cancelled_handler_finishes_its_record_first",
            f"{GUARD}::test_a_cancelled_handler_that_cannot_finish_ends_the_process_before_its_record_is_committed",
        ),
    ),
    Bug(
        "a batch acknowledged before it is done",
        "What a processor has read and not yet decided is lost when it ends.",
        "stream_processors/runtime/worker.py",
        "                try:\n                    await self._guard.take",
        "                await self._acknowledge(batch)\n"
        "                try:\n                    await self._guard.take",
        (
            (
                "tests/integration/test_processor.py::"
                "test_a_stop_while_the_database_is_away_leaves_the_record_for_the_next_start"
            ),
        ),
    ),
    Bug(
        "an acknowledgement over a gap",
        "A record that the reader passed over while the group changed is never decided.",
        "stream_processors/runtime/progress.py",
        "if offset in {expected, held}:",
        "if offset >= expected:",
        (
            f"{PROGRESS}::test_records_behind_a_gap_are_read_again_from_where_it_begins",
            f"{PROGRESS}::test_every_record_that_is_there_is_taken_once_and_in_order",
        ),
    ),
    Bug(
        "position without rows",
        "How far a view has read is committed before its rows: a crash in between loses them for ever.",
        "projections/writing.py",
        "                connection.transaction(),\n",
        "",
        ("tests/integration/test_projections_projector.py::test_a_crash_between_position_and_rows_leaves_neither",),
    ),
    Bug(
        "a position moved although another stays",
        "Of the partitions that are written together, some move while another writer has the others.",
        "projections/position.py",
        "AND (SELECT count(*) FROM held) = $6",
        "AND $6 > 0",
        ("tests/integration/test_projections_writing.py::test_nothing_is_written_when_the_view_stands_elsewhere",),
    ),
    Bug(
        "an upload's deadline ignored",
        "A client that never brings its bytes leaves its upload open for ever.",
        "stream_processors/sagas/upload.py",
        "            return _abandoning(state, message)\n",
        "            return None\n",
        (
            f"{SAGAS}/test_upload.py::test_the_deadline_asks_the_element_to_give_up_and_asks_again",
            f"{SAGAS}/test_races.py::test_whatever_the_order_the_saga_ends_as_the_elements_ledger_says",
        ),
    ),
    Bug(
        "content after the last moment",
        "Bytes are taken after the moment that no renewal can move, when the saga may have ended.",
        "storage_agent/admission.py",
        "    if ticket.deadline_at_max <= now:\n        raise UploadAbandonedError\n",
        "",
        (f"{AGENT}/test_last_moment.py::test_bytes_that_are_whole_only_after_the_last_moment_are_not_committed",),
    ),
    Bug(
        "seal unchecked",
        "An attribute file that was altered is believed.",
        "schemas/sealing.py",
        "    if hashlib.sha256(zeroed).hexdigest() != digest:\n        raise SealBroken\n",
        "",
        (
            "tests/unit/schemas/test_sealing.py::test_no_flipped_bit_goes_unseen",
            "tests/unit/projections/test_documents_fold.py::test_a_flipped_letter_is_noticed",
        ),
    ),
    Bug(
        "expired ticket accepted",
        "A ticket or a token is believed after its end.",
        "infra/runtime/security.py",
        '    if expires <= moment:\n        raise _RefusedError("it has expired")\n',
        "",
        (
            f"{SECURITY}::test_tokens_end_when_they_say_and_never_before_their_key_begins",
            "tests/unit/api_gateway/test_sessions.py::test_an_expired_token_is_refused",
            "tests/hostile/test_tokens.py::test_no_forged_token_opens_the_gateway",
            "tests/hostile/test_tokens.py::test_no_forged_ticket_opens_the_agent",
        ),
    ),
    Bug(
        "ticket of another element accepted",
        "What one element may take is taken by another, and the saga waits for the first.",
        "infra/runtime/security.py",
        '    if claims.get("aud") != expected.audience:\n',
        '    if not claims.get("aud"):\n',
        (
            f"{SECURITY}::test_a_ticket_is_worth_nothing_elsewhere_otherwise_or_later",
            "tests/hostile/test_tokens.py::test_no_forged_ticket_opens_the_agent",
        ),
    ),
    Bug(
        "ticket of another document accepted",
        "A ticket opens every document of its element.",
        "storage_agent/access.py",
        "    if (ticket.document_id, ticket.document_version) != wanted_version(request):\n",
        "    if not wanted_version(request):\n",
        (
            f"{AGENT}/test_uploads.py::test_a_ticket_opens_its_own_address_only",
            f"{AGENT}/test_downloads.py::test_without_a_ticket_for_this_document_nothing_is_given",
            "tests/hostile/test_tokens.py::test_no_forged_ticket_opens_the_agent",
        ),
    ),
    Bug(
        "signature unchecked",
        "Anybody may write a token for himself.",
        "infra/runtime/security.py",
        '        raise _RefusedError("its signature is wrong") from error\n',
        "        del error\n",
        (
            f"{SECURITY}::test_an_altered_token_is_refused",
            "tests/hostile/test_tokens.py::test_no_forged_token_opens_the_gateway",
            "tests/hostile/test_tokens.py::test_no_forged_ticket_opens_the_agent",
        ),
    ),
    Bug(
        "unknown header accepted",
        "A token whose header demands what nobody here understands (`crit`) is believed.",
        "infra/runtime/security.py",
        "    if set(header) != HEADER_NAMES or header",
        "    if not HEADER_NAMES <= set(header) or header",
        (
            f"{SECURITY}::test_nothing_is_believed_that_joserfc_with_strict_claims_refuses",
            "tests/hostile/test_tokens.py::test_no_forged_token_opens_the_gateway",
        ),
    ),
    Bug(
        "unsigned account request accepted",
        "Whoever can write to the inbox makes himself an administrator.",
        "stream_processors/sagas/signed.py",
        "    if not given.verified:\n",
        "    if not given:\n",
        (f"{SAGAS}/test_account_and_key.py::test_an_unsigned_request_fails_and_makes_no_account",),
    ),
    Bug(
        "abandon after commit",
        "An upload is given up although its document was promised.",
        "storage_agent/answering.py",
        "        if found is not None:\n",
        "        if found is not None and not found.document_id:\n",
        (
            f"{AGENT}/test_abandoning.py::test_an_abandon_after_the_commit_is_answered_with_the_commit",
            f"{AGENT}/test_abandoning.py::test_an_abandon_that_races_a_commit_has_one_winner_in_both_orders",
        ),
    ),
    Bug(
        "other bytes under a spent ticket",
        "A second PUT with other bytes is told that they are stored.",
        "storage_agent/uploads.py",
        "        if announced != receipt.sha256:\n            raise UploadConflict\n",
        "",
        (f"{AGENT}/test_uploads.py::test_a_repeated_put_gets_the_same_answer_and_other_bytes_a_conflict",),
    ),
    Bug(
        "succeeded before found",
        "An operation is shown as succeeded while no search finds its document.",
        "api_gateway/operations.py",
        '    waits = operation.status == "succeeded" and not operation.found\n',
        "    waits = False\n",
        ("tests/unit/api_gateway/test_operations.py::test_success_is_shown_only_once_it_is_found",),
    ),
    Bug(
        "unknown role allowed",
        "A role that nobody has defined may everything.",
        "schemas/permissions.py",
        "GRANTS.get(role, frozenset())",
        "GRANTS.get(role, frozenset(Permission))",
        (
            "tests/unit/schemas/test_rules.py::test_an_unknown_role_may_nothing",
            (
                "tests/unit/api_gateway/test_sessions.py::"
                "test_each_role_may_what_the_table_says_and_an_unknown_one_nothing"
            ),
        ),
    ),
    Bug(
        "a range ends one byte late",
        "A range behind the document's end is promised one byte more than there is.",
        "storage_agent/ranges.py",
        "min(last, size - 1)",
        "min(last, size)",
        (f"{AGENT}/test_ranges.py::test_what_is_well_formed_is_honoured",),
    ),
    Bug(
        "a name cut at characters",
        "A long Cyrillic name is longer than a file's name may be, and its document cannot be stored.",
        "storage_agent/layout.py",
        'text.encode()[:bytes_max].decode("utf-8", "ignore")',
        "text[:bytes_max]",
        (f"{AGENT}/test_layout.py::test_a_name_is_cut_on_a_character_border_and_keeps_its_extension",),
    ),
    Bug(
        "a lower sequence wins",
        "An event that is read again puts a view back to an earlier state of a document.",
        "projections/documents/fold.py",
        '        """The higher sequence number wins."""\n        return self.attr_seq\n\n\nclass VersionRow',
        '        """The higher sequence number wins."""\n        return -self.attr_seq\n\n\nclass VersionRow',
        ("tests/unit/projections/test_documents_fold.py::test_a_lower_sequence_number_never_replaces_a_higher_one",),
    ),
    Bug(
        "poison stops a view",
        "One record that cannot be understood keeps a view from everything behind it.",
        "projections/batch.py",
        "        except (Malformed, Corrupted) as error:\n",
        "        except NotImplementedError as error:\n",
        (
            (
                "tests/unit/projections/test_batch.py::"
                "test_an_undecodable_record_becomes_a_letter_and_its_neighbours_become_rows"
            ),
        ),
    ),
)
