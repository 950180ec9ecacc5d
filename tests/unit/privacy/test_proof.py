from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.errors import LakeError
from pipeline.privacy.rewrite.footer import ROWS, footer_bytes, read_footer
from pipeline.privacy.rewrite.proof import Proof, Proven
from pipeline.privacy.rewrite.splice import Splice
from pipeline.suppression.redact import Redacted

SCHEMA = pa.schema(
    [("id", pa.string()), ("at", pa.timestamp("ms", tz="UTC")), ("many", pa.list_(pa.field("element", pa.string())))],
    metadata={"sunlake.table": "made up"},
)
FILE = Path("0-0.parquet")


def _rows(numbers: Sequence[int]) -> pa.Table:
    columns = {
        "id": [f"id {number}" if number % 3 else None for number in numbers],
        "at": list(numbers),
        "many": [[str(number), None][: number % 3] if number % 4 else None for number in numbers],
    }
    return pa.table(columns, schema=SCHEMA)


BEFORE = _rows(range(9))
TOUCHED = _rows([0, 2, 3, 50, 6, 7, 8])
"""Without the rows 1 and 4; row 5 became another one."""


def _encoded(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
    return sink.getvalue()


def _with(rows: pa.Table, name: str, row: int, value: object) -> pa.Table:
    values = rows[name].to_pylist()
    values[row] = value
    field = rows.schema.field(name)
    return rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))


@pytest.fixture(scope="module")
def proof() -> Iterator[Proof]:
    """One proof serves for all."""
    with Proof() as made:
        yield made


RESULT = Redacted(TOUCHED, [1, 4], [3])


def test_rows_that_are_what_they_should_be_are_proven(proof: Proof) -> None:
    """Some went, one was changed, all others are the same."""
    assert proof.of_rows(FILE, BEFORE, RESULT, _encoded(TOUCHED)).rows == 7


TAMPERED: dict[str, tuple[str, pa.Table]] = {
    "a survivor's value": ("content", _with(TOUCHED, "id", 1, "id 3")),
    "a survivor's null": ("content", _with(TOUCHED, "id", 0, "")),
    "a survivor's value is null": ("content", _with(TOUCHED, "at", 6, None)),
    "an item of a survivor's list": ("content", _with(TOUCHED, "many", 1, ["2", "x"])),
    "an empty list for null": ("content", _with(TOUCHED, "many", 6, [])),
    "the row that was changed": ("content", _with(TOUCHED, "id", 3, "id 5")),
    "the order of rows": ("content", TOUCHED.take([0, 2, 1, 3, 4, 5, 6])),
    "a row is missing": ("number of rows", TOUCHED.slice(1)),
    "a row is there again": ("number of rows", pa.concat_tables([TOUCHED, TOUCHED.slice(6)])),
    "a row takes the place of another": ("content", TOUCHED.take([0, 1, 2, 3, 4, 5, 5])),
    "a row that went is back": ("number of rows", _rows([0, 1, 2, 3, 50, 6, 7, 8])),
    "a row that went is back for another": ("content", _rows([0, 1, 3, 50, 6, 7, 8])),
    "the schema's metadata": ("schema", TOUCHED.replace_schema_metadata({"sunlake.table": "x"})),
    "the type of a column": ("schema", TOUCHED.set_column(1, "at", TOUCHED["at"].cast(pa.int64()))),
    "the name of a column": ("schema", TOUCHED.rename_columns(["key", "at", "many"])),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_an_encoded_row_group_that_differs_is_refused(proof: Proof, what: str) -> None:
    """Whatever is not as it should be, whether it was encoded wrongly or the change did more than it tells."""
    message, rows = TAMPERED[what]
    with pytest.raises(LakeError, match=f"the {message} of 0-0.parquet .* old file stays"):
        proof.of_rows(FILE, BEFORE, RESULT, _encoded(rows))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 39), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_rows_may_go_or_change_and_no_other(proof: Proof, kinds: list[int], spoilt: int, as_written: bool) -> None:
    """Of rows that go (0), are changed (1) or stay: whichever one that stays is spoilt, it is told."""
    before = _rows(range(len(kinds)))
    left = [number for number, kind in enumerate(kinds) if kind]
    rows = _rows([number + 100 if kinds[number] == 1 else number for number in left])
    gone = [number for number, kind in enumerate(kinds) if not kind]
    result = Redacted(rows, gone, [place for place, number in enumerate(left) if kinds[number] == 1])
    assume(left)
    assert proof.of_rows(FILE, before, result, _encoded(rows)).rows == len(left)
    place = spoilt % len(left)
    wrong = _with(rows, "at", place, 1_000)
    if not as_written:
        with pytest.raises(LakeError, match="content"):
            proof.of_rows(FILE, before, result, _encoded(wrong))
    elif place not in result.touched:
        # The change itself spoilt a row, and does not say so.
        with pytest.raises(LakeError, match="content"):
            proof.of_rows(FILE, before, Redacted(wrong, result.gone, result.touched), _encoded(wrong))


def test_rows_that_lie_widely_scattered_are_compared_as_well(proof: Proof) -> None:
    """Every third row goes, every third is changed; one of the others that is spoilt is told."""
    before, left = _rows(range(900)), [number for number in range(900) if number % 3]
    rows = _rows([number + 1_000 * (number % 3 == 1) for number in left])
    result = Redacted(rows, range(0, 900, 3), range(0, 600, 2))
    assert proof.of_rows(FILE, before, result, _encoded(rows)).rows == 600
    wrong = _with(rows, "id", 301, "spoilt")
    for claimed in (result, Redacted(wrong, result.gone, result.touched)):
        with pytest.raises(LakeError, match="content"):
            proof.of_rows(FILE, before, claimed, _encoded(wrong))


class Spliced:
    """A file of three row groups, of which the middle one was encoded anew."""

    def __init__(self, folder: Path, proof: Proof) -> None:
        self.before, self.after = folder / FILE, folder / "after"
        groups = [_rows(range(100)), BEFORE, _rows(range(200, 300))]
        with pq.ParquetWriter(self.before, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            for group in groups:
                writer.write_table(group)
        encoded = _encoded(TOUCHED)
        self.anew: dict[int, Proven | None] = {1: proof.of_rows(self.before, BEFORE, RESULT, encoded)}
        self.write(encoded)

    def write(self, encoded: pa.Buffer | None, number: int = 1) -> None:
        """Write the new file, with another row group in the place of that number."""
        with Splice(self.before, self.after) as splice:
            splice.replace(number, encoded)
            splice.finish()

    def change(self, place: int) -> None:
        """Change a byte."""
        data = bytearray(self.after.read_bytes())
        data[place] ^= 1
        self.after.write_bytes(data)

    def data_of(self, group: int) -> int:
        """A place among the values of a row group."""
        column = pq.read_metadata(self.after).row_group(group).column(0)
        return int(column.data_page_offset) + 40


@pytest.fixture
def spliced(tmp_path: Path, proof: Proof) -> Spliced:
    """A file that proves right."""
    made = Spliced(tmp_path, proof)
    proof.of_file(made.before, made.after, made.anew)
    return made


def _one_row_more(spliced: Spliced) -> None:
    data = spliced.after.read_bytes()
    with spliced.after.open("rb") as file:
        footer = read_footer(file)
    was = len(footer_bytes(footer))
    footer.set(ROWS, footer.get(ROWS) + 1)
    spliced.after.write_bytes(data[:-was] + footer_bytes(footer))


def _other_metadata(spliced: Spliced) -> None:
    data = spliced.after.read_bytes()
    assert data.count(b"made up") == 1
    spliced.after.write_bytes(data.replace(b"made up", b"madE up"))


def _other_statistics(spliced: Spliced) -> None:
    data = spliced.after.read_bytes()
    place = data.rindex(b"id 299")
    spliced.change(place)


def _more_bytes(spliced: Spliced) -> None:
    data = spliced.after.read_bytes()
    with spliced.after.open("rb") as file:
        footer = len(footer_bytes(read_footer(file)))
    spliced.after.write_bytes(data[:-footer] + b"what went" + data[-footer:])


FILES: dict[str, tuple[str, Callable[[Spliced], None]]] = {
    "a byte of a row group that was copied": ("content", lambda it: it.change(it.data_of(2))),
    "a byte of a row group that was encoded": ("content", lambda it: it.change(it.data_of(1))),
    "statistics": ("content", _other_statistics),
    "bytes that belong to nothing": ("content", _more_bytes),
    "the number of rows": ("number of rows", _one_row_more),
    "metadata": ("schema", _other_metadata),
    "a row group is missing": ("number of rows", lambda it: it.write(None)),
    "a row group is the old one": ("number of rows", lambda it: it.write(_encoded(BEFORE))),
    "a row group is another of as many rows": ("content", lambda it: it.write(_encoded(BEFORE.slice(2)))),
    "another row group was replaced": ("number of rows", lambda it: it.write(_encoded(TOUCHED), 0)),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_differs_is_refused(proof: Proof, spliced: Spliced, what: str) -> None:
    """Row groups are compared as they lie on the disk, and all that the footer says of them."""
    message, spoil = FILES[what]
    spoil(spliced)
    with pytest.raises(LakeError, match=f"the {message} of 0-0.parquet .* old file stays"):
        proof.of_file(spliced.before, spliced.after, spliced.anew)


def test_a_file_of_which_a_row_group_is_gone_is_proven(proof: Proof, spliced: Spliced) -> None:
    """Nothing stands in its place, and nothing of another is missing."""
    spliced.write(None)
    proof.of_file(spliced.before, spliced.after, {1: None})
    with pytest.raises(LakeError, match="number of rows"):
        proof.of_file(spliced.before, spliced.after, {0: None})
