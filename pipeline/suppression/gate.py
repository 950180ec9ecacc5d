"""The gate of the lake: keeps out whom the suppression list names, and what lies below the app's retention floor.

Both when rows come and again when they are published. An exporter is given one. Where there is neither, it costs a look
at two files per commit; with suppressions and no key nothing may be written at all (gdpr.md, section 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import pyarrow as pa

from pipeline.config import Settings
from pipeline.lake import storage
from pipeline.lake.decision import COMPACT, Decision, StagedFile
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES, Table
from pipeline.suppression.floors import admit_rows, admits_conversation, read_floor, readmit_rows
from pipeline.suppression.keys import Keyring, load_keyring
from pipeline.suppression.listing import Entry, append, generation_of, load, mac_of, suppression_lock
from pipeline.suppression.matcher import Effect, external_key
from pipeline.suppression.mention_macs import SuppressedMentions
from pipeline.suppression.redact import Policy, redact
from pipeline.suppression.refile import refile
from pipeline.suppression.subjects import Action, Kind
from pipeline.suppression.suppressed import Suppressed
from pipeline.walk.admission import Who

_KINDS: dict[Who, Kind] = {
    "user": Kind.USER,
    "conversation": Kind.CONVERSATION,
    "message": Kind.MESSAGE,
    "external_id": Kind.EXTERNAL_ID,
    "email": Kind.EMAIL,
}


def open_gate(lake: Lake, app_id: str, settings: Settings) -> Gate:
    """The gate of one app.

    Raises:
        PrivacyKeyError: the lake holds suppressions, and the key that made them is not given.
        CorruptLakeError: the list is damaged.
    """
    return Gate(lake, app_id, keys=lambda: load_keyring(settings), scope=settings.privacy.scope)


class Gate:
    """An `Admission` by the suppression list of a lake.

    Args:
        lake: the lake.
        app_id: the app.
        keys: loads the keys; called only where there are suppressions.
        scope: whether personal conversations are kept out whole.
    """

    def __init__(
        self, lake: Lake, app_id: str, *, keys: Callable[[], Keyring], scope: Literal["whole", "authored"] = "whole"
    ) -> None:
        self._lake = lake
        self._app_id = app_id
        self._keys = keys
        self._policy = Policy(scope=scope)
        self._matcher: Suppressed | None = None
        self._entries: tuple[Entry, ...] = ()
        self._floor = read_floor(lake, app_id)
        self.generation = 0
        self.left_out: Counter[str] = Counter()
        self._refresh()

    @property
    def is_open(self) -> bool:
        """Whether nobody and nothing is kept out."""
        return self._matcher is None and self._floor is None

    def admits(self, kind: Who, value: str, *, brand_id: str | None = None) -> bool:
        """As `Guest.admits`."""
        if self._matcher is None:
            return True
        found = _KINDS[kind]
        name = external_key(value, brand_id) if found is Kind.EXTERNAL_ID else value
        return self._matcher.effect(found, name) is not Effect.DROP

    def admits_activity(self, *, last_updated_at: str | None, created_at: str | None = None) -> bool:
        """As `Guest.admits_activity`: not below the retention floor."""
        return admits_conversation(self._floor, last_updated_at=last_updated_at, created_at=created_at)

    def turn_away(self, user_id: str, *, external_id: str | None, brand_id: str | None, email: str | None) -> bool:
        """As `Guest.turn_away`: the id joins the list under the same batch, and expires with the alias."""
        if self._matcher is None:
            return False
        aliases = [(Kind.EXTERNAL_ID, external_key(external_id, brand_id))] if external_id is not None else []
        if email is not None:
            aliases.append((Kind.EMAIL, email))
        for kind, value in aliases:
            if self._matcher.effect(kind, value) is Effect.DROP:
                self._keep_out(user_id, because=self._entry(kind, value))
                return True
        return False

    def admit(self, table: Table, rows: pa.Table) -> pa.Table:
        """As `Admission.admit`."""
        return self._without_suppressed(table, admit_rows(table, rows, self._floor))

    def readmit(self, table: Table, rows: pa.Table) -> pa.Table:
        """As `Admission.readmit`."""
        return self._without_suppressed(table, readmit_rows(table, rows, self._floor))

    @contextmanager
    def publishing(self, decision: Decision) -> Iterator[Decision]:
        """As `Admission.publishing`: rows that were admitted by an older list are looked through again."""
        with suppression_lock(self._lake, exclusive=False):
            before = self._floor
            self._refresh()
            self._floor = read_floor(self._lake, self._app_id)
            if not self.is_open and (decision.generation != self.generation or before != self._floor):
                decision = self._refilter(decision)
            yield decision

    def _without_suppressed(self, table: Table, rows: pa.Table) -> pa.Table:
        if self._matcher is None:
            return rows
        result = redact(table, rows, self._matcher, policy=self._policy)
        self.left_out["rows"] += result.removed
        return result.rows

    def _refresh(self) -> None:
        if generation_of(self._lake) == self.generation:
            return
        listing = load(self._lake)
        self._entries = tuple(listing.in_force(self._app_id))
        matcher = Suppressed(self._entries, self._keys(), app_id=self._app_id) if not listing.is_empty else None
        self._matcher = None if matcher is None or matcher.is_empty else matcher
        mentions = SuppressedMentions.of(self._entries, matcher) if matcher is not None else None
        self._policy = replace(self._policy, mentions=mentions)
        self.generation = listing.generation

    def _refilter(self, decision: Decision) -> Decision:
        self._lake.store.fetch_staged(decision.app_id, decision.commit_id, [file.path for file in decision.files])
        files = [self._refilter_file(decision, file) for file in decision.files]
        return decision.with_files([file for file in files if file is not None])

    def _refilter_file(self, decision: Decision, file: StagedFile) -> StagedFile | None:
        """The staged file as it may be published; None if nothing is left of it."""
        table = TABLES[file.table]
        staged = self._lake.staged(decision.app_id, decision.commit_id, file.path)
        if not staged.exists():
            return file  # published before a crash; a rewrite has seen it in its place
        again = staged.with_name(f"{staged.name}.again")
        admit = self.readmit if decision.kind == COMPACT else self.admit
        rows = refile(staged, again, table, partial(admit, table))
        if not rows:
            storage.unlink(again)
            storage.unlink(staged)
            return None
        storage.rename(again, staged)
        return StagedFile(file.path, file.table, rows, staged.stat().st_size)

    def _entry(self, kind: Kind, value: str) -> Entry:
        keyring = self._keys()
        macs = {mac_of(keyring, self._app_id, kind, value, key_id=key_id) for key_id in keyring.key_ids}
        return next(entry for entry in self._entries if entry.kind is kind and entry.mac in macs)

    def _keep_out(self, user_id: str, *, because: Entry) -> None:
        keyring = self._keys()
        entry = Entry(
            kind=Kind.USER,
            app_id=self._app_id,
            mac=mac_of(keyring, self._app_id, Kind.USER, user_id),
            key_id=keyring.key_id,
            batch=because.batch,
            action=Action.SUPPRESS,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            until=because.until,
        )
        append(self._lake, [entry])
        self._refresh()
