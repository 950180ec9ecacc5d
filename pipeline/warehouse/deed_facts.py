"""What the ledger of deeds says of batches of erasure: counts, moments and verdicts, nobody's name.

It is read as plain JSON lines and not verified: `sunlake erase verify` proves the chain, with the ledger's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import msgspec
import pyarrow as pa

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake

_MS: Final = pa.int64()
ERASURE_BATCHES: Final = pa.schema(
    [
        ("batch_id", pa.string()),
        ("state", pa.string()),
        ("confirmed_ms", _MS),
        ("closed_ms", _MS),
        ("rebuilt_ms", _MS),
        ("count_subjects", _MS),
        ("count_erased", _MS),
        ("count_files_rewritten", _MS),
        ("count_rows_removed", _MS),
        ("count_rows_changed", _MS),
        ("bytes_before", _MS),
        ("bytes_after", _MS),
        ("scan_verdict", pa.string()),
        ("had_warehouse", pa.bool_()),
    ]
)


class _Deed(msgspec.Struct):
    """What is needed of a line; see `pipeline/privacy/deeds/deed.py` for the whole of it."""

    ts: str
    event: str
    batch: str | None = None
    step: str | None = None
    status: str | None = None
    counts: dict[str, int] = {}


@dataclass(slots=True)
class _Batch:
    """What the deeds of a batch add up to; the names are those of the columns."""

    batch_id: str
    state: str = "open"
    confirmed_ms: int | None = None
    closed_ms: int | None = None
    rebuilt_ms: int | None = None
    count_subjects: int = 0
    count_erased: int = 0
    count_files_rewritten: int = 0
    count_rows_removed: int = 0
    count_rows_changed: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    scan_verdict: str | None = None
    had_warehouse: bool = False

    def take(self, deed: _Deed) -> None:
        """Add a deed; later ones of a resumed batch count over earlier ones, but for files, which add up."""
        counts = deed.counts
        match deed.event, deed.step:
            case "confirm", _:
                self.confirmed_ms, self.count_subjects = _ms(deed.ts), counts.get("subjects", 0)
            case "resume", _:
                self.state, self.closed_ms = "open", None
            case "abort", _:
                self.state = "aborted"
            case "close", _:
                self.state, self.closed_ms = deed.status or "open", _ms(deed.ts)
            case (("begin" | "repeat"), "lake"):
                self.count_erased = counts.get("subjects", 0)
            case "end", "rewrite":
                self._take_file(counts)
            case "end", "derived":
                self.had_warehouse = self.had_warehouse or counts.get("warehouse", 0) > 0
            case "end", "rebuild" if deed.status == "done":
                self.rebuilt_ms = _ms(deed.ts)
            case "end", "scan":
                self.scan_verdict = deed.status

    def _take_file(self, counts: dict[str, int]) -> None:
        self.count_files_rewritten += counts.get("files", 0)
        self.count_rows_removed += counts.get("removed", 0)
        self.count_rows_changed += counts.get("changed", 0)
        self.bytes_before += counts.get("bytes_before", 0)
        self.bytes_after += counts.get("bytes_after", 0)


def read_erasure_batches(lake: Lake) -> pa.Table:
    """A row per batch that was confirmed; none where nothing was ever erased.

    Raises:
        CorruptLakeError: a line of the ledger of deeds is damaged.
        StorageError: it can't be read.
    """
    batches: dict[str, _Batch] = {}
    for deed in _deeds(lake):
        if deed.batch is not None:
            batches.setdefault(deed.batch, _Batch(deed.batch)).take(deed)
    rows = [asdict(batch) for batch in batches.values() if batch.confirmed_ms is not None]
    return pa.Table.from_pylist(rows, schema=ERASURE_BATCHES)


def _deeds(lake: Lake) -> Iterator[_Deed]:
    file = lake.private / "privacy" / "deeds.jsonl"
    with storage.storage_errors():
        data = file.read_bytes() if file.exists() else b""
    # A line without its end was cut by a crash, or is being written: it never counted.
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            yield _DECODER.decode(line)
        except msgspec.DecodeError:
            raise CorruptLakeError(f"{file}:{number} is damaged; `sunlake erase verify` says more") from None


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


_DECODER: Final = msgspec.json.Decoder(_Deed)
