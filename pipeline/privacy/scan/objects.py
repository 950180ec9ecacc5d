"""What a scan meets in a bucket: objects and their older versions, copied to this machine one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.lake.history import History, Kept
from pipeline.privacy.scan.files import FileScanner
from pipeline.privacy.scan.needles import Needle

_COPY: Final = "object"
_CONTROL: Final = "control"


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An object or an older version of one; as `roots.Entry`."""

    shown: str
    identity: tuple[str, str]
    version: tuple[str, int]
    history: History = field(repr=False)
    kept: Kept = field(repr=False)

    @contextmanager
    def opened(self, work: Path) -> Iterator[Path]:
        """A copy that is gone when the context ends.

        Raises:
            FileNotFoundError: it is gone.
            StorageError: it can't be read.
        """
        copy = work / _COPY
        try:
            if not self.history.fetch(self.kept, copy):
                raise FileNotFoundError(copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Objects:
    """All that a store holds of a lake. `label` is what reports call it."""

    label: str
    history: History

    def entries(self) -> Iterator[StoredEntry]:
        """All objects and versions."""
        return (self._entry(kept) for kept in self.history.items())

    def unfinished(self) -> list[str]:
        """Uploads of which nobody can read the parts, as reports show them."""
        return [f"{self.label}/{path}" for path in self.history.uploads()]

    def control(self, scanner: FileScanner, canary: Needle, work: Path) -> dict[str, bool]:
        """Plant the canary in the store and say of each way to find it whether it was found."""
        outcome = {f"object in the {self.label}": False}
        with self.history.planted(canary.value.encode()) as planted:
            for kept in planted:
                name = f"{'object' if kept.is_current else 'older version'} in the {self.label}"
                with StoredEntry(name, ("", ""), ("", 0), self.history, kept).opened(work) as copy:
                    scanner.read(copy, f"{_CONTROL}/{name}")
                outcome[name] = any(hit.path == f"{_CONTROL}/{name}" for hit in scanner.findings.hits())
        return outcome

    def _entry(self, kept: Kept) -> StoredEntry:
        older = "" if kept.is_current else f" (older version {kept.version})"
        shown = f"{self.label}/{kept.path}{older}"
        return StoredEntry(shown, (kept.path, kept.version or ""), (kept.mark, kept.bytes), self.history, kept)
