"""The suppression list: who may not enter the lake, as keyed MACs that tell nobody who it is (gdpr.md, section 7).

Append-only lines of JSON. Whoever appends holds `locks/suppression.lock` alone, whoever publishes rows holds it with
others; so once `append` has returned, nothing of those people is published any more. Each machine that writes a lake in
a bucket has a file of its own and shows it to the others, which take it in before they publish.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.lake.lock import flocked
from pipeline.suppression.keys import Keyring
from pipeline.suppression.matcher import ID_KINDS, OF_OTHERS, external_key, ids_of
from pipeline.suppression.subjects import Action, Kind, Subject, phone_forms

FILE = "suppressions.jsonl"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One identifier that is refused.

    Args:
        kind: what it identifies.
        app_id: the app.
        mac: HMAC of `v1|app|kind|value` with the subkey for suppressions.
        key_id: the key that made it.
        batch: the batch that asked for it.
        action: what for; `release` takes an earlier entry of the same identifier back, a restriction first.
        created: when, as an ISO time in UTC.
        until: when it expires, as an ISO time in UTC; None never does.
        words: of how many words a mention is.
    """

    kind: Kind
    app_id: str
    mac: str
    key_id: str
    batch: str
    action: Action
    created: str
    until: str | None = None
    words: int = 0


class SuppressionList:
    """The entries as they were when they were read.

    Args:
        entries: in the order of their writing.
        generation: bytes of whole lines; it rises with every append.
    """

    def __init__(self, entries: Sequence[Entry], *, generation: int) -> None:
        self.entries = tuple(entries)
        self.generation = generation

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever suppressed."""
        return not self.entries

    def in_force(self, app_id: str, *, now: datetime | None = None) -> Iterator[Entry]:
        """The entries of an app that hold now: the last of each identifier, unless it expired or was released.

        A restriction stands beside what keeps the same person out, and takes nothing of it back.
        """
        moment = _text(now or datetime.now(UTC))
        return (entry for entry in self.unreleased(app_id) if entry.until is None or entry.until > moment)

    def unreleased(self, app_id: str) -> Iterator[Entry]:
        """As `in_force`, with those that expired."""
        last: dict[tuple[Kind, str, bool], Entry] = {}
        for entry in self.entries:
            if entry.app_id != app_id:
                continue
            restricts = entry.action is Action.RESTRICT
            if entry.action is Action.RELEASE:
                restricts = (entry.kind, entry.mac, True) in last
                last.pop((entry.kind, entry.mac, restricts), None)
            else:
                last[entry.kind, entry.mac, restricts] = entry
        return iter(last.values())


def load(lake: Lake) -> SuppressionList:
    """The list of a lake; empty where there is none. A line that was cut by a crash never took effect.

    Raises:
        CorruptLakeError: a line is damaged; nothing may be exported until it is mended.
        StorageError: it can't be read.
    """
    file = path_of(lake)
    with storage.storage_errors():
        data = file.read_bytes() if file.exists() else b""
    texts = [text[: text.rfind(b"\n") + 1] for text in (data, *lake.store.shared(FILE))]
    try:
        entries = [_DECODER.decode(line) for text in texts for line in text.splitlines()]
    except msgspec.DecodeError:
        raise CorruptLakeError(f"{file} is damaged; restore it from a backup before anything is exported") from None
    if len(texts) > 1:
        entries.sort(key=lambda entry: entry.created)  # the last word on somebody may be another machine's
    return SuppressionList(entries, generation=sum(map(len, texts)))


def generation_of(lake: Lake) -> int:
    """The bytes of the list, without reading it; 0 where there is none. A cut line may count until the next append."""
    try:
        own = path_of(lake).stat().st_size
    except FileNotFoundError:
        own = 0
    return own + lake.store.shared_bytes(FILE)


def append(lake: Lake, entries: Sequence[Entry]) -> None:
    """Add entries durably. When this returns, no commit publishes rows of those people any more.

    Raises:
        StorageError: the disk refused; the list is as before, or holds a part of the entries.
    """
    if not entries:
        return
    file = path_of(lake)
    _make_private(lake, file.parent)
    with suppression_lock(lake, exclusive=True), storage.storage_errors():
        is_new = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # What a crash has left of a line is cut off before anything is written behind it.
            end = _end_of_lines(descriptor)
            os.ftruncate(descriptor, end)
            data = b"".join(_ENCODER.encode(entry) + b"\n" for entry in entries)
            while data:
                written = os.pwrite(descriptor, data, end)
                data, end = data[written:], end + written
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            storage.sync_folder(file.parent)
        _share(lake)


def entries_for(
    subject: Subject,
    keyring: Keyring,
    *,
    batch: str,
    until: datetime,
    shared: frozenset[str] = frozenset(),
    key_id: str | None = None,
    now: datetime | None = None,
) -> list[Entry]:
    """The entries that keep a subject out: ids for ever, what a returning customer may bring again until a moment.

    Args:
        subject: the person.
        keyring: makes the MACs.
        batch: the batch.
        until: when external ids, e-mail addresses and phone numbers expire.
        shared: e-mails, phones and the like of others who stay; they are not refused.
        key_id: the key; by default the newest.
        now: for tests.

    Raises:
        PrivacyKeyError: the keyring has no such key.
    """
    ids = ((kind, value, None) for kind, values in ids_of(subject) if kind not in OF_OTHERS for value in values)
    aliases = ((kind, value, _text(until)) for kind, value in _aliases_of(subject) if value not in shared)
    created = _text(now or datetime.now(UTC))
    return [
        Entry(
            kind=kind,
            app_id=subject.app_id,
            mac=mac_of(keyring, subject.app_id, kind, value, key_id=key_id),
            key_id=key_id or keyring.key_id,
            batch=batch,
            action=subject.action,
            created=created,
            until=expires,
        )
        for kind, value, expires in (*sorted(ids), *sorted(aliases))
    ]


def suppress(lake: Lake, entries: Iterable[Entry], *, known: SuppressionList | None = None) -> int:
    """Append the entries that do not hold already; returns how many. Safe to repeat, and after a release."""
    wanted, held = list(entries), known or load(lake)
    have = {
        (app_id, entry.kind, entry.mac, entry.action, entry.until)
        for app_id in {entry.app_id for entry in wanted}
        for entry in held.unreleased(app_id)
    }
    new = [entry for entry in wanted if (entry.app_id, entry.kind, entry.mac, entry.action, entry.until) not in have]
    append(lake, new)
    if not new:
        _share(lake)  # whoever added them may have been killed before it showed them
    return len(new)


def mac_of(keyring: Keyring, app_id: str, kind: Kind, value: str, *, key_id: str | None = None) -> str:
    """The MAC that stands for an identifier in the list."""
    return macs_of(keyring, app_id, kind, key_id=key_id)(value)


def macs_of(keyring: Keyring, app_id: str, kind: Kind, *, key_id: str | None = None) -> Callable[[str], str]:
    """As `mac_of`, for many identifiers of a kind."""
    make = keyring.maker("suppression", app_id, kind, key_id=key_id)
    return make if kind in ID_KINDS else lambda value: make(normal_form(kind, value))


def normal_form(kind: Kind, value: str) -> str:
    """The one form in which an identifier counts: e-mail addresses casefolded, phone numbers as their digits."""
    if kind is Kind.EMAIL:
        return value.casefold()
    return min(phone_forms(value), key=len) if kind in {Kind.PHONE, Kind.CLIENT_EXTERNAL_ID} else value


def path_of(lake: Lake) -> Path:
    """Where the list lies."""
    return lake.private / "privacy" / FILE


@contextmanager
def suppression_lock(lake: Lake, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock of the list: alone to append, with others to publish."""
    with flocked(lake.private / "locks" / "suppression.lock", exclusive=exclusive):
        yield


_DECODER = msgspec.json.Decoder(Entry)
_ENCODER = msgspec.json.Encoder()


def _aliases_of(subject: Subject) -> Iterator[tuple[Kind, str]]:
    for external_id, brand_id in subject.external_ids:
        yield Kind.EXTERNAL_ID, external_key(external_id, brand_id)
    for email in subject.emails:
        yield Kind.EMAIL, email
    for value in subject.phones | subject.client_external_ids:
        yield Kind.CLIENT_EXTERNAL_ID, value


def _share(lake: Lake) -> None:
    file = path_of(lake)
    if file.exists():
        lake.store.share(FILE, file.read_bytes())


def _make_private(lake: Lake, folder: Path) -> None:
    storage.make_folder(lake.private)
    with storage.storage_errors():
        folder.mkdir(mode=0o700, exist_ok=True)


def _end_of_lines(descriptor: int) -> int:
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return data.rfind(b"\n") + 1


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
