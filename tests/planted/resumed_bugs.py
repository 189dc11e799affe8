"""The planted bugs about uploads that are resumed: what is told too early, kept wrongly, or written by two."""

from tests.planted.planting import Bug

AGENT = "tests/unit/storage_agent"
TUS = f"{AGENT}/test_tus.py"
CRASHES = f"{AGENT}/test_resumed_crashes.py"
POWER = f"{CRASHES}::test_a_power_cut_at_any_step_that_forgets_all_that_was_not_synced_takes_back_no_offset"

RESUMED_BUGS = (
    Bug(
        "an offset told before it is durable",
        "A client goes on behind bytes that a power cut has taken.",
        "storage_agent/resting.py",
        "                self._stagings.disk.sync(self._handle)\n                self._synced = self._written\n",
        "                self._synced = self._written\n",
        (f"{CRASHES}::test_no_legal_state_of_the_disk_behind_an_answer_takes_its_offset_back",),
    ),
    Bug(
        "the last byte told before the commit",
        "A client hears that all has arrived, leaves, and there is no document.",
        "storage_agent/resting.py",
        "        is_whole = self._written == self.size and not self.progress.is_part\n",
        "        is_whole = False\n",
        (POWER,),
    ),
    Bug(
        "a wrong checksum kept",
        "Bytes that were changed on the way become the document.",
        "storage_agent/resting.py",
        "self._checked.digest() != expected:",
        "len(self._checked.digest()) != len(expected):",
        (f"{TUS}::test_of_a_patch_with_a_wrong_checksum_nothing_is_kept",),
    ),
    Bug(
        "what was kept is not read back",
        "Behind a start an upload goes on with bytes that have rotted.",
        "storage_agent/resting.py",
        "self._read_back == end and self.progress.sha256 in (None, self._digest.hexdigest())",
        "self._read_back == end",
        (f"{TUS}::test_bytes_that_have_rotted_meanwhile_are_not_gone_on_with",),
    ),
    Bug(
        "two writers of one upload",
        "A request that was taken over writes on beside the one that took over.",
        "storage_agent/resumable.py",
        "        self._turn = asyncio.Lock()\n",
        "        self._turn = asyncio.Semaphore(2)\n",
        (f"{TUS}::test_of_many_patches_at_once_one_writes_and_one_document_comes",),
    ),
    Bug(
        "a hanging request keeps its upload",
        "Whose connection died unnoticed cannot go on before it is noticed.",
        "storage_agent/resumable.py",
        "            self._waiting.reschedule(asyncio.get_running_loop().time())\n",
        "            pass\n",
        (f"{TUS}::test_a_patch_that_hangs_blocks_neither_head_nor_the_next_patch_which_takes_over",),
    ),
    Bug(
        "parts joined in the order in which they came",
        "The document has its parts in another order than its client said.",
        "storage_agent/tus.py",
        "            first, *others = parts = [self._part(asked, url) for url in concat.urls]\n",
        "            first, *others = parts = [self._part(asked, url) for url in sorted(concat.urls)]\n",
        (f"{AGENT}/test_tus_parts.py::test_a_join_that_is_refused_for_now_leaves_the_parts_as_they_were",),
    ),
    Bug(
        "a new upload beside the end of the one before",
        "A deletion takes the bytes of the upload that was begun behind it, and the agent ends.",
        "storage_agent/resumable.py",
        "                await before.file.discard()\n",
        "                pass\n",
        (f"{AGENT}/test_tus_again.py::test_a_new_upload_begins_when_nothing_of_the_one_before_is_left",),
    ),
)
