"""What a commit decides: the files that it publishes, and those of the lake that they replace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

COMPACT: Final = "compact"
"""The kind of a commit that brings no rows but those the lake has."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A complete, fsynced file in staging; `path` is where it belongs, relative to the lake's root."""

    path: str
    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A commit to be decided: files to publish, and files of the lake that they replace.

    `generation` is that of the suppression list by which all rows of the files were admitted.
    """

    commit_id: str
    app_id: str
    kind: str
    files: Sequence[StagedFile]
    removals: Sequence[str] = ()
    generation: int = -1

    def with_files(self, files: Sequence[StagedFile]) -> Decision:
        """The same commit with other files; a file that is left out and replaced something is a removal."""
        paths = {file.path for file in files}
        dropped = [file.path for file in self.files if file.path not in paths]
        return replace(self, files=files, removals=[*self.removals, *dropped])
