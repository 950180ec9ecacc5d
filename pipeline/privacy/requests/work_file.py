"""The sealed work file of a batch: its people, encrypted with a key of its own, which the privacy key wraps.

It is on the disk before the first destructive call, so that a killed batch still knows whom it erases. Destroying its
32 bytes of key destroys it, wherever a copy of the file may be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.errors import WorkFileError
from pipeline.lake import storage

WORK_NAME: Final = "work.sealed"
KEY_NAME: Final = "work.key"

_MAGIC: Final = b"sunlake-work-1\n"
_NONCE_BYTES: Final = 12
_MODE: Final = 0o600


def seal(folder: Path, content: bytes, *, wrapping_key: bytes) -> None:
    """Write the work file of a batch, durably: first the wrapped key, then the content. It replaces an earlier one.

    Args:
        folder: the batch's folder; its name is bound to the content, so that no file can stand in for another.
        content: what to encrypt.
        wrapping_key: 32 bytes, the keyring's subkey "work".

    Raises:
        StorageError: the disk refused.
    """
    batch_key = AESGCM.generate_key(bit_length=256)
    sealed = _encrypt(batch_key, content, bound_to=f"{folder.name}/{WORK_NAME}")
    wrapped = _encrypt(wrapping_key, batch_key, bound_to=f"{folder.name}/{KEY_NAME}")
    # An old key beside new content opens nothing, and the batch was not begun: planning anew mends it.
    destroy(folder)
    _write(folder / KEY_NAME, wrapped)
    _write(folder / WORK_NAME, sealed)


def reseal(folder: Path, content: bytes, *, wrapping_key: bytes) -> None:
    """Put other content into a work file that is there; the old one stays until the new one is whole.

    Raises:
        WorkFileError: there is none, or it was altered.
        StorageError: the disk refused; the old content stays.
    """
    batch_key = _decrypt(wrapping_key, _read(folder / KEY_NAME), bound_to=f"{folder.name}/{KEY_NAME}")
    _write(folder / WORK_NAME, _encrypt(batch_key, content, bound_to=f"{folder.name}/{WORK_NAME}"))


def unseal(folder: Path, *, wrapping_key: bytes) -> bytes:
    """The content of a batch's work file.

    Raises:
        WorkFileError: it was destroyed, altered, moved from another batch, or sealed under another privacy key.
    """
    batch_key = _decrypt(wrapping_key, _read(folder / KEY_NAME), bound_to=f"{folder.name}/{KEY_NAME}")
    return _decrypt(batch_key, _read(folder / WORK_NAME), bound_to=f"{folder.name}/{WORK_NAME}")


def is_sealed(folder: Path) -> bool:
    """Whether a batch has a work file that was not destroyed."""
    return (folder / KEY_NAME).exists() and (folder / WORK_NAME).exists()


def destroy(folder: Path) -> None:
    """Destroy a batch's work file, the key first: overwritten, then unlinked. No error if it is gone already.

    Raises:
        StorageError: the disk refused.
    """
    for name in (KEY_NAME, WORK_NAME):
        _overwrite(folder / name)
        storage.unlink(folder / name)
        if folder.exists():
            storage.sync_folder(folder)


def _encrypt(key: bytes, content: bytes, *, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _MAGIC + nonce + AESGCM(key).encrypt(nonce, content, _MAGIC + bound_to.encode())


def _decrypt(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    body = sealed.removeprefix(_MAGIC)
    if len(body) == len(sealed) or len(body) < _NONCE_BYTES:
        raise _spoilt()
    try:
        return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _MAGIC + bound_to.encode())
    except InvalidTag:
        raise _spoilt() from None


def _spoilt() -> WorkFileError:
    return WorkFileError(
        "the batch's work file was altered, or sealed under another privacy key; give the key it was planned with, "
        "or plan the batch anew"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WorkFileError("the batch has no work file: it was closed, or never planned to its end") from None
    except OSError as error:
        raise WorkFileError(f"the batch's work file can't be read: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    with storage.storage_errors():
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    storage.rename(temporary, path)
    storage.sync_folder(path.parent)


def _overwrite(path: Path) -> None:
    with storage.storage_errors():
        try:
            descriptor = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
