"""The matcher of a suppression list: identifiers are known by their MACs only, so each one asked about is hashed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import Entry, macs_of
from pipeline.suppression.matcher import EFFECTS, ESCAPES, ID_KINDS, Effect, is_in
from pipeline.suppression.subjects import Kind

REMEMBERED = 500_000
_TOKEN = re.compile(rb'"([^"\\]{1,128})"')
_ESCAPE = re.compile(b"|".join(map(re.escape, ESCAPES)))


class Suppressed:
    """The people of one app that a list keeps out.

    Args:
        entries: of the app, as they are in force.
        keyring: has every key that made one of them.
        app_id: the app.
        effects: which entries to look at; restricted people are no business of the exporter.

    Raises:
        PrivacyKeyError: a key that made an entry is missing.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        keyring: Keyring,
        *,
        app_id: str,
        effects: Collection[Effect] = (Effect.DROP, Effect.MASK),
    ) -> None:
        self._app_id = app_id
        self._keyring = keyring
        self._macs: dict[Kind, dict[str, Effect]] = defaultdict(dict)
        self._key_ids: dict[Kind, set[str]] = defaultdict(set)
        self._kept: dict[tuple[Kind, str], Effect | None] = {}
        self._made: dict[Kind, list[Callable[[str], str]]] = {}
        for entry in entries:
            effect = EFFECTS.get(entry.action)
            if effect is not None and effect in effects:
                keyring.subkey("suppression", key_id=entry.key_id)  # complain now, not in mid-run
                self._take(entry, effect)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is kept out."""
        return not self._macs

    def effect(self, kind: Kind, value: str) -> Effect | None:
        """What becomes of whom the identifier of this kind belongs to."""
        macs = self._macs.get(kind)
        if not macs:
            return None
        name = (kind, value)
        if name not in self._kept:
            if len(self._kept) >= REMEMBERED:
                self._kept.clear()
            self._kept[name] = self._look_up(kind, value, macs)
        return self._kept[name]

    def has(self, kind: Kind, values: pa.ChunkedArray, *, effect: Effect = Effect.DROP) -> pa.ChunkedArray:
        """As `Matcher.has`; every distinct value is hashed once, and none is remembered: few ids come again."""
        found: set[str] = set()
        if self.any_of(kind, effect=effect):
            macs = self._macs[kind]
            known = [value for value in pc.unique(values).to_pylist() if value is not None]
            for make in self._makers(kind):
                found.update(value for value in known if macs.get(make(value)) is effect)
        return is_in(values, pa.array(sorted(found), pa.string()))

    def any_of(self, kind: Kind, *, effect: Effect = Effect.DROP) -> bool:
        """As `Matcher.any_of`."""
        return effect in self._macs.get(kind, {}).values()

    def effect_of(self, value: str, kinds: Collection[Kind] = ID_KINDS) -> Effect | None:
        """As `Matcher.effect_of`."""
        for kind in kinds:
            if (found := self.effect(kind, value)) is not None:
                return found
        return None

    def suspects(self, texts: pa.ChunkedArray) -> list[int]:
        """As `Matcher.suspects`."""
        if texts.null_count == len(texts) or not any(kind in self._macs for kind in ID_KINDS):
            return []
        return [number for number, text in enumerate(texts.to_pylist()) if text is not None and self._carries(text)]

    def _carries(self, text: str) -> bool:
        raw = text.encode()
        if _ESCAPE.search(raw):
            return True
        return any(self.effect_of(token.decode("utf-8", "replace")) is not None for token in _TOKEN.findall(raw))

    def _look_up(self, kind: Kind, value: str, macs: Mapping[str, Effect]) -> Effect | None:
        return next((found for make in self._makers(kind) if (found := macs.get(make(value))) is not None), None)

    def _makers(self, kind: Kind) -> Sequence[Callable[[str], str]]:
        """What makes MACs with each of the keys that entries of a kind were made with."""
        if kind not in self._made:
            keys = sorted(self._key_ids[kind])
            self._made[kind] = [macs_of(self._keyring, self._app_id, kind, key_id=key_id) for key_id in keys]
        return self._made[kind]

    def _take(self, entry: Entry, effect: Effect) -> None:
        # Where a person is both masked and erased, the erasure holds.
        held = self._macs[entry.kind].get(entry.mac)
        self._macs[entry.kind][entry.mac] = effect if held is not Effect.DROP else held
        self._key_ids[entry.kind].add(entry.key_id)
