"""Chance, and the ways in which generated objects may be odd: absent, null or unknown fields, strange values."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar

from pipeline.sandbox.world import JsonObject

T = TypeVar("T")

USUAL_STRANGENESS: Final = 0.3

# Some of these are columns of the lake, or could be mistaken for SQL, paths or prototypes.
_UNKNOWN_NAMES: Final = (
    *("sentimentScore", "isVerified", "traceId", "botVersion", "snake_case", "ünbekannt", "dotted.name", "with space"),
    *("extra", "app_id", "run_id", "exported_at", "month", "$ref", "__proto__", "quote'\"s", ""),
)
_ODD_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**53 + 1, 2**63 - 1, 1.5, 1e300, 0.1, -0.0, "", "new", "\u0000", "ü", []),
    *({}, [1, [2, [3]]], ["a", None], {"a": {"b": {"c": None}}}, {"id": "nested", "type": "text"}, {"": ""}),
)
_METADATA: Final[tuple[JsonObject, ...]] = (
    {},
    {"lang": "en-ca"},
    {"tier": "gold", "orders": 12, "newsletter": False, "score": 0.75},
    {"nested": {"list": [1, "two", None, {"three": 3}]}, "empty": {}},
    {"big": 2**53 + 1, "bigger": 2**63 - 1, "negative": -(2**63), "float": 1e-7, "integral": 12.0},
    {"ключ": "значение", "鍵": "值", "emoji 🎉": "✓", "": "empty key"},
    {"dotted.key": 1, "quote'\"s": "'; drop table messages; --", "a/b": "c\\d", "new\nline": "\t"},
    {"null": None, "true": "true", "number": "0012", "date": "2026-03-01T00:00:00.000Z"},
)


class Dice:
    """A stream of chance that its key determines.

    Args:
        key: equal keys give equal streams.
        strangeness: from 0 to 1; scales `odd`, and how often fields are absent or null.
    """

    __slots__ = ("_gaps", "_odds", "_rng", "random")

    def __init__(self, key: str, strangeness: float) -> None:
        self._rng = Random(key)  # noqa: S311 - test data must be repeatable, not secret
        self._odds = strangeness / USUAL_STRANGENESS
        self._gaps = strangeness / 2
        self.random = self._rng.random

    def chance(self, share: float) -> bool:
        """True in this share of cases, however strange the world is."""
        return self.random() < share

    def odd(self, share: float) -> bool:
        """True in this share of cases at the usual strangeness, never at none."""
        return self.random() < share * self._odds

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[int(self.random() * len(choices))]

    def below(self, end: int) -> int:
        """A number from 0 to `end` - 1."""
        return int(self.random() * end)

    def sample(self, choices: Sequence[T], count: int) -> list[T]:
        """So many different choices, in random order."""
        return self._rng.sample(choices, count)

    def gap(self, mean: float) -> float:
        """An exponentially distributed wait."""
        return self._rng.expovariate(1 / mean)

    def optional(self, target: JsonObject, key: str, value: Any) -> None:
        """Set the field, or leave it out."""
        if self.random() >= self._gaps:
            target[key] = value

    def nullable(self, target: JsonObject, key: str, value: Any) -> None:
        """Set the field to the value, to null, or leave it out."""
        drawn = self.random()
        if drawn >= self._gaps:
            target[key] = value
        elif drawn >= self._gaps / 2:
            target[key] = None

    def empty(self, target: JsonObject, key: str) -> None:
        """Set the field to null, or leave it out."""
        if self.random() < self._gaps:
            target[key] = None

    def unknown(self, target: JsonObject, share: float = 0.02) -> None:
        """Now and then add fields that no version of the specification has."""
        if not self.odd(share):
            return
        for _ in range(1 + self.below(2)):
            target.setdefault(self.pick(_UNKNOWN_NAMES), self.pick(_ODD_VALUES))

    def metadata(self) -> JsonObject:
        """Metadata of any shape but null."""
        return self.pick(_METADATA) if self.odd(0.6) else self.pick(_METADATA[:3])
