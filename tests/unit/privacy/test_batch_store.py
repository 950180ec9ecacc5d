"""Batches on the disk: a plan that names nobody beside a sealed file that names everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError, PlanRefusedError, WorkFileError
from pipeline.privacy.requests import work_file
from pipeline.privacy.requests.request import Identifier
from pipeline.privacy.requests.store import (
    StoredBatch,
    batches_folder,
    create_batch,
    find_plan,
    list_batches,
    load_batch,
    open_work,
    remove_torn,
)
from tests.unit.privacy.erased_lakes import AnnasLake
from tests.unit.privacy.plans import plan_of, request
from tests.unit.suppression.people import oid

KEY = b"w" * 32
ANNA, EMAIL = request(Identifier.USER_ID, oid("anna"), number=1), request(Identifier.EMAIL, "canary@example.org")


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake with Anna."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna"))
    return annas


def _create(annas: AnnasLake, *requests: object, source: str | None = None) -> StoredBatch:
    wanted = requests or (ANNA,)
    made = plan_of(annas, wanted)  # type: ignore[arg-type]
    return create_batch(annas.lake, made, wanted, wrapping_key=KEY, source=source)  # type: ignore[arg-type]


def test_what_is_stored_can_be_opened_and_names_nobody(annas: AnnasLake) -> None:
    """Requests, people and source come back; on the disk are nobody's identifiers, and only the owner reads it."""
    batch = _create(annas, ANNA, EMAIL, source="/in/requests.csv")
    requests, subjects, source = open_work(load_batch(annas.lake, batch.batch_id), wrapping_key=KEY)
    assert {each.value for each in requests} == {oid("anna"), "canary@example.org"}
    assert {user for subject in subjects for user in subject.user_ids} == {oid("anna")}
    assert source == "/in/requests.csv"
    for file in (path for path in batch.folder.rglob("*") if path.is_file()):
        assert file.stat().st_mode & 0o077 == 0, file
        data = file.read_bytes()
        assert not any(value in data for value in (oid("anna").encode(), b"canary", b"requests.csv")), file
    for folder in (batch.folder, batch.folder.parent, batch.folder.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_batches_are_listed_and_found_by_the_beginning_of_a_plan(annas: AnnasLake) -> None:
    """The oldest first; the newest of the same plan; what is too short, strange or no id at all is refused."""
    first, again, other = _create(annas), _create(annas), _create(annas, EMAIL)
    assert [batch.batch_id for batch in list_batches(annas.lake)] == [one.batch_id for one in (first, again, other)]
    assert first.plan.plan_id == again.plan.plan_id != other.plan.plan_id
    assert find_plan(annas.lake, first.plan.plan_id[:8]).batch_id == again.batch_id
    for wrong in ("", first.plan.plan_id[:7], "f" * 64):
        with pytest.raises(PlanRefusedError, match="no such plan"):
            find_plan(annas.lake, wrong)
    for wrong in ("b0", "", "../batches", f"{first.batch_id}/.."):
        with pytest.raises(PlanRefusedError, match="no batch of this id"):
            load_batch(annas.lake, wrong)


def test_a_batch_is_closed_when_its_work_is_destroyed(annas: AnnasLake) -> None:
    """Then the plan is all that is left, and nobody can tell whom it was about."""
    batch = _create(annas)
    assert (batch.state, load_batch(annas.lake, batch.batch_id).state) == ("planned", "planned")
    work_file.destroy(batch.folder)
    closed = load_batch(annas.lake, batch.batch_id)
    assert (closed.state, closed.plan) == ("closed", batch.plan)
    with pytest.raises(WorkFileError):
        open_work(closed, wrapping_key=KEY)


def test_another_key_opens_nothing(annas: AnnasLake) -> None:
    """The error says so, and quotes nothing."""
    batch = _create(annas)
    with pytest.raises(WorkFileError) as refused:
        open_work(batch, wrapping_key=b"x" * 32)
    assert oid("anna") not in str(refused.value)


def test_what_a_kill_left_of_a_plan_is_no_batch_and_goes(annas: AnnasLake) -> None:
    """The plan comes last, so a folder without one was never whole."""
    whole, torn = _create(annas), _create(annas, EMAIL)
    (torn.folder / "plan.json").unlink()
    assert [batch.batch_id for batch in list_batches(annas.lake)] == [whole.batch_id]
    assert remove_torn(annas.lake) == 1
    assert [path.name for path in batches_folder(annas.lake).iterdir()] == [whole.batch_id]
    assert remove_torn(annas.lake) == 0


def test_a_damaged_plan_is_told(annas: AnnasLake) -> None:
    """By the id of its batch."""
    batch = _create(annas)
    (batch.folder / "plan.json").write_text("{")
    with pytest.raises(CorruptLakeError, match=batch.batch_id):
        list_batches(annas.lake)
