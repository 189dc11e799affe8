"""The planted bugs of fixity: wrong bytes given, damage told twice or never, a scrub that stops or begins anew."""

from tests.planted.planting import Bug

AGENT = "tests/unit/storage_agent"
SCRUB = f"{AGENT}/test_scrub.py"
WALK = f"{AGENT}/test_scrub_walk.py"
DOWNLOADS = f"{AGENT}/test_damaged_downloads.py"
PROVEN = f"{AGENT}/test_proven_downloads.py"
VIEW = "tests/unit/projections/test_fixity_fold.py"
READING = "tests/unit/api_gateway/test_reading.py"

ROT_BUGS = (
    Bug(
        "small bodies given unchecked",
        "A document of a few bytes that has rotted is given to whoever asks for it.",
        "storage_agent/giving.py",
        "    if hashlib.sha256(body).hexdigest() != sha256:\n",
        "    if not sha256:\n",
        (f"{DOWNLOADS}::test_no_byte_of_a_rotten_small_document_leaves_whatever_part_is_asked_for",),
    ),
    Bug(
        "large bodies given to their end",
        "A large document that has rotted arrives whole, and is taken for what was stored.",
        "storage_agent/giving.py",
        "    if digest.hexdigest() != sha256:\n",
        "    if not sha256:\n",
        (f"{DOWNLOADS}::test_a_rotten_large_document_breaks_off_before_its_last_piece",),
    ),
    Bug(
        "a changed file believed",
        "Who has read a large document once gives everybody whatever lies in its place now.",
        "storage_agent/proofs.py",
        "        if reading is None or (reading.state, reading.sha256) != (self._state, self._sha256):\n",
        "        if reading is None or reading.sha256 != self._sha256:\n",
        (
            f"{PROVEN}::test_a_byte_that_is_changed_afterwards_is_found",
            f"{PROVEN}::test_a_file_that_takes_its_place_is_read_and_then_known",
            f"{PROVEN}::test_a_proof_is_of_one_version_one_digest_and_every_part_of_the_state",
        ),
    ),
    Bug(
        "a reading believed for ever",
        "A large document that rots after it was read whole is given to its end until the agent starts anew.",
        "storage_agent/proofs.py",
        "or age < self._proofs.seconds\n",
        "or age >= 0\n",
        (
            f"{PROVEN}::test_after_a_day_a_body_is_read_again",
            (
                f"{PROVEN}::test_a_proof_is_as_old_as_the_beginning_of_its_reading_and_no_older_than_the_pause_of_"
                "the_scrub"
            ),
        ),
    ),
    Bug(
        "a suspect still given",
        "Between the wrong read and the look at the drive everybody else is given the wrong bytes as well.",
        "storage_agent/holdings.py",
        "        self._require_unharmed((document_id, version))\n",
        "",
        (
            f"{DOWNLOADS}::test_what_was_read_wrongly_is_refused_at_once_and_then_put_aside_and_told",
            f"{WALK}::test_after_a_wrong_read_its_own_hour_and_those_beside_it_are_read_at_once",
        ),
    ),
    Bug(
        "damage told at every pass",
        "The log grows by a fact for every damaged document and pass, for decades.",
        "storage_agent/fixity.py",
        "        is_news = ailing is None or ailing.part != fault.part\n",
        "        is_news = True\n",
        (f"{SCRUB}::test_each_kind_of_damage_is_told_once_and_refused_and_everything_else_is_still_given",),
    ),
    Bug(
        "damage forgotten with its segment",
        "After a new segment of the journal a damaged document is told anew, and its mending never.",
        "storage_agent/memory.py",
        "            ailing=tuple(self.damaged.values()),\n",
        "",
        (f"{SCRUB}::test_damage_is_told_once_over_a_restart_and_a_new_segment_and_its_mending_as_well",),
    ),
    Bug(
        "evidence overwritten",
        "What was put aside first is lost when the same document is damaged again.",
        "storage_agent/quarantine.py",
        "if name not in taken)",
        "if taken is not None)",
        (f"{SCRUB}::test_a_wrong_file_put_back_is_put_aside_under_another_name_and_is_no_news",),
    ),
    Bug(
        "one unreadable file ends the scrub",
        "A drive that fails to give one file ends the element, instead of costing one document.",
        "storage_agent/checking.py",
        "    raise_if_exhausted(error)\n    return f",
        "    raise error\n    return f",
        (f"{SCRUB}::test_what_the_drive_does_not_give_is_unreadable_stays_in_place_and_ends_nothing",),
    ),
    Bug(
        "the scrub begins anew at every start",
        "An element that is restarted more often than a pass takes never reads its last documents.",
        "storage_agent/memory.py",
        "            scrub=self.scrub,\n",
        "",
        (f"{WALK}::test_a_restart_goes_on_where_the_scrub_was_and_ends_the_same_pass",),
    ),
    Bug(
        "what lies beside damage waits its turn",
        "A drive that dies sector by sector is noticed at the pace of a pass, a week too late.",
        "storage_agent/scrub.py",
        "        self._near.extend([hour, *beside(hours, hour)])\n",
        "        self._near.extend([hour])\n",
        (
            f"{WALK}::test_after_a_hit_the_hours_beside_it_are_read_before_the_walk_goes_on",
            f"{WALK}::test_after_a_wrong_read_its_own_hour_and_those_beside_it_are_read_at_once",
        ),
    ),
    Bug(
        "a link shuts an element",
        "An element in which a link lies in the place of a body that was just committed never opens again.",
        "storage_agent/placing.py",
        'self.disk.sha256(path) if self.disk.is_file(path) else ""',
        "self.disk.sha256(path)",
        (
            (
                f"{AGENT}/test_taken_away.py::test_what_is_no_file_in_the_place_of_a_just_committed_one_never_keeps_"
                "the_element_from_starting"
            ),
        ),
    ),
    Bug(
        "an old fact damages anew",
        "A fact of damage that the log holds twice, or that comes late, undoes a mending for all who look.",
        "projections/fixity/fold.py",
        "        return self.number\n",
        "        return 0\n",
        (f"{VIEW}::test_facts_in_any_order_and_any_number_of_times_end_in_the_same_rows",),
    ),
    Bug(
        "damage hidden by a tag",
        "Who has seen a document whole is told by its unchanged tag that it still is.",
        "api_gateway/routes/documents.py",
        "{damage}\"'\n",
        "\"'\n",
        (f"{READING}::test_a_damaged_document_says_what_is_wrong_with_it_and_its_tag_changes",),
    ),
)
