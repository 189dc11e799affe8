"""Planted bugs about what strangers rely on: checksum lists, the seals' form, the files that explain an element."""

from tests.planted.planting import Bug

AGENT = "tests/unit/storage_agent"
LISTS = f"{AGENT}/test_manifests.py"

READABLE_BUGS = (
    Bug(
        "a list told of what came meanwhile",
        "What is committed while a list is being written counts as listed, and never gets into one.",
        "storage_agent/manifests.py",
        "            if through is not None:\n",
        "            through = self._parts.memory.in_place_through(hour)\n            if through is not None:\n",
        (f"{LISTS}::test_a_commit_that_comes_while_a_list_is_written_is_owed_one",),
    ),
    Bug(
        "an owed list forgotten with its segment",
        "What was committed shortly before a new segment of the journal never gets into a list.",
        "storage_agent/memory.py",
        "            unlisted=tuple(self.unlisted.values()),\n",
        "",
        (f"{LISTS}::test_what_is_owed_is_carried_over_from_segment_to_segment",),
    ),
    Bug(
        "a list for files on their way",
        "A document whose files come into place after the list was written is never listed.",
        "storage_agent/memory.py",
        "        return min(held, default=owed.number)\n",
        "        return min((*held, owed.number)) if owed.number < 0 else owed.number\n",
        (f"{LISTS}::test_a_list_counts_for_no_commit_whose_files_are_still_on_their_way",),
    ),
    Bug(
        "damage listed as if it were right",
        "Damaged attributes get a new line in the list, and sha256sum says OK about them ever after.",
        "storage_agent/manifests.py",
        "    except SealBroken:\n        return None\n",
        "    except SealBroken:\n        return {name: hashlib.sha256(attr).hexdigest()}\n",
        (f"{LISTS}::test_attributes_that_are_damaged_keep_the_sums_that_they_had",),
    ),
    Bug(
        "no room for a list stops the agent",
        "A full disk, of which uploads are told with 507, ends the agent because of a list that could wait.",
        "storage_agent/manifests.py",
        "            except (InsufficientStorage, Busy) as error:\n",
        "            except Busy as error:\n",
        (f"{LISTS}::test_a_full_disk_puts_a_list_off_and_stops_nothing",),
    ),
    Bug(
        "the README is written once and for ever",
        "A release that changes what lies on the disk leaves the description of an older one beside it.",
        "storage_agent/explained.py",
        "            if _read(disk, root / name) != data:\n",
        "            if disk.size(root / name) is None:\n",
        (
            f"{AGENT}/test_explained.py::test_what_another_release_has_written_is_replaced_and_what_is_right_is_left_alone",
        ),
    ),
    Bug(
        "a checkpoint makes an element",
        "A mistyped path becomes an empty element, and the operator is told that it is complete.",
        "storage_agent/checkpoint.py",
        "    if disk.size(root / IDENTITY) is None:\n",
        '    if root.name == "":\n',
        (f"{AGENT}/test_checkpoint.py::test_a_folder_that_is_no_element_is_refused_and_nothing_is_made_of_it",),
    ),
)
