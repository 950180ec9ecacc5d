"""Legal holds: people who must not be erased for now. The list holds MACs, a ground and a review date, and no names.

gdpr.md, section 9.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.privacy.people.contacts import phone_digits
from pipeline.privacy.people.resolution import Macs
from pipeline.privacy.requests.request import HOLD_REASONS, Reason
from pipeline.suppression.subjects import Kind, Subject

REVIEW_AFTER: Final = timedelta(days=180)


class HoldLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the list.

    Attributes:
        event: what happened.
        hold_id: which hold.
        at: when.
        app_id: the app.
        batch: the batch that asked for it.
        macs: MACs of the person's identifiers, by key id; on "hold" only.
        basis: the ground; on "hold" only.
        review_on: when somebody must look whether it is still needed; on "hold" only.
    """

    event: Literal["hold", "release"]
    hold_id: str
    at: datetime
    app_id: str
    batch: str
    macs: dict[str, tuple[str, ...]] = {}
    basis: Reason | None = None
    review_on: date | None = None


class Holds:
    """The list of holds of a lake. Reading it needs the privacy keys, old ones included."""

    def __init__(self, lake: Lake, macs: Macs) -> None:
        self._path = lake.private / "privacy" / "holds.jsonl"
        self._macs = macs

    def hold(
        self, subject: Subject, *, basis: Reason, batch: str, review_on: date | None = None, now: datetime | None = None
    ) -> str:
        """Hold a person, durably; returns the hold's id, that of the present hold if there is one.

        Raises:
            ValueError: the basis is no ground to keep data, or nothing identifies the subject.
            CorruptLakeError: the list is damaged.
        """
        moment = now or datetime.now(UTC)
        macs = self._macs_of(subject, self._macs.key_id)
        if basis not in HOLD_REASONS or not macs:
            raise ValueError("a hold needs a ground to keep data, and somebody whose data it is")
        with self._locked() as lines:
            if present := self._holding(lines, subject):
                return min(present)
            line = HoldLine(
                event="hold",
                hold_id=f"h{new_commit_id()}",
                at=moment,
                app_id=subject.app_id,
                batch=batch,
                macs={self._macs.key_id: tuple(sorted(macs))},
                basis=basis,
                review_on=review_on or (moment + REVIEW_AFTER).date(),
            )
            self._append([line])
        return line.hold_id

    def release(self, subject: Subject, *, batch: str, now: datetime | None = None) -> int:
        """End all holds of a person, durably; returns how many there were.

        Raises:
            CorruptLakeError: the list is damaged.
        """
        moment = now or datetime.now(UTC)
        with self._locked() as lines:
            ended = sorted(self._holding(lines, subject))
            self._append(
                HoldLine(event="release", hold_id=hold_id, at=moment, app_id=subject.app_id, batch=batch)
                for hold_id in ended
            )
        return len(ended)

    def is_held(self, subject: Subject) -> bool:
        """Whether any hold covers a person: by one identifier of theirs, in doubt in their favour.

        Raises:
            CorruptLakeError: the list is damaged.
        """
        return self.snapshot()(subject)

    def snapshot(self) -> Callable[[Subject], bool]:
        """`is_held` by the list as it is now, read once for many people. Writes nothing.

        Raises:
            CorruptLakeError: the list is damaged.
        """
        if not self._path.exists():
            return lambda _: False
        with self._locked() as lines:
            return lambda subject: bool(self._holding(lines, subject))

    def in_force(self) -> list[HoldLine]:
        """The holds that stand now, the oldest first. Writes nothing.

        Raises:
            CorruptLakeError: the list is damaged.
        """
        if not self._path.exists():
            return []
        with self._locked() as lines:
            return list(_in_force(lines))

    def _holding(self, lines: list[HoldLine], subject: Subject) -> set[str]:
        own = {key_id: self._macs_of(subject, key_id) for key_id in self._macs.key_ids}
        return {
            line.hold_id
            for line in _in_force(lines)
            if any(not own.get(key_id, set()).isdisjoint(macs) for key_id, macs in line.macs.items())
        }

    def _macs_of(self, subject: Subject, key_id: str) -> set[str]:
        return {
            self._macs.mac("hold", subject.app_id, kind, value, key_id=key_id) for kind, value in _identifiers(subject)
        }

    @contextmanager
    def _locked(self) -> Iterator[list[HoldLine]]:
        """The lines of the list, while nobody else changes it. A line that was torn by a death is put aside."""
        _make_private_folder(self._path.parent)
        with storage.storage_errors():
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            data = self._path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) < len(data):
                self._put_aside(descriptor, data[len(whole) :], keep=len(whole))
            yield _decode(whole)
        finally:
            os.close(descriptor)

    def _put_aside(self, descriptor: int, torn: bytes, *, keep: int) -> None:
        with storage.storage_errors():
            _append_durably(self._path.with_name(f"{self._path.name}.torn"), torn + b"\n")
            os.ftruncate(descriptor, keep)
            os.fsync(descriptor)

    def _append(self, lines: Iterator[HoldLine] | list[HoldLine]) -> None:
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        with storage.storage_errors():
            _append_durably(self._path, data)
        storage.sync_folder(self._path.parent)


def _identifiers(subject: Subject) -> Iterator[tuple[Kind, str]]:
    for user_id in subject.user_ids:
        yield Kind.USER, user_id
    for external_id, brand_id in subject.external_ids:
        yield Kind.EXTERNAL_ID, f"{brand_id or ''}\x1f{external_id}"
    for email in subject.emails:
        yield Kind.EMAIL, email.casefold()
    for phone in subject.phones:
        yield Kind.PHONE, phone_digits(phone) or phone
    for external_id in subject.client_external_ids:
        yield Kind.CLIENT_EXTERNAL_ID, external_id


def _in_force(lines: list[HoldLine]) -> Iterator[HoldLine]:
    released = {line.hold_id for line in lines if line.event == "release"}
    return (line for line in lines if line.event == "hold" and line.hold_id not in released)


def _decode(data: bytes) -> list[HoldLine]:
    lines = []
    for number, text in enumerate(data.splitlines(), 1):
        try:
            lines.append(msgspec.json.decode(text, type=HoldLine))
        except msgspec.DecodeError:
            # Without it nobody knows who is held, so nothing may be erased.
            raise CorruptLakeError(f"line {number} of the list of holds is damaged; restore holds.jsonl") from None
    return lines


def _append_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_private_folder(path: Path) -> None:
    storage.make_folder(path)
    with storage.storage_errors():
        path.chmod(0o700)
