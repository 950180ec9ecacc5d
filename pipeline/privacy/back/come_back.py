"""Who is back: what the lake, the ledger or the models hold although the list of suppressions would not let it in.

People are known by MACs only, so whatever may be an id of theirs is hashed and compared (gdpr.md, section 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.lake.layout import Lake
from pipeline.privacy.back.computed import computed_ids
from pipeline.privacy.back.in_lake import ids_in_lake
from pipeline.privacy.back.in_ledger import cut_groups, ids_in_ledger
from pipeline.privacy.back.masked_inside import masked_inside
from pipeline.privacy.back.said_again import said_again
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.whole_batch import REWRITTEN
from pipeline.suppression.listing import load
from pipeline.suppression.matcher import ID_KINDS, OF_OTHERS, Effect
from pipeline.suppression.mention_macs import SuppressedMentions
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Action, Kind, Subject
from pipeline.suppression.suppressed import Suppressed

_ACTIONS = {Effect.DROP: Action.ERASE, Effect.MASK: Action.PII_ONLY}


@dataclass(frozen=True, slots=True)
class Back:
    """What was found of one app.

    Args:
        subjects: whom to erase or to mask again, at most one for each action; none if nobody is back.
        policy: by which rule.
        stored: how many ids of theirs the lake and the ledger hold.
        mentions: how many rows of others say of them what was redacted once.
        computed: how many ids the warehouse and the marts hold.
    """

    subjects: tuple[Subject, ...]
    policy: Policy
    stored: int = 0
    mentions: int = 0
    computed: int = 0


def come_back(desk: Desk, app_id: str) -> Back:
    """Look for everybody who was erased or masked; whoever is only kept out may be in the lake from before.

    Raises:
        PrivacyKeyError: a key that made a suppression is missing.
        LakeError: a file can't be read.
    """
    entries = [entry for entry in load(desk.lake).in_force(app_id) if entry.action in REWRITTEN]
    by_effect = {effect: Suppressed(entries, desk.keyring, app_id=app_id, effects=(effect,)) for effect in _ACTIONS}
    mentions = SuppressedMentions.of(entries, by_effect[Effect.DROP])
    policy = Policy(scope=desk.settings.privacy.scope, mentions=mentions)
    masked = _masked(desk.lake, app_id, by_effect[Effect.MASK], policy)
    erased = _erased(desk, app_id, by_effect[Effect.DROP], policy)
    found = {Effect.MASK: masked, Effect.DROP: erased.ids}
    is_back = {Effect.MASK: bool(masked), Effect.DROP: bool(erased.stored or erased.mentions or erased.computed)}
    subjects = [_subject(desk, app_id, _ACTIONS[effect], found[effect]) for effect in _ACTIONS if is_back[effect]]
    return Back(
        subjects=tuple(subjects),
        policy=policy,
        stored=erased.stored + sum(map(len, masked.values())),
        mentions=erased.mentions,
        computed=erased.computed,
    )


def _masked(lake: Lake, app_id: str, matcher: Suppressed, policy: Policy) -> Mapping[Kind, frozenset[str]]:
    owners = ids_in_lake(lake, app_id, matcher, effect=Effect.MASK, policy=policy)
    quoted = masked_inside(lake, app_id, matcher)
    return _joined(owners, {Kind.USER: quoted} if quoted else {})


@dataclass(frozen=True, slots=True)
class _Erased:
    ids: Mapping[Kind, frozenset[str]]
    stored: int
    mentions: int
    computed: int


def _erased(desk: Desk, app_id: str, matcher: Suppressed, policy: Policy) -> _Erased:
    stored = _joined(
        ids_in_lake(desk.lake, app_id, matcher, effect=Effect.DROP, policy=policy),
        ids_in_ledger(desk, app_id, matcher, policy=policy),
    )
    places = {kind: stored.pop(kind, frozenset()) for kind in OF_OTHERS}  # which are there in any case
    groups = places[Kind.GROUP] | cut_groups(desk, app_id, stored)
    computed = computed_ids(desk.lake, matcher, policy=policy)
    return _Erased(
        ids=_joined(stored, computed) | places | {Kind.GROUP: groups},
        stored=sum(map(len, stored.values())),
        mentions=said_again(desk.lake, app_id, matcher, policy, places=places),
        computed=sum(map(len, computed.values())),
    )


def _joined(one: Mapping[Kind, frozenset[str]], other: Mapping[Kind, frozenset[str]]) -> dict[Kind, frozenset[str]]:
    nothing: frozenset[str] = frozenset()
    kinds = [kind for kind in (*ID_KINDS, *OF_OTHERS) if kind in one or kind in other]
    return {kind: one.get(kind, nothing) | other.get(kind, nothing) for kind in kinds}


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
