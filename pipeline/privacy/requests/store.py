"""The folders of batches: what each plan said, and the sealed file of whom it is about.

<lake>/_sunlake/privacy/batches/<batch_id>/plan.json  work.sealed  work.key  report.json  report.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from pipeline.errors import CorruptLakeError, PlanRefusedError
from pipeline.lake import storage
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.privacy.plan.form import Plan, decode_plan, encode_plan
from pipeline.privacy.plan.plan import Made
from pipeline.privacy.requests import work_file
from pipeline.privacy.requests.batch import decode_requests, encode_requests
from pipeline.privacy.requests.request import Request
from pipeline.suppression.subjects import Subject, decode_subjects, encode_subjects

LEAST_PREFIX: Final = 8

BatchState = Literal["planned", "closed"]


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch that was planned. "closed" says that nobody can tell any more whom it was about."""

    batch_id: str
    folder: Path
    plan: Plan
    state: BatchState


class _Work(msgspec.Struct, frozen=True):
    """What the work file holds."""

    requests: msgspec.Raw
    subjects: msgspec.Raw
    source: str | None = None


def create_batch(
    lake: Lake, made: Made, requests: Sequence[Request], *, wrapping_key: bytes, source: str | None = None
) -> StoredBatch:
    """Write down a plan and seal whom it is about. The plan comes last: a batch without one is not there.

    Args:
        lake: the lake.
        made: the plan and its people.
        requests: the batch.
        wrapping_key: the keyring's subkey "work".
        source: the file that the requests came in, which a scan has to look at.

    Raises:
        StorageError: the disk refused.
    """
    batch_id = f"b{new_commit_id()}"
    folder = batches_folder(lake) / batch_id
    _make_private(folder)
    work_file.seal(folder, encode_work(requests, made.subjects, source), wrapping_key=wrapping_key)
    storage.write_atomic(folder / "plan.json", encode_plan(made.plan))
    with storage.storage_errors():
        (folder / "plan.json").chmod(0o600)
    return StoredBatch(batch_id, folder, made.plan, "planned")


def list_batches(lake: Lake) -> list[StoredBatch]:
    """All batches, the oldest first; folders of plans that were killed half-way are none.

    Raises:
        CorruptLakeError: a plan is damaged.
    """
    found = sorted(batches_folder(lake).glob("b*/plan.json"))
    return [_load(path.parent) for path in found]


def load_batch(lake: Lake, batch_id: str) -> StoredBatch:
    """One batch by its id.

    Raises:
        PlanRefusedError: there is none.
        CorruptLakeError: its plan is damaged.
    """
    folder = batches_folder(lake) / batch_id
    if not batch_id.isalnum() or not (folder / "plan.json").exists():
        raise PlanRefusedError("there is no batch of this id; `sunlake erase status` lists them")
    return _load(folder)


def find_plan(lake: Lake, plan_id: str) -> StoredBatch:
    """The newest batch with this plan, named by its id or the beginning of it.

    Raises:
        PlanRefusedError: there is none, or the beginning fits several plans.
        CorruptLakeError: a plan is damaged.
    """
    fitting = [batch for batch in list_batches(lake) if batch.plan.plan_id.startswith(plan_id)]
    if len(plan_id) < LEAST_PREFIX or not fitting:
        raise PlanRefusedError(f"there is no such plan; name one by {LEAST_PREFIX} or more digits of its id")
    if len({batch.plan.plan_id for batch in fitting}) > 1:
        raise PlanRefusedError("several plans begin like that; give more digits of the id")
    return fitting[-1]


def encode_work(requests: Sequence[Request], subjects: Sequence[Subject], source: str | None) -> bytes:
    """What the work file holds, before it is sealed."""
    work = _Work(msgspec.Raw(encode_requests(requests)), msgspec.Raw(encode_subjects(subjects)), source)
    return msgspec.json.encode(work)


def open_work(batch: StoredBatch, *, wrapping_key: bytes) -> tuple[list[Request], list[Subject], str | None]:
    """The requests and people of a batch, and the file that the requests came in, if it was one.

    Raises:
        WorkFileError: the work file was destroyed or altered, or another key sealed it.
    """
    content = work_file.unseal(batch.folder, wrapping_key=wrapping_key)
    work = msgspec.json.decode(content, type=_Work)
    return decode_requests(bytes(work.requests)), decode_subjects(bytes(work.subjects)), work.source


def remove_torn(lake: Lake) -> int:
    """Remove the folders of plans that were killed before they were whole; returns how many."""
    torn = [folder for folder in batches_folder(lake).glob("b*") if not (folder / "plan.json").exists()]
    for folder in torn:
        work_file.destroy(folder)
        storage.remove_tree(folder)
    return len(torn)


def remove_unfinished(lake: Lake, batch_id: str) -> None:
    """Remove what a kill has left of files of a batch that were being written.

    Raises:
        PlanRefusedError: there is no such batch.
        StorageError: the disk refused.
    """
    for path in load_batch(lake, batch_id).folder.glob("*.tmp"):
        storage.unlink(path)


def batches_folder(lake: Lake) -> Path:
    """Where the batches of a lake are."""
    return lake.private / "privacy" / "batches"


def _load(folder: Path) -> StoredBatch:
    try:
        plan = decode_plan((folder / "plan.json").read_bytes())
    except (msgspec.DecodeError, OSError):
        raise CorruptLakeError(f"the plan of batch {folder.name} is damaged; plan it anew") from None
    return StoredBatch(folder.name, folder, plan, "planned" if work_file.is_sealed(folder) else "closed")


def _make_private(folder: Path) -> None:
    storage.make_folder(folder.parent)
    with storage.storage_errors():
        for above in (folder.parent.parent, folder.parent):
            above.chmod(0o700)
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)
    storage.sync_folder(folder.parent)
