"""Templates encrypted at rest: AES-256-GCM, one record each, bound to the subject it belongs to.

The key is 32 bytes as 64 hexadecimal digits, in ``RT_GAIT_GALLERY_KEY`` or in the file that
``RT_GAIT_GALLERY_KEY_FILE`` names. Names, pseudonyms and notes stay readable.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from rt_gait.errors import GalleryError, UsageError

KEY_VARIABLE, FILE_VARIABLE = "RT_GAIT_GALLERY_KEY", "RT_GAIT_GALLERY_KEY_FILE"
NONCE_BYTES, TAG_BYTES = 12, 16
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES
"""What encryption adds to a record."""
TABLE = """CREATE TABLE sealed (
    id INTEGER PRIMARY KEY CHECK (id = 1), proof BLOB NOT NULL CHECK (typeof(proof) = 'blob'))"""
_PROOF = "the key of this gallery"


class Seal:
    """Encrypts and decrypts with one key.

    Raises:
        UsageError: ``cryptography`` is not installed, or there is no key, or it is malformed.
    """

    def __init__(self) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise UsageError(
                "an encrypted gallery needs cryptography: pip install 'rt-gait[encryption]'"
            ) from None
        self._cipher: Any = AESGCM(_key())

    def proof(self) -> bytes:
        """Return a record that only this key opens, and that says nothing of it."""
        return self.close(b"", _PROOF)

    def proves(self, proof: bytes) -> bool:
        """Say whether the record was made with this key."""
        try:
            return self.open(proof, _PROOF) == b""
        except GalleryError:
            return False

    def close(self, plain: bytes, owner: str) -> bytes:
        """Encrypt a record; :meth:`open` needs the same owner."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + bytes(self._cipher.encrypt(nonce, plain, owner.encode()))

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Decrypt a record.

        Raises:
            GalleryError: it was changed, or moved to another owner, or another key made it.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return bytes(
                self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode())
            )
        except (InvalidTag, ValueError):
            raise GalleryError(
                "a template of the encrypted gallery was changed; restore a copy"
            ) from None


def _key() -> bytes:
    text = os.environ.get(KEY_VARIABLE)
    if not text and (name := os.environ.get(FILE_VARIABLE)):
        try:
            with Path(name).open("rb") as file:
                text = file.read(200).decode("ascii", "replace")
        except OSError as error:
            raise UsageError(
                f"the key of the gallery cannot be read ({error.strerror}): {name}"
            ) from error
    if not text:
        raise UsageError(
            f"the gallery is encrypted, or is to be: put its key into a file and name that in "
            f"{FILE_VARIABLE} (openssl rand -hex 32 makes one), or put it into {KEY_VARIABLE}"
        )
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text.strip()):
        raise UsageError("the key of a gallery is 64 hexadecimal digits; openssl rand -hex 32")
    return bytes.fromhex(text.strip())
