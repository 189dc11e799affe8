"""The planted bugs of signing keys: a retired one is believed, or signs, again."""

from tests.planted.planting import Bug

GATEWAY = "tests/unit/api_gateway"
RING = "tests/unit/runtime/test_keys.py"
ANY_ORDER = f"{RING}::test_in_whatever_order_and_however_often_it_is_told_a_retired_key_verifies_nothing"

KEY_BUGS = (
    Bug(
        "a retired key is believed after a restart",
        "The set on disk does not say which keys are retired: a program that starts without the log believes them.",
        "infra/runtime/keys.py",
        '        "retired": {kid: at.isoformat() for kid, at in ring.retired.items()},\n',
        "",
        (ANY_ORDER, f"{RING}::test_a_retired_key_stays_retired_after_a_restart_without_the_log"),
    ),
    Bug(
        "a retired key comes back by being registered again",
        "A retirement takes the key out of the ring and is forgotten: the next registration puts it in again.",
        "infra/runtime/keys.py",
        "        return self if key.kid in self.keys else replace(self, keys={**self.keys, key.kid: key})\n",
        "        kept = {kid: at for kid, at in self.retired.items() if kid != key.kid}\n"
        "        return replace(self, keys={**self.keys, key.kid: key}, retired=kept)\n",
        (ANY_ORDER,),
    ),
    Bug(
        "a retired key signs on",
        "The gateway believes a retired key no more, and goes on signing with it: everything it gives out is refused.",
        "api_gateway/keyholder.py",
        "            self._keys.pop(event.key_id, None)\n",
        "            self._keys.get(event.key_id)\n",
        (f"{GATEWAY}/test_parts.py::test_a_retired_key_never_signs_again_in_whatever_order_its_end_is_read",),
    ),
    Bug(
        "the key in use retired with none in its place",
        "The gateway has nothing to sign with any more: nobody can sign in, nothing can be sent or fetched.",
        "api_gateway/keys.py",
        "            if self._is_in_use(kid):\n",
        "            if self._is_in_use(kid) and replace:\n",
        ("tests/unit/api_gateway/test_keys.py::test_the_key_in_use_is_retired_only_when_a_new_one_may_take_its_place",),
    ),
    Bug(
        "two gateways rotate twice",
        "Each gateway asks for a key of its own when the one in use is old, and again until it hears of it.",
        "api_gateway/rotation.py",
        '        operation_id = derive(f"{self.installation.installation_id}/{key.kid}", "key-rotation")\n',
        '        operation_id = derive(f"{id(self)}/{now}", "key-rotation")\n',
        (f"{GATEWAY}/test_rotation.py::test_of_two_gateways_that_rotate_at_once_and_again_one_key_comes",),
    ),
)
