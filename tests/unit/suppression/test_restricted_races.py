"""Who is restricted is asked of files that a compaction may replace meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import CorruptLakeError
from pipeline.lake.compact import compact_app
from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.suppression import restricted as restricted_module
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import append, entries_for
from pipeline.suppression.restricted import restricted_ids
from pipeline.suppression.subjects import Action
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import oid

KEYS = Keyring({"k": b"k" * 32})


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake of several files per partition, in which Anna is restricted."""
    annas = AnnasLake(tmp_path / "lake")
    annas.fill()
    until = datetime.now(UTC) + timedelta(days=30)
    append(annas.lake, entries_for(subject(Action.RESTRICT), KEYS, batch="b", until=until))
    return annas


def test_a_compaction_between_listing_and_reading_does_no_harm(
    annas: AnnasLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is that of the files that are there then."""
    calm = restricted_ids(annas.lake, KEYS, APP)
    read, raced = restricted_module._distinct_of, []

    def late(lake: Lake, files: Sequence[str], column: str) -> Any:
        # Whoever reads has listed the files already.
        if len(files) > 1 and not raced:
            raced.append(files)
            assert compact_app(annas.lake, annas.ledger, APP)
        return read(lake, files, column)

    monkeypatch.setattr(restricted_module, "_distinct_of", late)
    found = restricted_ids(annas.lake, KEYS, APP)
    assert raced
    assert found == calm
    assert oid("anna") in found.user_ids


def test_a_file_that_is_damaged_is_told_and_not_tried_for_ever(annas: AnnasLake) -> None:
    """Nothing was replaced, so another look would see the same."""
    path = next(path for path in annas.files() if path.startswith("messages/"))
    annas.lake.final(path).write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(CorruptLakeError, match="damaged"):
        restricted_ids(annas.lake, KEYS, APP)


def test_files_that_are_replaced_again_and_again_end_in_the_error(tmp_path: Path) -> None:
    """After so many attempts, which see the files of their time."""
    seen: list[Sequence[Path]] = []

    def files() -> list[Path]:
        return sorted(tmp_path.iterdir())

    def read(found: Sequence[Path]) -> None:
        seen.append(found)
        (tmp_path / f"{len(seen)}").touch()
        raise CorruptLakeError("a file is missing")

    with pytest.raises(CorruptLakeError, match="a file is missing"):
        read_steadily(files, read, attempts=3)
    assert [len(found) for found in seen] == [0, 1, 2]
