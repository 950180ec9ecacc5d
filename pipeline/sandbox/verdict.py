"""Decides for each call which faults meet it: what is done to the call before, instead of and after its true answer."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal

from pipeline.sandbox.answers import JSON, Answer, refused
from pipeline.sandbox.faults import (
    Fault,
    Forbidden,
    Hang,
    Incident,
    Loop,
    RateLimit,
    Reset,
    Revoked,
    Shuffle,
    Slow,
    Status,
    Truncate,
    incidents,
)

_HTML = b"<!DOCTYPE html><html><head><title>%d</title></head><body><h1>Something went wrong</h1></body></html>"


@dataclass(slots=True)
class Verdict:
    """What happens to one call.

    Attributes:
        delay: seconds to wait first.
        answer: what is answered instead of the truth.
        hang: never answer.
        executed: the call takes effect even though its answer is replaced.
        damage: how the answer is broken on its way.
        loop: name the asked cursor as the next one.
        shuffle: where the disorder of messages comes from.
    """

    delay: float = 0.0
    answer: Answer | None = None
    hang: bool = False
    executed: bool = False
    damage: Literal["", "reset", "truncate"] = ""
    loop: bool = False
    shuffle: random.Random | None = None

    @property
    def is_final(self) -> bool:
        """Whether the truth is not told."""
        return self.hang or self.answer is not None


@dataclass(slots=True)
class Bucket:
    """The tokens of one key, app or server, and the last Retry-After that was promised to it."""

    tokens: float
    filled_at: float
    promised_at: float = 0.0
    promised_until: float = 0.0


class Court:
    """Judges calls by the rules in force.

    Args:
        faults: the rules, in the order in which they are tried; the first that replaces the answer ends the trial.
        seed: makes a run's faults repeatable.
    """

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 0) -> None:
        self.incidents = incidents(faults, seed=seed)
        self.violations = 0
        self._buckets: dict[tuple[int, str], Bucket] = {}

    def judge(self, *, route: str, app_id: str | None, key_id: str, has_cursor: bool) -> Verdict:
        """What happens to a call that arrives now."""
        verdict = Verdict()
        for incident in self.incidents:
            if incident.meets(route=route, app_id=app_id, has_cursor=has_cursor):
                self._apply(incident, verdict, app_id=app_id or "", key_id=key_id)
                if verdict.is_final:
                    break
        return verdict

    def _apply(self, incident: Incident, verdict: Verdict, *, app_id: str, key_id: str) -> None:
        match incident.rule:
            case RateLimit() as rule:
                owner = {"key": key_id, "app": app_id, "server": ""}[rule.per]
                verdict.answer = self._limit(rule, (id(incident), owner))
            case Status() as rule:
                verdict.answer, verdict.executed = _replacement(rule), rule.executed
            case Revoked():
                verdict.answer = refused(401, "unauthorized", "The key was revoked")
            case Forbidden():
                verdict.answer = refused(403, "forbidden", "Forbidden")
            case Slow() as rule:
                verdict.delay += (rule.latency_ms + incident.random.random() * rule.jitter_ms) / 1000
            case Hang() as rule:
                verdict.hang, verdict.executed = True, rule.executed
            case Reset():
                verdict.damage = "reset"
            case Truncate():
                verdict.damage = verdict.damage or "truncate"
            case Loop():
                verdict.loop = True
            case Shuffle():
                verdict.shuffle = incident.random

    def _limit(self, rule: RateLimit, owner: tuple[int, str]) -> Answer | None:
        now = time.monotonic()
        capacity = rule.capacity or max(1.0, rule.rate)
        bucket = self._buckets.setdefault(owner, Bucket(capacity, now))
        if bucket.promised_at + rule.grace_ms / 1000 < now < bucket.promised_until:
            self.violations += 1
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filled_at) * rule.rate)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return None
        return _too_many(rule, bucket, now)


def _too_many(rule: RateLimit, bucket: Bucket, now: float) -> Answer:
    answer = refused(429, "too_many_requests", "Too many requests")
    if rule.retry_after == "absent":
        return answer
    wait = (1 - bucket.tokens) / rule.rate
    if rule.retry_after == "seconds":
        seconds = max(1, math.ceil(wait))
        value, until = str(seconds), now + seconds
    else:
        moment = math.ceil(time.time() + wait)
        value, until = formatdate(moment, usegmt=True), now + moment - time.time()
    if now >= bucket.promised_until:
        bucket.promised_at = now
    bucket.promised_until = max(bucket.promised_until, until)
    return Answer(answer.status, answer.body, JSON, ((b"retry-after", value.encode()),))


def _replacement(rule: Status) -> Answer:
    if rule.body == "html":
        return Answer(rule.status, _HTML % rule.status, b"text/html; charset=utf-8")
    if rule.body == "empty":
        return Answer(rule.status, b"")
    return refused(rule.status, "internal_error", "Something went wrong on our end")
