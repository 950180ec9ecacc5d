"""The ways in which this server can fail on purpose: rules that are composed, counted and seeded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from pipeline.errors import UsageError

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """Which calls a fault meets.

    Attributes:
        route: the only route it meets, as in `GET /v2/apps/{appId}`; empty: all.
        app_id: the only app it meets; empty: all.
        after: how many of these calls pass before the first fault.
        times: how many faults there are at most; None: no end.
        probability: how likely each of the remaining calls is to fail.
    """

    route: str = ""
    app_id: str = ""
    after: Count = 0
    times: Count | None = None
    probability: Share = 1.0


class RateLimit(Rule, frozen=True, tag="rate_limit"):
    """A token bucket: 429 when it is empty.

    Attributes:
        rate: calls per second.
        capacity: calls at once; None: the calls of one second.
        retry_after: how the wait is told.
        per: what has a bucket of its own.
        grace_ms: calls that arrive so soon after a 429 were under way already and break no promise.
    """

    rate: Positive
    capacity: Positive | None = None
    retry_after: Literal["seconds", "date", "absent"] = "seconds"
    per: Literal["key", "app", "server"] = "key"
    grace_ms: Milliseconds = 100


class Status(Rule, frozen=True, tag="status"):
    """Another answer instead of the true one: errors, HTML pages (also with 200), empty bodies.

    Attributes:
        executed: whether the call takes effect all the same.
    """

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 503
    body: Literal["json", "html", "empty"] = "json"
    executed: bool = False


class Revoked(Rule, frozen=True, tag="revoked"):
    """401: the key is no longer valid."""


class Forbidden(Rule, frozen=True, tag="forbidden"):
    """403: the key lacks the scope."""


class Slow(Rule, frozen=True, tag="slow"):
    """An answer that takes its time, and up to `jitter_ms` more."""

    latency_ms: Milliseconds
    jitter_ms: Milliseconds = 0


class Hang(Rule, frozen=True, tag="hang"):
    """No answer at all, until the client gives up; `executed` as in Status."""

    executed: bool = False


class Reset(Rule, frozen=True, tag="reset"):
    """The connection breaks in the middle of the body; the call takes effect."""


class Truncate(Rule, frozen=True, tag="truncate"):
    """Complete HTTP around half of the JSON; the call takes effect."""


class Loop(Rule, frozen=True, tag="loop"):
    """A page that names the cursor it was asked with as the next one; meets only calls with a cursor."""


class Shuffle(Rule, frozen=True, tag="shuffle"):
    """Messages of a page in random order."""


Fault = RateLimit | Status | Revoked | Forbidden | Slow | Hang | Reset | Truncate | Loop | Shuffle


class Incident:
    """A rule at work: counts the calls it could meet and draws whether it does."""

    def __init__(self, rule: Fault, *, seed: str) -> None:
        self.rule = rule
        self.seen = 0
        self.hits = 0
        self.random = random.Random(seed)  # noqa: S311 - reproducible faults, no secret

    def meets(self, *, route: str, app_id: str | None, has_cursor: bool) -> bool:
        """Whether this call fails; counts it."""
        rule = self.rule
        if (rule.route and rule.route != route) or (rule.app_id and rule.app_id != app_id):
            return False
        if isinstance(rule, Loop) and not has_cursor:
            return False
        self.seen += 1
        if self.seen <= rule.after or (rule.times is not None and self.hits >= rule.times):
            return False
        if rule.probability < 1 and self.random.random() >= rule.probability:
            return False
        self.hits += 1
        return True


def read_faults(value: Any) -> list[Fault]:
    """Faults out of JSON values.

    Raises:
        msgspec.ValidationError: a rule is unknown or wrong.
    """
    return msgspec.convert(value, list[Fault])


def read_fault(spec: str) -> Fault:
    """A fault out of `KIND[:NAME=VALUE,...]`, such as `status:status=502,probability=0.1`.

    Raises:
        UsageError: the rule is unknown or wrong.
    """
    kind, _, options = spec.partition(":")
    pairs = (option.partition("=") for option in options.split(",") if option)
    options_by_name = {name: value for name, _, value in pairs}
    try:
        fault: Fault = msgspec.convert({"kind": kind, **options_by_name}, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the fault {spec!r} is wrong ({error}): see `sunlake sandbox serve --help`") from error
    return fault


def incidents(faults: Sequence[Fault], *, seed: int) -> list[Incident]:
    """Set rules to work, each with random numbers of its own."""
    return [Incident(rule, seed=f"{seed}:{place}") for place, rule in enumerate(faults)]
