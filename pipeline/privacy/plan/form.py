"""What a plan says. Nothing in it identifies a person: people are tags, everything else is counts and file names."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from pipeline.privacy.people.resolution import DESTRUCTIVE, State
from pipeline.suppression.subjects import Action


class PlanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how a batch is carried out; another choice makes another plan.

    Attributes:
        include_linked, override_retained: as in `closure.Choices`.
        override_limit: whether more people may be reached than is safe.
        scope: "whole" removes personal conversations, "authored" keeps what the business wrote in them.
        quotes, mentions: what is done about them.
        max_subjects, max_subjects_share: how many people, or what part of the known users, may be reached without an
            override, whichever is more.
    """

    include_linked: bool = False
    override_retained: bool = False
    override_limit: bool = False
    scope: Literal["whole", "authored"] = "whole"
    quotes: Literal["report", "delete_quoting_message"] = "report"
    mentions: Literal["report", "redact"] = "report"
    max_subjects: int = 100
    max_subjects_share: float = 0.05


class SubjectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One person of a plan.

    Attributes:
        tag: names the person; empty where it is ambiguous who that is.
        request_refs: the requests.
        received_at: when each of them was received, in the same order.
        due_at: the earliest of their deadlines.
        rows: rows of the lake by table.
        candidates: between how many people a request does not decide.
        is_acted_on: whether there is anything to be done; for who can't be found there is not.
        media, shared_media: uploads that go, and those that stay because messages of others show them, too.
        linked: other users who share an e-mail address or phone number and are not included.
        calls: expected calls upstream by step.
    """

    app_id: str
    tag: str
    state: State
    action: Action
    request_refs: tuple[str, ...]
    received_at: tuple[datetime, ...]
    due_at: datetime
    is_acted_on: bool
    rows: dict[str, int] = {}
    users: int = 0
    personal_conversations: int = 0
    default_conversations: int = 0
    group_conversations: int = 0
    own_messages_in_groups: int = 0
    media: int = 0
    shared_media: int = 0
    quotes: int = 0
    mentions: int = 0
    linked: int = 0
    candidates: int = 0
    calls: dict[str, int] = {}

    @property
    def is_destroyed(self) -> bool:
        """Whether anything of the person is erased or cleared; so many are to be confirmed."""
        return self.is_acted_on and self.action in DESTRUCTIVE


class FilePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One file that will be rewritten. `path` is relative to the lake's root, `hits` are rows that go or change."""

    path: str
    table: str
    rows: int
    hits: int
    bytes: int

    @property
    def partition(self) -> str:
        """The folder of the file."""
        return self.path.rpartition("/")[0]


class OlderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of files as they were before: older versions and their bytes, marks of deletion, uploads.

    All of it goes with the first person, whoever is in it.
    """

    versions: int = 0
    markers: int = 0
    uploads: int = 0
    bytes: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan.

    Attributes:
        plan_id: SHA-256 over the batch (under the privacy key), the lake's versions and the config.
        created_at: when it was made; it lives for 24 hours.
        online: whether upstream was asked.
        versions: the last commit of each app's lake.
        known_users: how many users each app's ledger knows.
        seconds: the estimated time of the calls.
        confirmation: what must be typed to carry it out, with the number of those who are erased or cleared.
        older: what else goes.
        notes: copies that are not reached, and what can't be made sure of.
    """

    plan_id: str
    created_at: datetime
    online: bool
    config: PlanConfig
    versions: dict[str, str]
    known_users: dict[str, int]
    requests: int
    subjects: tuple[SubjectPlan, ...]
    files: tuple[FilePlan, ...]
    seconds: float
    confirmation: str
    older: OlderPlan = OlderPlan()
    notes: tuple[str, ...] = ()

    @property
    def bytes_to_rewrite(self) -> int:
        """The size of all files that are rewritten."""
        return sum(file.bytes for file in self.files)

    def total(self, name: str) -> int:
        """The sum of a count over all subjects."""
        return sum(getattr(subject, name) for subject in self.subjects)


def encode_plan(plan: Plan) -> bytes:
    """The plan as JSON, for `plan.json` and `--json`."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def decode_plan(data: bytes) -> Plan:
    """The plan of `encode_plan`.

    Raises:
        msgspec.DecodeError: the bytes are something else.
    """
    return msgspec.json.decode(data, type=Plan)
