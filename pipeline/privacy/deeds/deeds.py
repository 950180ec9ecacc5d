"""The ledger of deeds: what was done to whom (by tag), append-only, chained and signed; a batch resumes by it.

Files: `<lake>/_sunlake/privacy/deeds.jsonl`, `deeds.head`, `deeds.jsonl.torn` (gdpr.md, sections 6 and 9).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.privacy.deeds import head as deeds_head
from pipeline.privacy.deeds.chain import Problem, compare_heads, follow
from pipeline.privacy.deeds.deed import Deed, decode, encode, make_deed
from pipeline.privacy.deeds.head import FIRST, Head
from pipeline.privacy.deeds.words import FINISHED, Event, Status

_MOST_PROBLEMS = 20


class Deeds:
    """The ledger of one lake. Several processes and threads may append at once; each deed is on the disk when told."""

    def __init__(self, folder: Path, *, key: bytes) -> None:
        self._path = folder / "deeds.jsonl"
        self._head_path = folder / "deeds.head"
        self._key = key
        self._known = FIRST
        self._offset = 0
        self._last: dict[tuple[str | None, str | None, str | None], Status | None] = {}
        self._thread = threading.Lock()

    @classmethod
    def open(cls, lake: Lake, *, key: bytes) -> Deeds:
        """Open the ledger, make it where there is none, and follow its whole chain.

        An unfinished last line is moved to `deeds.jsonl.torn`, which is recorded as a deed.

        Raises:
            CorruptLakeError: the chain is broken; the message says where. Nothing is changed then.
            StorageError: it can't be written.
        """
        deeds = cls(lake.private / "privacy", key=key)
        with deeds._exclusively():
            return deeds

    def append(
        self,
        batch: str | None,
        event: str,
        *,
        tag: str | None = None,
        step: str | None = None,
        status: str | None = None,
        ref: str | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Deed:
        """Record a deed; it is on the disk when this returns.

        Raises:
            DeedRefusedError: a value may not enter the ledger.
            CorruptLakeError: another process left a broken chain.
            StorageError: it can't be written.
        """
        facts = {"batch": batch, "event": event, "tag": tag, "step": step, "status": status, "ref": ref}
        with self._exclusively() as descriptor:
            return self._write(descriptor, counts=counts, **facts)

    def read(self, batch: str | None = None) -> Iterator[Deed]:
        """The deeds of a batch, or all, oldest first; an unfinished last line is left out."""
        with storage.storage_errors(), self._path.open("rb") as file:
            for line in file:
                deed = decode(line)
                if deed is not None and batch in {None, deed.batch}:
                    yield deed

    def done(self, batch: str, step: str, tag: str | None = None) -> bool:
        """Whether a step ended well, as this process knows it: it need not be done again."""
        return self._last.get((batch, step, tag)) in FINISHED

    def begun(self, batch: str, step: str, tag: str | None = None) -> bool:
        """Whether a step was begun and not ended: a repetition is recorded as such."""
        return (batch, step, tag) in self._last and self._last[batch, step, tag] is None

    def head(self) -> Head:
        """The last deed's seq and hash, as this process knows it."""
        return self._known

    def verify(self, *, expected: Head | None = None) -> list[Problem]:
        """What is wrong with the ledger on the disk, as a list that is empty where all is well.

        Args:
            expected: a head printed in an earlier report; finds a ledger that was rolled back together with its head.
        """
        return verify_deeds(self._path.parent, key=self._key, expected=expected)

    @contextmanager
    def _exclusively(self) -> Iterator[int]:
        with self._thread:
            storage.make_folder(self._path.parent)
            with storage.storage_errors():
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._catch_up(descriptor)
                yield descriptor
            finally:
                os.close(descriptor)

    def _catch_up(self, descriptor: int) -> None:
        """Follow what was appended since this process looked last, and put an unfinished last line aside."""
        size = os.fstat(descriptor).st_size
        if size == 0 and not self._head_path.exists():
            self._path.parent.chmod(0o700)
            deeds_head.create_head(self._head_path, key=self._key)
        torn = self._follow(descriptor) if size != self._offset else b""
        kept = _kept_head(self._head_path, self._key)
        _refuse([kept if isinstance(kept, Problem) else compare_heads(self._known, kept=kept, name="deeds.head")])
        if torn:
            self._put_aside(descriptor, torn)

    def _follow(self, descriptor: int) -> bytes:
        if os.fstat(descriptor).st_size < self._offset:
            _refuse([Problem(None, f"the tail is cut off: deed {self._known.seq} was there a moment ago")])
        with os.fdopen(os.dup(descriptor), "rb") as file:
            for link in follow(file, key=self._key, head=self._known, offset=self._offset):
                _refuse([link.problem])
                if link.deed is None:
                    return link.torn
                self._learn(link.deed, link.ends_at)
        return b""

    def _learn(self, deed: Deed, ends_at: int) -> None:
        self._known = Head(deed.seq, deed.hash)
        self._offset = ends_at
        if deed.step is not None and deed.event in {Event.BEGIN, Event.REPEAT, Event.END}:
            self._last[deed.batch, deed.step, deed.tag] = deed.status if deed.event is Event.END else None

    def _write(self, descriptor: int, **facts: Any) -> Deed:
        deed = make_deed(seq=self._known.seq + 1, prev=self._known.hash, key=self._key, **facts)
        line = encode(deed)
        with storage.storage_errors():
            _write_all(descriptor, line)
            os.fsync(descriptor)
        self._learn(deed, self._offset + len(line))
        deeds_head.write_head(self._head_path, self._known, key=self._key)
        return deed

    def _put_aside(self, descriptor: int, torn: bytes) -> None:
        with storage.storage_errors():
            aside = os.open(f"{self._path}.torn", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                _write_all(aside, torn + b"\n")
                os.fsync(aside)
            finally:
                os.close(aside)
            os.ftruncate(descriptor, self._offset)
        self._write(descriptor, event=Event.TORN, counts={"bytes": len(torn)})


def verify_deeds(folder: Path, *, key: bytes, expected: Head | None = None) -> list[Problem]:
    """What is wrong with the ledger in a folder, at most twenty findings; nothing is changed.

    Args:
        folder: `<lake>/_sunlake/privacy`.
        key: the ledger's key.
        expected: a head that was printed in an earlier report, or None.

    Raises:
        StorageError: it can't be read.
    """
    with storage.storage_errors(), (folder / "deeds.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        kept = _kept_head(folder / "deeds.head", key)
        heads = {"deeds.head": None if isinstance(kept, Problem) else kept, "the report": expected}
        found = [kept] if isinstance(kept, Problem) else []
        return (found + list(_problems(file, key, heads)))[:_MOST_PROBLEMS]


def _problems(file: BinaryIO, key: bytes, heads: Mapping[str, Head | None]) -> Iterator[Problem]:
    last, number = FIRST, 0
    for number, link in enumerate(follow(file, key=key), start=1):
        if link.problem is not None:
            yield link.problem
        elif link.torn:
            yield Problem(number, "is unfinished; the next command that opens the ledger puts it aside")
        if link.deed is not None:
            last = Head(link.deed.seq, link.deed.hash)
            for name, kept in heads.items():
                if kept is not None and kept.seq == last.seq and kept.hash != last.hash:
                    yield Problem(number, f"deed {last.seq} is not the one that {name} knows; the ledger was replaced")
    yield from filter(None, (compare_heads(last, kept=kept, name=name) for name, kept in heads.items()))


def _kept_head(path: Path, key: bytes) -> Head | Problem:
    try:
        return deeds_head.read_head(path, key=key) or Problem(None, "deeds.head is damaged or signed with another key")
    except FileNotFoundError:
        return Problem(None, "deeds.head is missing; without it a cut tail can't be told")


def _refuse(problems: Iterable[Problem | None]) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        said = "; ".join(map(str, found))
        raise CorruptLakeError(
            f"the ledger of deeds (deeds.jsonl) is not as sunlake left it: {said}; nothing was changed. "
            "Restore it from a copy, and compare it with the head that the last report printed"
        )


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
