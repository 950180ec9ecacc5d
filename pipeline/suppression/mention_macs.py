"""Mentions of the erased by their MACs: where they were redacted once, they are redacted when they come again.

Upstream has no call to edit a message, so the words of others stay there, and every re-read of a conversation brings
them. The list therefore keeps MACs of what was redacted beside MACs of the places: nobody can read either. Elsewhere
nothing is redacted, for whoever comes back with an old address is a new customer (gdpr.md, section 7).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import Entry, mac_of
from pipeline.suppression.matcher import Effect
from pipeline.suppression.mentions import Span, number_spans, numbers_of, redacted, stands_alone, words_of
from pipeline.suppression.subjects import Action, Kind, Subject
from pipeline.suppression.suppressed import Suppressed

MOST_CHARACTERS: Final = 320  # an address can't be longer
_WORD: Final = re.compile(r"[0-9a-z]+|[^\W_]")  # beside a run of such letters and digits nothing stands alone
_NUMBER: Final = "+"  # begins no words, so that numbers and ids of digits are not mistaken for each other


def mention_entries(
    subject: Subject,
    keyring: Keyring,
    *,
    batch: str,
    shared: Collection[str] = frozenset(),
    now: datetime | None = None,
) -> list[Entry]:
    """The entries by which mentions of an erased person are known where others made them, for ever.

    Args:
        subject: the person.
        keyring: makes the MACs with its newest key.
        batch: the batch.
        shared: what others are called as well; it stays.
        now: for tests.
    """
    created = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    called = [(Kind.MENTION, words, len(_WORD.findall(words))) for words in words_of(subject, shared=shared)]
    called += [(Kind.MENTION, _NUMBER + digits, 0) for digits in numbers_of(subject, shared=shared)]
    places = [(Kind.GROUP, group, 0) for group in subject.group_conversation_ids]
    places += [(Kind.MENTIONING, place, 0) for place in subject.mentioning_ids]
    return [
        Entry(
            kind=kind,
            app_id=subject.app_id,
            mac=mac_of(keyring, subject.app_id, kind, value),
            key_id=keyring.key_id,
            batch=batch,
            action=Action.ERASE,
            created=created,
            words=words,
        )
        for kind, value, words in sorted({*called, *places})
    ]


class SuppressedMentions:
    """Takes out of texts what a list knows as a mention.

    Args:
        matcher: the list.
        words: of how many words mentions are; 0 stands for phone numbers.
    """

    def __init__(self, matcher: Suppressed, words: Collection[int]) -> None:
        self._matcher = matcher
        self._words = sorted(set(words) - {0})
        self._has_numbers = 0 in words

    @classmethod
    def of(cls, entries: Iterable[Entry], matcher: Suppressed) -> SuppressedMentions | None:
        """By the entries of an app; None if there is nothing to be redacted."""
        words = {entry.words for entry in entries if entry.kind is Kind.MENTION}
        return cls(matcher, words) if words else None

    def redact(self, text: str) -> str:
        """As `Redacts.redact`."""
        return redacted(text, self._found)

    def _found(self, folded: str) -> Iterator[Span]:
        words = [word.span() for word in _WORD.finditer(folded)]
        for count in self._words:
            for (start, _), (_, end) in zip(words, words[count - 1 :], strict=False):
                if end - start > MOST_CHARACTERS or not stands_alone(folded, start, end):
                    continue
                if self._is_known(folded[start:end]):
                    yield start, end
        if self._has_numbers:
            yield from (span for span, digits in number_spans(folded) if self._is_known(_NUMBER + digits))

    def _is_known(self, value: str) -> bool:
        return self._matcher.effect(Kind.MENTION, value) is Effect.DROP
