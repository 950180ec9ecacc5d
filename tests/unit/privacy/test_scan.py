from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.privacy.scan import canary, files
from pipeline.privacy.scan.allowed import RowKey
from pipeline.privacy.scan.arrow_values import find_in_array
from pipeline.privacy.scan.expand import Limits
from pipeline.privacy.scan.findings import Place
from pipeline.privacy.scan.needles import Edge, LeftOut, Needle, NeedleKind, Needles, needles_of
from pipeline.privacy.scan.report import ScanReport, Verdict
from pipeline.privacy.scan.roots import Root
from pipeline.privacy.scan.scan import scan
from pipeline.privacy.scan.search import Search, Stream
from pipeline.privacy.scan.unreadable import Reason
from pipeline.suppression.subjects import Action, Subject

EMAIL = "anna.schmidt@example.org"
USER = "5d8cff3cd55b040010928b5b"
APP = "5d8cff3cd55b040010928b00"


def subject(action: Action = Action.ERASE) -> Subject:
    """A person with one needle of most kinds."""
    return Subject(
        app_id=APP,
        tag="ab" * 16,
        action=action,
        user_ids=frozenset({USER}),
        emails=frozenset({EMAIL}),
        names=frozenset({("Änne", "Müller")}),
        phones=frozenset({"+49 170 1234567"}),
        external_ids=frozenset({("Kunde-4711", None), ("42", None)}),
        media_urls=frozenset({"https://media.example/a%20b/c.png?x=1&y=2"}),
    )


def scanned(root: Path, *, allowed: list[RowKey] | None = None, **options: object) -> ScanReport:
    """A scan of a folder for that person."""
    work = root.parent / "work"
    return scan([Root(label="lake", path=root)], needles_of([subject()]), work=work, allowed=allowed or [], **options)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder to scan."""
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


ENCODED: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "lower": lambda text: text.lower().encode(),
    "upper": lambda text: text.upper().encode(),
    "utf-16le": lambda text: text.encode("utf-16-le"),
    "percent": lambda text: quote(text, safe="").encode(),
    "percent in lower case": lambda text: quote(text, safe="").lower().encode(),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/").encode(),
    "json in json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1].encode(),
    "all escaped": lambda text: "".join(f"\\u{ord(character):04X}" for character in text).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 behind one byte": lambda text: base64.b64encode(b"(" + text.encode() + b")"),
    "base64 behind two bytes": lambda text: base64.urlsafe_b64encode(b"((" + text.encode() + b"))"),
}


@pytest.mark.parametrize("name", ENCODED)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_value_is_found_in_every_encoding_at_every_place(name: str, data: st.DataObject) -> None:
    """However a value is written, and wherever the pieces of a stream are cut, it is found exactly once."""
    value = data.draw(
        st.sampled_from([EMAIL, "Änne Müller", "https://media.example/a%20b/c.png?x=1&y=2", "Kunde-4711"])
    )
    if name == "upper" and value == "Kunde-4711":
        value = EMAIL  # another's external id may differ in case alone
    search = Search((Needle(NeedleKind.EMAIL, value, Edge.EMAIL, exact=value == "Kunde-4711"),))
    gap = b" \0" if name == "utf-16le" else b" "
    before, behind = gap * data.draw(st.integers(0, 200)), gap * data.draw(st.integers(0, 200))
    text = before + ENCODED[name](value) + behind
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    stream, found = Stream(search), []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        found += [match for match in stream.feed(text[start:end]) if match.whole]
    found += [match for match in stream.finish() if match.whole]
    assert len({(match.needle, match.encoding) for match in found}) == len(found) >= 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.one_of(st.none(), st.text(alphabet="ab @", max_size=12)), min_size=1, max_size=40),
    place=st.integers(0, 39),
    nested=st.sampled_from(["plain", "large", "view", "binary", "dictionary", "list", "struct", "map", "deep"]),
    cut=st.integers(0, 5),
)
def test_a_value_is_found_in_every_kind_of_array(rows: list[str | None], place: int, nested: str, cut: int) -> None:
    """Texts at any depth of an array, sliced or not, are found and put down to their row."""
    at = place % len(rows)
    rows[at] = f"mail {EMAIL}!"
    array = _array(rows, nested)[min(cut, at) :]
    found = list(find_in_array(array, Search((Needle(NeedleKind.EMAIL, EMAIL, Edge.EMAIL),))))
    assert [each.row for each in found if each.row is not None and each.row >= 0] == [at - min(cut, at)]


def _array(rows: list[str | None], nested: str) -> pa.Array:
    plain = pa.array(rows, pa.string())
    made: dict[str, Callable[[], pa.Array]] = {
        "plain": lambda: plain,
        "large": lambda: plain.cast(pa.large_string()),
        "view": lambda: plain.cast(pa.string_view()),
        "binary": lambda: plain.cast(pa.binary()),
        "dictionary": plain.dictionary_encode,
        "list": lambda: pa.array([None if row is None else ["x", row] for row in rows], pa.list_(pa.string())),
        "struct": lambda: pa.array([{"a": 1, "b": row} for row in rows]),
        "map": lambda: pa.array([[("key", row)] for row in rows], pa.map_(pa.string(), pa.string())),
        "deep": lambda: pa.array([[{"c": [row, None]}, None] for row in rows]),
    }
    return made[nested]()


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.one_of(st.none(), st.text(alphabet="abAB1", min_size=6, max_size=6)), min_size=1, max_size=30),
    needles=st.lists(st.text(alphabet="ab1", min_size=2, max_size=8), min_size=1, max_size=5, unique=True),
    large=st.booleans(),
    cut=st.integers(0, 3),
)
def test_texts_that_are_all_as_long_are_searched_like_others(
    rows: list[str | None], needles: list[str], large: bool, cut: int
) -> None:
    """Columns of ids: needles as long as they, and shorter ones, are found as in a column with a longer text."""
    search = Search(tuple(Needle(NeedleKind.USER_ID, needle) for needle in needles))
    kind = pa.large_string() if large else pa.string()
    found = list(find_in_array(pa.array(rows, kind)[cut:], search))
    assert found == list(find_in_array(pa.array([*rows, "xxxxxxx"], kind)[cut:], search))
    hit = {row for row, text in enumerate(rows[cut:]) if text and any(needle in text.lower() for needle in needles)}
    assert {each.row for each in found} == hit


def test_neighbours_in_a_buffer_are_no_text(root: Path) -> None:
    """A needle that only appears where two values of a column meet is no hit."""
    pq.write_table(pa.table({"text": [EMAIL[:8], EMAIL[8:]]}), root / "a.parquet", compression="zstd")
    assert scanned(root).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("hanna.schmidt@example.org", 0),
        ("x.anna.schmidt@example.org", 0),
        (f"- {EMAIL}", 1),
        (f'{{"text":"a\\n{EMAIL}"}}', 1),
        (f"mailto%3A{quote(EMAIL, safe='')}", 1),
        ("Änne Müllers Konto", 1),
        ("Änne Müllerin", 0),
        ("id=491701234567.", 1),
        ("1764914917012345678", 0),
        ("Kunde-47112", 0),
        ("KUNDE-4711", 0),
        ("42", 0),
    ],
)
def test_longer_values_of_others_raise_no_alarm(root: Path, text: str, hits: int) -> None:
    """A value counts as a whole word only, and an external id in its own case only."""
    (root / "a.txt").write_text(text)
    assert scanned(root).residual == hits


def test_what_is_short_or_common_is_left_out_and_said() -> None:
    """Values that chance would find everywhere are counted by kind and reason and not looked for."""
    person = Subject(
        app_id=APP,
        tag="ab" * 16,
        action=Action.ERASE,
        external_ids=frozenset({("42", None), ("0000000", None), ("anonymous", None), ("family-7", None)}),
    )
    found = needles_of([person], shared={"family-7"})
    assert {reason for _, reason in found.left_out} == set(LeftOut)
    assert not found.needles
    assert "42" not in repr(found)


def test_only_what_an_action_removes_is_looked_for() -> None:
    """pii_only leaves ids and media; access and holds leave everything."""
    assert NeedleKind.USER_ID in needles_of([subject()]).counts
    assert set(needles_of([subject(Action.PII_ONLY)]).counts).isdisjoint({NeedleKind.USER_ID, NeedleKind.MEDIA_URL})
    assert not needles_of([subject(Action.ACCESS)]).needles


def _messages(path: Path, **columns: list[str | None]) -> None:
    table = pa.table({"message_id": [f"{n:024x}" for n in range(len(next(iter(columns.values()))))], **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"sunlake.table": "messages"}), path, compression="zstd")


def test_parquet_is_decoded(root: Path) -> None:
    """Values, statistics and metadata of compressed Parquet are found, each as what it is."""
    _messages(root / "messages" / f"app_id={APP}" / "a.parquet", text=[EMAIL, "zzz"])
    report = scanned(root)
    assert report.verdict is Verdict.RESIDUAL
    assert {hit.place for hit in report.hits} >= {Place.PARQUET_VALUES, Place.PARQUET_STATISTICS}
    assert EMAIL not in repr(report)


def test_rows_that_mention_a_subject_may_stay(root: Path) -> None:
    """An address in a listed row is allowed, an id in it is not, and neither is the address in another row."""
    path = root / "messages" / f"app_id={APP}" / "a.parquet"
    keys: list[RowKey] = [("messages", APP, (f"{1:024x}",))]
    _messages(path, text=["aaa", f"write to {EMAIL}", "zzz"])
    report = scanned(root, allowed=keys)
    # Short texts lie in the compressed bytes as they are; those of a row that may stay are allowed there too.
    assert report.verdict is Verdict.CLEAN
    assert {hit.place for hit in report.allowed} == {Place.PARQUET_VALUES, Place.BYTES}
    _messages(path, text=["aaa", f"write to {EMAIL}", f"x {EMAIL}"])
    assert scanned(root, allowed=keys).residual >= 1
    _messages(path, text=["aaa", f"user {USER}", "zzz"])
    assert scanned(root, allowed=keys).verdict is Verdict.RESIDUAL
    other: list[RowKey] = [("messages", "f" * 24, (f"{1:024x}",)), ("conversations", APP, (f"{1:024x}",))]
    _messages(path, text=["aaa", f"write to {EMAIL}", "zzz"])
    assert scanned(root, allowed=other).verdict is Verdict.RESIDUAL


def test_databases_are_read_as_tables_and_as_bytes(root: Path) -> None:
    """A live row, a row in the log, a deleted row and a comment are found; a longer address of another is no alarm."""
    with closing(sqlite3.connect(root / "live.db")) as live, duckdb.connect(str(root / "w.duckdb")) as warehouse:
        live.execute("pragma journal_mode = wal")
        live.execute("create table t (a text, b integer)")
        live.execute("insert into t values (?, ?)", ["x" * 5000 + f" {EMAIL}", 491701234567])
        live.commit()
        warehouse.execute("create table t as select uuid() as u, [{'x': ?}] as y from range(3)", [EMAIL])
        warehouse.execute("create table n as select 491701234567 as phone")
        warehouse.close()
        report = scanned(root)
    kinds = {(hit.path, hit.place, hit.kind) for hit in report.hits}
    assert ("lake/live.db", Place.SQLITE_VALUES, NeedleKind.PHONE) in kinds
    assert ("lake/live.db", Place.SQLITE_VALUES, NeedleKind.EMAIL) in kinds, "it is in the log only, over two pages"
    assert {("lake/w.duckdb", Place.DUCKDB_VALUES, kind) for kind in (NeedleKind.EMAIL, NeedleKind.PHONE)} <= kinds
    assert not report.unreadable


def test_a_deleted_row_of_sqlite_is_found_in_the_bytes(root: Path) -> None:
    """What a delete leaves in free pages is residue, with edges or without; what a longer value explains is not."""
    with closing(sqlite3.connect(root / "ledger.db")) as ledger:
        ledger.execute("pragma secure_delete = off")
        ledger.execute("create table t (a text, b text)")
        ledger.execute("insert into t values (?, 'x')", [f"h{EMAIL}"])
        ledger.commit()
        assert scanned(root).verdict is Verdict.CLEAN
        ledger.execute("delete from t")
        ledger.execute("insert into t values ('left', ?)", [EMAIL])
        ledger.commit()
        ledger.execute("delete from t")
        ledger.commit()
    assert {hit.place for hit in scanned(root).hits} == {Place.BYTES}


def test_archives_are_expanded(root: Path) -> None:
    """Parquet in a zip in a gzip is decoded; names of members are searched and not shown."""
    _messages(root / "a.parquet", text=[EMAIL])
    with zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / "a.parquet", f"{EMAIL}.parquet")
    (root / "a.zip.gz").write_bytes(gzip.compress((root / "a.zip").read_bytes()))
    (root / "a.parquet").unlink()
    (root / "a.zip").unlink()
    report = scanned(root)
    assert {(hit.path, hit.place) for hit in report.hits} >= {
        ("lake/a.zip.gz!1!2", Place.PARQUET_VALUES),
        ("lake/a.zip.gz!1!2", Place.NAME),
    }
    assert EMAIL not in repr(report)
    assert list((root.parent / "work").iterdir()) == []


def test_names_of_files_are_searched_and_withheld(root: Path) -> None:
    """A file named after a person is a hit, and the report does not repeat the name."""
    (root / f"{EMAIL}.txt").write_text("nothing")
    (root / "link").symlink_to(f"/nowhere/{USER}")
    report = scanned(root)
    assert [hit.place for hit in report.hits] == [Place.NAME, Place.NAME]
    assert not any(value in repr(report) for value in (EMAIL, USER))


BROKEN: dict[str, tuple[bytes, Reason]] = {
    "truncated gzip": (gzip.compress(os.urandom(5000))[:-100], Reason.DAMAGED),
    "bomb": (gzip.compress(bytes(3 << 20)), Reason.BOMB),
    "damaged parquet": (b"PAR1" + bytes(100) + b"PAR1", Reason.DAMAGED),
    "encrypted parquet": (b"PARE" + bytes(100) + b"PARE", Reason.ENCRYPTED),
    "damaged sqlite": (b"SQLite format 3\0" + b"x" * 5000, Reason.DAMAGED),
    "damaged duckdb": (bytes(8) + b"DUCK" + b"x" * 20_000, Reason.DAMAGED),
    "damaged zip": (b"PK\x03\x04" + b"x" * 500, Reason.DAMAGED),
    "deep": (gzip.compress(gzip.compress(gzip.compress(b"x"))), Reason.DEEP),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_can_not_be_read_fails_the_scan(root: Path, name: str) -> None:
    """Damaged, encrypted and endless files are unreadable; the scan is incomplete and says why."""
    data, reason = BROKEN[name]
    (root / "a").write_bytes(data)
    report = scanned(root, limits=Limits(depth=2, ratio=50, floor_bytes=1 << 20))
    assert report.verdict is Verdict.INCOMPLETE
    assert {unread.reason for unread in report.unreadable} == {reason}


def test_a_missing_root_fails_unless_it_may_be_missing(tmp_path: Path) -> None:
    """A folder from the settings must be there; a cache that was never used need not."""
    roots = [Root(label="extra", path=tmp_path / "no"), Root(label="cache", path=tmp_path / "none", optional=True)]
    report = scan(roots, Needles((), {}), work=tmp_path / "work")
    assert [(unread.path, unread.reason) for unread in report.unreadable] == [("extra", Reason.MISSING)]
    assert report.absent == ("extra", "cache")


def test_a_file_that_moves_while_it_is_scanned_is_looked_at_again(root: Path) -> None:
    """A file that vanishes under one name and comes back under one that was passed already is met by a further walk."""
    (root / "b").write_text("nothing")
    (root / "c").write_text(EMAIL)
    moved = []

    def move(done: int, size: int) -> None:
        if not moved:
            moved.append((root / "c").rename(root / "a"))

    report = scanned(root, on_progress=move)
    assert [hit.path for hit in report.hits] == ["lake/a"]
    assert report.passes > 1


@pytest.mark.parametrize("blind", ["parquet", "sqlite", "duckdb", "search"])
def test_a_scan_that_is_blind_for_a_format_is_void(root: Path, blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a reader finds nothing, the control fails and so does the scan, although there are no hits."""
    if blind == "search":
        monkeypatch.setattr(Search, "find", lambda self, data, **_: iter(()))
    else:
        monkeypatch.setattr(files, f"scan_{blind}", lambda *_, **__: 0)
    report = scanned(root)
    assert (report.verdict, report.hits) == (Verdict.VOID, ())
    assert any(not found for found in report.canaries.values())


def test_every_format_has_its_control(root: Path) -> None:
    """All that was planted is found, for each format and encoding, and nothing of it stays."""
    report = scanned(root)
    assert report.verdict is Verdict.CLEAN
    assert all(report.canaries.values())
    assert len(report.canaries) > len(canary._PLANTS)
    assert list((root.parent / "work").iterdir()) == []


PEAK = """
import resource, sys
from pathlib import Path
from pipeline.privacy.scan.needles import Edge, Needle, NeedleKind, Needles
from pipeline.privacy.scan.roots import Root
from pipeline.privacy.scan.scan import scan

def peak(name):
    root = Root(label="lake", path=Path(sys.argv[1]) / name, optional=True)
    needles = Needles((Needle(NeedleKind.EMAIL, sys.argv[2], Edge.EMAIL),), {})
    found = scan([root], needles, work=Path(sys.argv[1]) / "work")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, found.residual

print(peak("none")[0], *peak("large"))
"""


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A quarter of a gigabyte in one file, and a row group of as much, take a small part of that in memory."""
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "sparse").open("wb") as file:
        file.seek(250 << 20)
        file.write(f" {EMAIL} ".encode())
    rows = pa.array([f"{number:07d} " + "y" * 2500 for number in range(100_000)] + [EMAIL])
    pq.write_table(pa.table({"text": rows}), folder / "a.parquet", compression="zstd", use_dictionary=False)
    process = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path), EMAIL], capture_output=True, text=True, timeout=120, check=True
    )
    before, after, hits = map(int, process.stdout.split())
    assert hits >= 2
    assert after - before < 180
