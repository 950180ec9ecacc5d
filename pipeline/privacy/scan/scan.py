"""The scan as a whole: the control first, then all roots, walked again until nothing new appears."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from pipeline.errors import StorageError
from pipeline.lake import storage
from pipeline.privacy.scan.allowed import Allowed, RowKey
from pipeline.privacy.scan.canary import new_canary, run_control
from pipeline.privacy.scan.expand import USUAL_LIMITS, Limits
from pipeline.privacy.scan.files import FileScanner
from pipeline.privacy.scan.needles import Needles
from pipeline.privacy.scan.objects import Objects, StoredEntry
from pipeline.privacy.scan.report import NOT_PROVEN, ScanReport
from pipeline.privacy.scan.roots import Entry, Link, Progress, Root, Trouble, Walk
from pipeline.privacy.scan.search import Search
from pipeline.privacy.scan.unreadable import Reason

_MOST_PASSES: Final = 8
_PREFIX: Final = "scan-"


def scan(
    roots: Sequence[Root],
    needles: Needles,
    *,
    work: Path,
    stores: Sequence[Objects] = (),
    allowed: Iterable[RowKey] = (),
    limits: Limits = USUAL_LIMITS,
    on_progress: Progress | None = None,
) -> ScanReport:
    """Search all files of the roots, and all objects of the stores, for all needles (gdpr.md, section 8).

    Args:
        roots: where to look.
        needles: what to look for.
        work: a folder of the lake for the control and for tables within archives; it may lie within a root.
        stores: where else to look.
        allowed: rows in which an address, a number, an external id or a name may stay.
        limits: how far archives are expanded.
        on_progress: told of files and bytes read.

    Raises:
        StorageError: the work folder can't be written, or a store can't be listed.
    """
    canary = new_canary()
    search = Search((*needles.needles, canary))
    with _work_folder(work) as own:
        control = FileScanner(search, own)
        planted = own / "control"
        planted.mkdir()
        canaries = run_control(control, canary, planted)
        for store in stores:
            canaries |= store.control(control, canary, own)
        run = _Run(FileScanner(search, own, Allowed(allowed), limits), list(roots), stores, own, on_progress)
        run.until_settled()
    return run.report(needles, canaries)


class _Run:
    def __init__(
        self,
        scanner: FileScanner,
        roots: list[Root],
        stores: Sequence[Objects],
        own: Path,
        on_progress: Progress | None,
    ) -> None:
        self._scanner = scanner
        self._roots = roots
        self._stores = stores
        self._work = own
        status = own.stat()
        self._own = (status.st_dev, status.st_ino)
        self._on_progress = on_progress
        self._read: dict[Hashable, Hashable] = {}
        self._names: set[Link] = set()
        self._bytes = 0
        self._passes = 0
        self._moving = 0
        self._walk = Walk(skip=self._own)

    def until_settled(self) -> None:
        """Walk all roots until a walk meets no file that is new or changed.

        A file that vanished is met under its new name, if it has one. A file that was read whole, and goes on
        changing, is counted; one that could not even be read once is a failure.
        """
        for self._passes in range(1, _MOST_PASSES + 1):
            if not self._pass(self._scan):
                break
        else:
            self._pass(self._give_up)
        for shown in (shown for store in self._stores for shown in store.unfinished()):
            self._scanner.fail(self._scanner.shown(shown), Reason.UNFINISHED)

    def report(self, needles: Needles, canaries: dict[str, bool]) -> ScanReport:
        """What was found."""
        found, walk = self._scanner.findings, self._walk
        return ScanReport(
            files=len(self._read),
            bytes=self._bytes,
            decoded_bytes=self._scanner.decoded_bytes,
            needles={kind.value: count for kind, count in sorted(needles.counts.items())},
            left_out={f"{kind}: {reason}": count for (kind, reason), count in sorted(needles.left_out.items())},
            hits=tuple(found.hits()),
            allowed=tuple(found.allowed()),
            unreadable=tuple(unread for _, unread in sorted(self._scanner.unread.items())),
            canaries=canaries,
            roots=(*(root.label for root in self._roots), *(store.label for store in self._stores)),
            absent=tuple(walk.absent),
            foreign=walk.foreign,
            special=walk.special,
            moving=self._moving,
            passes=self._passes,
            not_proven=(*NOT_PROVEN, *(text for store in self._stores for text in store.history.unproven())),
        )

    def _pass(self, take: Callable[[Entry | StoredEntry], None]) -> bool:
        """Whether a walk over all roots met a file that is new or changed; those are taken."""
        self._walk = Walk(skip=self._own)
        any_due = False
        for met in chain(self._walk.over(self._roots), *(store.entries() for store in self._stores)):
            if isinstance(met, Trouble):
                self._scanner.fail(self._scanner.shown(met.shown), met.reason)
            elif isinstance(met, Link):
                self._name(met)
            elif self._read.get(met.identity) != met.version:
                any_due = True
                take(met)
        return any_due

    def _scan(self, entry: Entry | StoredEntry) -> None:
        try:
            with entry.opened(self._work) as path:
                size = self._scanner.read(path, entry.shown)
        except FileNotFoundError:
            return  # the next walk meets it under its new name, or it is gone for good
        except PermissionError:
            self._scanner.fail(self._scanner.shown(entry.shown), Reason.DENIED)
            size = 0
        except (OSError, StorageError):
            self._scanner.fail(self._scanner.shown(entry.shown), Reason.FAILED)
            size = 0
        self._bytes += 0 if entry.identity in self._read else size
        self._read[entry.identity] = entry.version
        if self._on_progress is not None:
            self._on_progress(len(self._read), self._bytes)

    def _give_up(self, entry: Entry | StoredEntry) -> None:
        if entry.identity in self._read:
            self._moving += 1
        else:
            self._scanner.fail(self._scanner.shown(entry.shown), Reason.MOVING)

    def _name(self, link: Link) -> None:
        if link not in self._names:
            self._names.add(link)
            self._scanner.read_name(link.shown, link.target)


@contextmanager
def _work_folder(work: Path) -> Iterator[Path]:
    """A folder of this scan's own. What a killed scan left behind is removed, since it may hold copies of tables."""
    storage.make_folder(work)
    for left in work.glob(f"{_PREFIX}*"):
        _remove_if_dead(left)
    with storage.storage_errors():
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=work))
        descriptor = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield own
    finally:
        storage.remove_tree(own)
        os.close(descriptor)


def _remove_if_dead(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another scan is at work in it
    else:
        storage.remove_tree(folder)
    finally:
        os.close(descriptor)
