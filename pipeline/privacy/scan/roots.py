"""Where a scan looks: folders and files, walked without ever leaving a name out unsaid."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pipeline.privacy.scan.unreadable import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A place to scan.

    Args:
        label: what reports call it.
        path: a folder, or a file.
        optional: whether it may be missing, such as a cache that was never used.
        owned_only: whether to look only at what this user owns, as in a folder shared with others.
        follow: whether to follow symbolic links; else their targets are searched as text.
    """

    label: str
    path: Path
    optional: bool = False
    owned_only: bool = False
    follow: bool = True


Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was met. `version` changes whenever its bytes do."""

    path: Path
    shown: str
    identity: Identity
    version: tuple[int, int]

    def opened(self, work: Path) -> AbstractContextManager[Path]:  # noqa: ARG002 - a copy would need the folder
        """The file itself."""
        return nullcontext(self.path)


@dataclass(frozen=True, slots=True)
class Link:
    """A name that is searched only as a text: a symbolic link, or a further name of a file."""

    shown: str
    target: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A name that can't be looked at."""

    shown: str
    reason: Reason


@dataclass
class Walk:
    """One walk over all roots. Nothing is met twice, however it is reached; the folder `skip` is not entered."""

    skip: Identity

    def __post_init__(self) -> None:
        self._met = {self.skip}
        self.foreign = 0
        self.special = 0
        self.vanished = 0
        self.absent: list[str] = []

    def over(self, roots: list[Root]) -> Iterator[Entry | Link | Trouble]:
        """All files, links and troubles of the roots."""
        for root in roots:
            if not root.path.exists() and not root.path.is_symlink():
                if not root.optional:
                    yield Trouble(root.label, Reason.MISSING)
                self.absent.append(root.label)
                continue
            yield from self._at(root, root.path, root.label)

    def _at(self, root: Root, path: Path, shown: str) -> Iterator[Entry | Link | Trouble]:
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                target = str(path.readlink())
                yield Link(shown, target)
                if not root.follow or not path.exists():
                    return
                status = path.stat()
            if root.owned_only and path != root.path and status.st_uid != os.getuid():
                self.foreign += 1
                return
            if not self._is_new(status):
                yield Link(shown, "")  # a second name of a file
                return
            if stat.S_ISDIR(status.st_mode):
                yield from self._folder(root, path, shown)
            elif stat.S_ISREG(status.st_mode):
                version = (status.st_size, status.st_mtime_ns)
                yield Entry(path, shown, (status.st_dev, status.st_ino), version)
            else:
                self.special += 1  # a socket, a pipe, a device: nothing is kept in it
        except FileNotFoundError:
            self.vanished += 1
        except PermissionError:
            yield Trouble(shown, Reason.DENIED)
        except OSError:
            yield Trouble(shown, Reason.FAILED)

    def _folder(self, root: Root, path: Path, shown: str) -> Iterator[Entry | Link | Trouble]:
        for name in sorted(path.iterdir()):
            yield from self._at(root, name, f"{shown}/{name.name}")

    def _is_new(self, status: os.stat_result) -> bool:
        identity = (status.st_dev, status.st_ino)
        new = identity not in self._met
        self._met.add(identity)
        return new


Progress = Callable[[int, int], None]
"""Told how many files and bytes were read."""
