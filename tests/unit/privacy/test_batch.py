"""What a batch may hold, and what is said of a wrong one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import BatchError
from pipeline.privacy.requests.batch import decode_requests, encode_requests, read_batch

APP = "5d8cff3cd55b040010928b5b"
USER = "7494535bff5cef41a15be74d"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
HEADER = (
    "request_ref,user_id,external_id,brand_id,email,client_external_id,integration_id,"
    "action,received_at,verified_by,reason_code"
)
GOOD = f"r-1,{USER},,,,,,erase,2026-11-01T10:00:00+01:00,desk,request"


def _file(folder: Path, *rows: str, header: str = HEADER) -> str:
    path = folder / "batch.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return str(path)


def test_a_batch_is_read_and_has_one_canonical_form(tmp_path: Path) -> None:
    """Moments come out in UTC, the only app is filled in, and the canonical form does not depend on the order."""
    other = "r-2,,,,Ann@Example.org,,,access,2026-11-02T10:00Z,desk,access"
    batch = read_batch(_file(tmp_path, GOOD, other), app_ids=[APP], now=NOW)
    first, second = batch.requests
    assert (first.app_id, first.received_at, first.line) == (APP, datetime(2026, 11, 1, 9, tzinfo=UTC), 2)
    assert encode_requests([first, second]) == encode_requests([second, first])
    assert [request.value for request in decode_requests(encode_requests(batch.requests))] == [USER, "Ann@Example.org"]
    assert USER not in repr(batch)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("r-2,,,,,,,erase,2026-11-01T10:00Z,desk,request", "found none"),
        (f"r-2,{USER},canary-7,,,,,erase,2026-11-01T10:00Z,desk,request", "found user_id and external_id"),
        ("r-2,, canary-7,,,,,erase,2026-11-01T10:00Z,desk,request", "external_id begins or ends with a blank"),
        ("r-2,,   ,,,,,erase,2026-11-01T10:00Z,desk,request", "external_id is blank"),
        ("r-2,,..,,,,,erase,2026-11-01T10:00Z,desk,request", "dot segment"),
        ("r-2,canary,,,,,,erase,2026-11-01T10:00Z,desk,request", "user_id is not 24"),
        ("r-2,,canary-7,,,,,erase,2026-11-01T10:00,desk,request", "no offset"),
        ("r-2,,canary-7,,,,,erase,2026-11-01T10:00+19:00,desk,request", "more than 14 hours"),
        ("r-2,,canary-7,,,,,erase,2027-11-01T10:00Z,desk,request", "in the future"),
        ("r-2,,canary-7,,,,,erase,canary,desk,request", "received_at is not written"),
        ("r-2,,canary-7,,,,,erase,,desk,request", "received_at is missing"),
        ("r-2,,canary-7,,,,,erase,2026-11-01T10:00Z,,request", "verified_by is missing"),
        ("r-2,,canary-7,,,,,canary,2026-11-01T10:00Z,desk,request", "action is none of erase"),
        ("r-2,,canary-7,,,,,erase,2026-11-01T10:00Z,desk,canary wants it", "reason_code is none of"),
        ("r-2,,canary-7,,,,,hold,2026-11-01T10:00Z,desk,request", "a hold needs one of"),
        ("r-2,,,,,canary-7,,erase,2026-11-01T10:00Z,desk,request", "belong together"),
        ("ann canary,,canary-7,,,,,erase,2026-11-01T10:00Z,desk,request", "request_ref is not 1 to 64"),
        ("canary-7,,canary-7,,,,,erase,2026-11-01T10:00Z,desk,request", "request_ref is an identifier"),
        ("r-1,,canary-7,,,,,erase,2026-11-01T10:00Z,desk,request", "request_ref is that of line 2 too"),
        (f"r-2,{USER},,,,,,access,2026-11-01T10:00Z,desk,access", "asks for access where line 2 asks for erase"),
    ],
)
def test_a_wrong_row_is_named_and_masked(tmp_path: Path, row: str, said: str) -> None:
    """The whole file is refused; the message names the line and what is wrong, and never the value."""
    with pytest.raises(BatchError) as caught:
        read_batch(_file(tmp_path, GOOD, row), app_ids=[APP], now=NOW)
    message = str(caught.value).replace(str(tmp_path), "")
    assert "1 wrong row:\n  line 3: " in message
    assert said in message
    assert "canary" not in message
    assert USER not in message


def test_unknown_and_missing_columns_and_too_many_rows(tmp_path: Path) -> None:
    """A file of another form, or a longer one than a batch may be, is refused as a whole."""
    with pytest.raises(BatchError, match="unknown column 'phone'"):
        read_batch(_file(tmp_path, header=f"{HEADER},phone"), app_ids=[APP], now=NOW)
    with pytest.raises(BatchError, match="column verified_by, reason_code is missing"):
        read_batch(_file(tmp_path, header="request_ref,user_id,action,received_at"), app_ids=[APP], now=NOW)
    rows = [f"r-{n},{n:024x},,,,,,erase,2026-11-01T10:00Z,desk,request" for n in range(10_001)]
    with pytest.raises(BatchError, match="more than 10,000 rows"):
        read_batch(_file(tmp_path, *rows), app_ids=[APP], now=NOW)
