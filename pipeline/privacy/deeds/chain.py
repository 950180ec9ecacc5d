"""Following the chain of deeds: line by line, in constant memory, saying where it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from pipeline.privacy.deeds.deed import Deed, decode, hash_of, is_signed
from pipeline.privacy.deeds.head import FIRST, Head

LONGEST_LINE: Final = 1 << 16
"""Bytes; no deed comes near it, so that a damaged file can't fill the memory."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the ledger. `line` counts from 1 and is None where it is the file's end or its head."""

    line: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.line is None else f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the ledger: its deed if it can be read, what is wrong, and where the next line begins."""

    deed: Deed | None
    problem: Problem | None
    ends_at: int
    torn: bytes = b""


def follow(file: BinaryIO, *, key: bytes, head: Head = FIRST, offset: int = 0) -> Iterator[Link]:
    """The links after a head that is known to be good, from the byte where its line ended.

    An unfinished last line comes as `torn`. After a break the chain is taken up again from what the line itself says.
    """
    file.seek(offset)
    known, number = head, head.seq
    while line := file.readline(LONGEST_LINE):
        number += 1
        if not line.endswith(b"\n"):
            too_long = len(line) == LONGEST_LINE
            problem = Problem(number, "is far longer than any deed") if too_long else None
            yield Link(None, problem, offset, torn=line)
            return
        offset += len(line)
        deed = decode(line)
        what = _what_is_wrong(deed, known, key)
        yield Link(deed, Problem(number, what) if what else None, offset)
        known = Head(deed.seq, deed.hash) if deed is not None else Head(known.seq + 1, "")


def compare_heads(last: Head, *, kept: Head | None, name: str) -> Problem | None:
    """What is wrong if a head that was kept elsewhere is ahead of the ledger."""
    if kept is None or kept.seq <= last.seq:
        return None
    missing = kept.seq - last.seq
    return Problem(
        None, f"the tail is cut off: {name} knows deed {kept.seq}, the ledger ends with {last.seq} ({missing} missing)"
    )


def _what_is_wrong(deed: Deed | None, known: Head, key: bytes) -> str | None:
    if deed is None:
        return "is not a line that sunlake writes; it was changed"
    if deed.seq != known.seq + 1:
        return f"holds deed {deed.seq} where {known.seq + 1} is due; lines were removed, inserted or reordered"
    if known.hash and deed.prev != known.hash:
        return f"deed {deed.seq} does not follow the line before it; one of the two was replaced"
    if hash_of(deed) != deed.hash:
        return f"deed {deed.seq} does not match its hash; it was changed"
    if not is_signed(deed, key=key):
        return f"deed {deed.seq} is not signed with this key; it was forged, or the key is another one"
    return None
