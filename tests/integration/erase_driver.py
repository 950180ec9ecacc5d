"""The points of an erasure, besides those of `export_driver`: deeds, suppressions, the work file, and the disk itself.

"before os.fsync in suppress": each call of the system by which a file becomes durable, gets its name, or goes, those
within a deed, an atomic write and the removal of a tree included. What SQLite and DuckDB do of their own is no point;
transactions are.

Every point is named with the step in which it lies, which is that of the deed before it: "before rename in rewrite".
A deed's own points name the deed: "before begin of lake", "within end of scan".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pipeline.privacy.deeds import deeds
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.requests import work_file
from pipeline.suppression import listing
from tests.integration.export_driver import Points

SYSTEM_CALLS = ("fsync", "replace", "rename", "unlink", "rmdir")


class StepPoints(Points):
    """Points that are named with the step in which they lie."""

    def __init__(self) -> None:
        super().__init__()
        self.deed = ""
        self._step = "start"

    def passing(self, name: str) -> None:
        """Pass a point, or end here."""
        super().passing(name if self.deed and name.endswith(self.deed) else f"{name} in {self._step}")

    def ended(self, step: str) -> None:
        """A deed is written; what follows lies in its step."""
        self.deed, self._step = "", step


def watch_erasure(points: StepPoints) -> None:
    """Let deeds, suppressions and the work file pass their points from now on."""
    Deeds.append = _watched_deed(Deeds.append, points)  # type: ignore[method-assign]  # on purpose
    for module, name in ((listing, "append"), (work_file, "_overwrite"), (work_file, "_write")):
        setattr(module, name, _watched(name.strip("_"), getattr(module, name), points))
    deeds._write_all = _torn(deeds._write_all, points)
    for name in SYSTEM_CALLS:
        setattr(os, name, _watched(f"os.{name}", getattr(os, name), points))


def _watched_deed(append: Callable[..., Any], points: StepPoints) -> Callable[..., Any]:
    def watched(ledger: Deeds, batch: str | None, event: str, **facts: Any) -> Any:
        step = facts.get("step")
        kind = Event.BEGIN if event == Event.REPEAT else event  # a step has the same points when it is done again
        points.deed = f"{kind} of {step}" if step else f"deed {kind}"
        points.passing(f"before {points.deed}")
        done = append(ledger, batch, event, **facts)
        points.passing(f"after {points.deed}")
        points.ended(str(step or event))
        return done

    return watched


def _watched(name: str, operation: Callable[..., Any], points: StepPoints) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        points.passing(f"before {name}")
        result = operation(*arguments, **named)
        points.passing(f"after {name}")
        return result

    return watched


def _torn(write: Callable[[int, bytes], None], points: StepPoints) -> Callable[[int, bytes], None]:
    """A write of a deed in two halves, so that a kill between them leaves a line unfinished."""

    def halves(descriptor: int, data: bytes) -> None:
        write(descriptor, data[: len(data) // 2])
        points.passing(f"within {points.deed}")
        write(descriptor, data[len(data) // 2 :])

    return halves
