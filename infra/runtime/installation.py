"""The installation's own secrets: one key that wraps and signs, and one from which each program's secret follows."""

import fcntl
import hashlib
import hmac
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.runtime.files import PRIVATE_FOLDER_MODE, write_private
from schemas.errors import ConfigurationInvalid, Corrupted
from schemas.identifiers import derive
from schemas.requests import SealedSecret

KEY_BYTES = 32
NONCE_BYTES = 12
INSTALLATION_KEY = "installation.key"
INSTALLATION_PUBLIC = "installation.pub"
PROGRAMS_KEY = "programs.key"


@dataclass(frozen=True)
class Installation:
    """The installation key in use. Only gateways hold it; everybody else knows its public half."""

    key_id: str
    public: bytes
    _wrapping: AESGCM = field(repr=False)
    _signing: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> "Installation":
        """Read the key file; ConfigurationInvalid when it is missing, of another size, or readable by others."""
        return cls.from_secret(_read_key(path))

    @classmethod
    def from_secret(cls, secret: bytes) -> "Installation":
        """Return the installation of a 32-byte secret. One secret never serves two purposes: both keys are derived."""
        signing = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"artstore/sign/1"))
        public = signing.public_key().public_bytes_raw()
        key_id = f"installation-{hashlib.sha256(public).hexdigest()[:16]}"
        return cls(key_id, public, AESGCM(_derived(secret, b"artstore/wrap/1")), signing)

    @property
    def installation_id(self) -> str:
        """A uuid that stands for this installation; ids of what it makes once are derived from it."""
        return derive(self.public.hex(), "installation")

    def wrap(self, secret: bytes, subject: str) -> SealedSecret:
        """Seal `secret` for `subject` (an id), which has to be named again to open it (AES-256-GCM)."""
        nonce = os.urandom(NONCE_BYTES)
        return SealedSecret(
            key_id=self.key_id, nonce=nonce, ciphertext=self._wrapping.encrypt(nonce, secret, subject.encode())
        )

    def unwrap(self, sealed: SealedSecret, subject: str) -> bytes:
        """Open what was sealed for `subject`; ConfigurationInvalid for another key, Corrupted for anything altered."""
        if sealed.key_id != self.key_id:
            msg = f"A secret is sealed by {sealed.key_id}, this installation is {self.key_id}: restore its key file."
            raise ConfigurationInvalid(msg)
        try:
            return self._wrapping.decrypt(sealed.nonce, sealed.ciphertext, subject.encode())
        except (InvalidTag, ValueError) as error:
            msg = f"The sealed secret of {subject} does not open: it was altered."
            raise Corrupted(msg) from error

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032, 64 bytes) of `data`."""
        return self._signing.sign(data)


def ensure_installation(keys_dir: Path) -> None:
    """Make the three key files in `keys_dir` where they are missing; what exists is never replaced."""
    keys_dir.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    with _locked(keys_dir):
        for name in (INSTALLATION_KEY, PROGRAMS_KEY):
            if not (keys_dir / name).exists():
                write_private(keys_dir / name, os.urandom(KEY_BYTES))
        public = Installation.load(keys_dir / INSTALLATION_KEY).public.hex().encode()
        if not (keys_dir / INSTALLATION_PUBLIC).exists():
            write_private(keys_dir / INSTALLATION_PUBLIC, public + b"\n")


def load_public(path: Path) -> bytes:
    """Read the installation's public key (32 bytes as hex digits); ConfigurationInvalid when it is none."""
    try:
        public = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): `artstore up` makes it."
        raise ConfigurationInvalid(msg) from error
    except ValueError as error:
        msg = f"{path} does not hold hex digits."
        raise ConfigurationInvalid(msg) from error
    if len(public) != KEY_BYTES:
        msg = f"{path} holds {len(public)} bytes instead of {KEY_BYTES}."
        raise ConfigurationInvalid(msg)
    return public


def load_programs_key(path: Path) -> bytes:
    """Read the key between programs; ConfigurationInvalid when it is missing, of another size, or open to others."""
    return _read_key(path)


def verify_signature(public: bytes, data: bytes, signature: bytes) -> bool:
    """Tell whether `signature` over `data` is the installation's whose public key (raw Ed25519) is given."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def program_secret(programs_key: bytes, element_id: str) -> str:
    """Return the secret that programs show to the agent of `element_id`, and it to them (HMAC-SHA256, hex)."""
    return hmac.new(programs_key, f"element/{element_id}".encode(), hashlib.sha256).hexdigest()


def same_secret(expected: str, shown: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(expected.encode(), shown.encode("utf-8", "surrogateescape"))


def _read_key(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): `artstore up` makes it."
        raise ConfigurationInvalid(msg) from error
    if stat.S_IMODE(mode) & 0o077:
        msg = f"{path} is open to other users: chmod 600 it."
        raise ConfigurationInvalid(msg)
    if len(secret) != KEY_BYTES:
        msg = f"{path} holds {len(secret)} bytes instead of {KEY_BYTES}: restore it."
        raise ConfigurationInvalid(msg)
    return secret


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869); the secret is random already, so it needs no salt."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two starts at once must not each make a key: what the first one sealed would be lost with its key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
