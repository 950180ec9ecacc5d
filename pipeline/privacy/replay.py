"""Who is back: erased people in a lake that was restored from a backup, found by MACs and erased again (gdpr.md, 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipeline.bounded import connect_bounded
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.lake.repair import apps_of
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.lake.tables import TABLES
from pipeline.privacy.applied import said
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.readers import still_reading
from pipeline.privacy.rewrite.whole_batch import LakeOutcome, erase_lake
from pipeline.privacy.scan.of_batch import prove
from pipeline.privacy.scan.report import ScanReport, Verdict
from pipeline.spill import spill_folder
from pipeline.suppression.listing import load
from pipeline.suppression.matcher import OF_OTHERS, Effect
from pipeline.suppression.mention_macs import SuppressedMentions
from pipeline.suppression.redact import Policy
from pipeline.suppression.registry import place_columns
from pipeline.suppression.subjects import Action, Kind, Subject
from pipeline.suppression.suppressed import Suppressed
from pipeline.walk import ledger as tables

MEMORY_LIMIT: Final = "512MB"
IDS_AT_ONCE: Final = 100_000

_ACTIONS: Final = {Effect.DROP: Action.ERASE, Effect.MASK: Action.PII_ONLY}
_IDS: Final[Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    Kind.USER: (
        ("users", "user_id"),
        ("clients", "user_id"),
        ("devices", "user_id"),
        ("participants", "user_id"),
        ("messages", "author_user_id"),
        ("events", "user_id"),
    ),
    Kind.CLIENT: (("clients", "client_id"), ("devices", "client_id")),
    Kind.DEVICE: (("devices", "device_id"),),
    Kind.PARTICIPANT: (("participants", "participant_id"),),
    Kind.CONVERSATION: (
        ("conversations", "conversation_id"),
        ("participants", "conversation_id"),
        ("messages", "conversation_id"),
        ("events", "conversation_id"),
    ),
    Kind.GROUP: (("conversations", "conversation_id"), ("messages", "conversation_id")),
    Kind.MENTIONING: tuple((table, column) for table in TABLES for column in place_columns(table)),
    Kind.MESSAGE: (("messages", "message_id"), ("events", "message_id")),
}
"""Where ids of each kind stand in the lake; tombstones hold them by entity."""


def come_back(desk: Desk, app_id: str) -> list[Subject]:
    """Those of an app who were erased or masked and are in the lake or the ledger: at most one subject for each action.

    Raises:
        PrivacyKeyError: a key that made a suppression is missing.
        CorruptLakeError: a file can't be read.
    """
    found = []
    for effect, action in _ACTIONS.items():
        matcher = Suppressed(load(desk.lake).in_force(app_id), desk.keyring, app_id=app_id, effects=(effect,))
        kinds = [kind for kind in _IDS if matcher.any_of(kind, effect=effect)]
        ids = {kind: _matching(desk, app_id, matcher, kind, effect) for kind in kinds}
        others = {kind: ids.pop(kind, frozenset()) for kind in OF_OTHERS}  # which are there in any case
        if any(ids.values()):
            groups = others[Kind.GROUP] | _groups(desk, app_id, ids)
            found.append(_subject(desk, app_id, action, {**ids, **others, Kind.GROUP: groups}))
    return found


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay; `scan` is None where nobody was back. `problems` say what is left to be done."""

    lake: LakeOutcome
    scan: ScanReport | None = None
    problems: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 nobody is there any more, 3 that is not proven."""
        return 3 if self.problems else 0


def replay(desk: Desk, *, wait_seconds: float) -> Replayed:
    """Erase again whoever came back into the lake; nothing is asked upstream.

    Raises:
        LakeError, LedgerError, PrivacyKeyError: it can be repeated.
    """
    back = {app_id: come_back(desk, app_id) for app_id in apps_of(desk.lake)}
    subjects = [subject for found in back.values() for subject in found]
    journal = BatchJournal(desk.deeds, f"e{new_commit_id()}")
    desk.deeds.append(journal.batch, Event.REPLAY, counts={"subjects": len(subjects)})
    if not subjects:
        return Replayed(LakeOutcome())
    outcome = LakeOutcome()
    for app_id in (app_id for app_id, found in back.items() if found):
        policy = Policy(scope=desk.settings.privacy.scope, mentions=_mentions(desk, app_id))
        done = erase_lake(desk, back[app_id], journal=journal, policy=policy, wait_seconds=wait_seconds)
        outcome.add(done)
    problem = still_reading(desk.lake.private / "tmp", seconds=wait_seconds)
    report = prove(desk, subjects)
    journal.end(Step.SCAN, None, report.verdict.value, hits=report.residual, files=report.files)
    journal.end(Step.REPLAY, None, Status.DONE, rows=sum(outcome.removed.values()))
    problems = [problem] if problem is not None else []
    if report.verdict is not Verdict.CLEAN:
        problems.append(said(report, again="replay"))
    return Replayed(outcome, report, tuple(problems))


def _subject(desk: Desk, app_id: str, action: Action, ids: Mapping[Kind, frozenset[str]]) -> Subject:
    nothing: frozenset[str] = frozenset()
    return Subject(
        app_id=app_id,
        tag=desk.keyring.mac("tag", app_id, "replay", action),
        action=action,
        user_ids=ids.get(Kind.USER, nothing),
        client_ids=ids.get(Kind.CLIENT, nothing),
        device_ids=ids.get(Kind.DEVICE, nothing),
        participant_ids=ids.get(Kind.PARTICIPANT, nothing),
        personal_conversation_ids=ids.get(Kind.CONVERSATION, nothing),
        group_conversation_ids=ids.get(Kind.GROUP, nothing),
        mentioning_ids=ids.get(Kind.MENTIONING, nothing),
        message_ids=ids.get(Kind.MESSAGE, nothing),
    )


def _mentions(desk: Desk, app_id: str) -> SuppressedMentions | None:
    entries = list(load(desk.lake).in_force(app_id))
    return SuppressedMentions.of(entries, Suppressed(entries, desk.keyring, app_id=app_id))


def _groups(desk: Desk, app_id: str, ids: Mapping[Kind, frozenset[str]]) -> frozenset[str]:
    """The conversations that stay and whose cursors name a message that goes."""
    messages = ids.get(Kind.MESSAGE, frozenset())
    columns = tables.conversations.c
    query = sa.select(columns.conversation_id, columns.head_id, columns.tail_id).where(columns.app_id == app_id)
    found = set[str]()
    with desk.ledger.read() as connection:
        for part in connection.execution_options(yield_per=IDS_AT_ONCE).execute(query).partitions():
            found.update(key for key, head, tail in part if head in messages or tail in messages)
    return frozenset(found) - ids.get(Kind.CONVERSATION, frozenset())


def _matching(desk: Desk, app_id: str, matcher: Suppressed, kind: Kind, effect: Effect) -> frozenset[str]:
    def among(chunks: Iterable[pa.ChunkedArray]) -> set[str]:
        return {key for ids in chunks for key in ids.filter(matcher.has(kind, ids, effect=effect)).to_pylist()}

    found = among(_in_ledger(desk, app_id, kind))
    for table, queries in _queries(kind).items():
        files = partial(_files, desk, app_id, table)
        found |= read_steadily(files, lambda paths, queries=queries: among(_in_files(desk.lake, paths, queries)))  # type: ignore[misc]
    return frozenset(found)


def _files(desk: Desk, app_id: str, table: str) -> list[StoredFile]:
    return sorted(desk.lake.store.files(f"{table}/app_id={app_id}"), key=lambda file: file.path)


def _queries(kind: Kind) -> dict[str, list[str]]:
    """By table, what asks for the ids of a kind."""
    queries: dict[str, list[str]] = defaultdict(list)
    for table, column in _IDS[kind]:
        queries[table].append(f'select distinct "{column}" as id from rows_of_app where "{column}" is not null')
    queries["tombstones"].append(f"select distinct entity_id as id from rows_of_app where entity = '{kind}'")
    return queries


def _in_files(lake: Lake, found: Sequence[StoredFile], queries: Sequence[str]) -> Iterator[pa.ChunkedArray]:
    if not found:
        return
    files = [lake.store.url(file.path) for file in found]
    with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck, corruption(files):
        lake.store.attach(duck)
        duck.read_parquet(files).create_view("rows_of_app")
        for query in queries:
            for batch in duck.sql(query).to_arrow_reader(IDS_AT_ONCE):
                yield pa.chunked_array([pc.cast(batch["id"], pa.string())])


def _in_ledger(desk: Desk, app_id: str, kind: Kind) -> Iterator[pa.ChunkedArray]:
    sources: dict[Kind, Sequence[sa.Column[str]]] = {
        Kind.USER: (tables.users.c.user_id, tables.users.c.merged_into, tables.conversations.c.via_user_id),
        Kind.CONVERSATION: (tables.conversations.c.conversation_id,),
        Kind.MESSAGE: (tables.conversations.c.head_id, tables.conversations.c.tail_id),
    }
    for column in sources.get(kind, ()):
        query = sa.select(column).distinct().where(column.table.c.app_id == app_id, column.is_not(None))
        with desk.ledger.read() as connection:
            for part in connection.execution_options(yield_per=IDS_AT_ONCE).scalars(query).partitions():
                yield pa.chunked_array([pa.array(part, pa.string())])
