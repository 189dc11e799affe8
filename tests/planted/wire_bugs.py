"""The planted bugs of the wire: what is let in, let out or let stay that must not be."""

from tests.planted.planting import Bug

WIRE = "tests/unit/runtime/test_wire.py"
BODIES = "tests/unit/runtime/test_wire_bodies.py"
PLACES = "tests/unit/runtime/test_places.py"
DOWNLOADS = "tests/unit/storage_agent/test_damaged_downloads.py"

WIRE_BUGS = (
    Bug(
        "last piece sent before the digest is known",
        "A large document that has rotted arrives whole before anybody knows that it has.",
        "storage_agent/giving.py",
        "            held = stretch\n",
        "            yield stretch\n",
        (
            f"{DOWNLOADS}::test_a_rotten_large_document_breaks_off_before_its_last_piece",
            f"{DOWNLOADS}::test_a_rotten_large_document_breaks_off_over_a_socket_as_well",
        ),
    ),
    Bug(
        "slow clients never cut",
        "A thousand clients that take a byte a minute hold every place for as long as they like.",
        "infra/runtime/pace.py",
        "        return came < FLOOR_BYTES_PER_SECOND * seconds\n",
        "        return False\n",
        (
            f"{BODIES}::test_a_body_that_drips_is_cut_and_one_that_comes_is_not",
            f"{BODIES}::test_an_answer_that_is_not_taken_is_cut",
        ),
    ),
    Bug(
        "a place kept for a client that sends nothing",
        "Some hundred slow uploads take all places for half a minute, and everybody else is told to come back.",
        "infra/runtime/places.py",
        "            self._leave()\n            try:\n                message = await receive()\n"
        "            finally:\n                self._return()\n",
        "            message = await receive()\n",
        (f"{PLACES}::test_a_client_that_is_waited_for_leaves_its_place_to_others_and_is_served_to_its_end",),
    ),
    Bug(
        "memory of a piece used again too early",
        "The bytes of a document are overwritten by those behind them before they are hashed and written.",
        "infra/runtime/intake.py",
        "        while len(self._given) > 1:\n",
        "        while self._given:\n",
        (f"{BODIES}::test_bodies_of_any_size_arrive_whole_and_the_next_request_behind_each_is_read",),
    ),
    Bug(
        "a request that can be read in two ways is taken",
        "A proxy and the agent disagree on where a body ends: what one took for bytes is a request to the other.",
        "infra/runtime/wire.py",
        '            if b"transfer-encoding" in names:\n',
        '            if b"no-such-field" in names:\n',
        (f"{WIRE}::test_a_request_that_can_be_read_in_two_ways_is_a_problem_and_the_end_of_its_connection",),
    ),
    Bug(
        "a request's route lost on the way out",
        "Spans and metrics tell every request as one that no route was there for.",
        "infra/runtime/places.py",
        '            scope["extensions"] = {**',
        '            scope = {**scope}\n            scope["extensions"] = {**',
        (
            "tests/unit/runtime/test_http.py::test_the_route_of_a_request_is_told_from_outside_the_bound_on_requests_too",
        ),
    ),
    Bug(
        "a broken body that takes other answers with it",
        "A client that sends requests without waiting loses answers to those that were right.",
        "infra/runtime/wire.py",
        "            self.pipeline.popleft()\n",
        "            self.transport.abort()\n",
        (
            "tests/unit/runtime/test_wire.py::test_a_broken_body_of_a_request_that_waits_takes_no_answer_from_those_before_it",
        ),
    ),
)
