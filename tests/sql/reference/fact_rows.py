"""Rows of the facts as the marts show them; columns are named as in the models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.sql.reference.blocks import Block, handoff, human_waits, turns, wait_status
from tests.sql.reference.bots import BotSession, is_handed_off
from tests.sql.reference.business_hours import business_ms
from tests.sql.reference.channels import switches
from tests.sql.reference.conversations import Conversation
from tests.sql.reference.deliveries import Delivery
from tests.sql.reference.messages import BUSINESS, Message
from tests.sql.reference.moments import local_date, local_hour, local_weekday, to_naive
from tests.sql.reference.pairs import first_channel, is_human_wanted, is_left_truncated
from tests.sql.reference.responses import Judged
from tests.sql.reference.sessions import Session
from tests.sql.reference.settings import Settings

Row = dict[str, Any]


def message_rows(conversations: Iterable[Conversation], settings: Settings) -> list[Row]:
    """Rows of `int_messages_classified`."""
    return [
        {
            "app_id": message.app_id,
            "conversation_id": message.conversation_id,
            "conversation_type": conversation.conversation_type,
            "message_id": message.message_id,
            "received": to_naive(message.ms),
            "received_ms": message.ms,
            "message_no": message.number,
            "class": message.kind,
            "is_ai": message.is_ai,
            "is_deleted": message.is_deleted,
            "is_eligible": message.is_eligible,
            "user_key": message.user_key,
            "source_type": message.source_type,
            "content_type": message.content_type,
            "channel": message.channel,
            "channel_family": settings.family(message.channel),
            "channel_basis": message.basis,
        }
        | _local(message.ms, settings)
        for conversation in conversations
        for message in conversation.messages
    ]


def conversation_row(conversation: Conversation, settings: Settings) -> Row:
    """The row of `fct_conversations`."""
    messages, first_user = conversation.messages, conversation.first_user
    started_ms = conversation.started_ms()
    kinds = ("user", "agent", "bot", "unknown", "system", "survey")
    return {
        **_place(conversation),
        "conversation_type": conversation.conversation_type,
        "user_key": conversation.user_key,
        "first_channel": (first_user.channel if first_user else None) or "none",
        "created_at": to_naive(conversation.created_ms),
        "created_ms": conversation.created_ms,
        "first_message_at": to_naive(messages[0].ms) if messages else None,
        "last_message_at": to_naive(messages[-1].ms) if messages else None,
        "first_user_at": to_naive(first_user.ms) if first_user else None,
        "first_user_ms": first_user.ms if first_user else None,
        "as_of": to_naive(conversation.as_of_ms),
        "as_of_ms": conversation.as_of_ms,
        "n_sessions": len(conversation.sessions),
        "n_messages": len(messages),
        **{f"n_{kind}": conversation.count(kind) for kind in kinds},
        "is_complete": conversation.is_complete,
        "local_date": None if started_ms is None else local_date(started_ms, settings.time_zone),
    }


def session_rows(conversation: Conversation, session: Session, settings: Settings) -> list[Row]:
    """The row of `fct_sessions`."""
    first_user = session.first_user
    schedule = settings.schedule_at(first_channel(session), first_user.ms) if first_user else None
    row: Row = {
        **_place(conversation, session),
        "session_no": session.number,
        "user_key": conversation.user_key,
        "conversation_type": conversation.conversation_type,
        "started_at": to_naive(session.messages[0].ms),
        "ended_at": to_naive(session.ended_ms),
        "end_reason": session.end_reason,
        "initiated_by": "user" if session.messages[0].kind == "user" else "business",
        "first_user_at": to_naive(first_user.ms) if first_user else None,
    }
    for scope, kinds in (("any", BUSINESS), ("human", ("agent",)), ("bot", ("bot",))):
        reply, start = session.first_after_user(kinds), first_user
        row[f"first_reply_at_{scope}"] = to_naive(reply.ms) if reply else None
        row[f"frt_{scope}_ms"] = reply.ms - start.ms if reply and start else None
        row[f"frt_{scope}_business_ms"] = business_ms(schedule, start.ms, reply.ms) if reply and start else None
    waits = human_waits(session)
    first_agent = waits[0].reply if waits else None
    handed_ms = handoff(waits[0], conversation.handoffs).ms if waits else 0
    users = [message for message in session.messages if message.kind == "user"]
    row |= {
        "frt_human_handoff_ms": first_agent.ms - handed_ms if first_agent else None,
        "frt_human_handoff_business_ms": business_ms(schedule, handed_ms, first_agent.ms) if first_agent else None,
        **{f"n_{kind}": session.count(kind) for kind in ("user", "agent", "bot", "unknown")},
        "first_channel": first_channel(session),
        "n_channels": len({message.channel for message in users}),
        "n_channel_switches": len(switches(session, settings)),
        "last_class": session.last.kind,
        "left_truncated": is_left_truncated(conversation, session),
        "is_human_wanted": is_human_wanted(conversation, session),
        "is_handed_off": is_handed_off(conversation, session),
        "settled": session.settled,
        "as_of": to_naive(session.as_of_ms),
        "schedule_id": schedule.schedule_id if schedule else None,
    }
    return [row | _local((first_user or session.messages[0]).ms, settings)]


def turn_rows(conversation: Conversation, session: Session, settings: Settings) -> list[Row]:
    """The rows of `fct_turns`."""
    return [
        _block_row(conversation, turn, settings)
        | {
            "turn_no": turn.number,
            "last_user_msg_id": turn.users[-1].message_id,
            "reply_msg_id": turn.reply.message_id if turn.reply else None,
            "last_user_at": to_naive(turn.users[-1].ms),
            "reply_at": to_naive(turn.reply.ms) if turn.reply else None,
            "reply_class": turn.reply.kind if turn.reply else None,
            "reply_ms": turn.reply.ms - turn.first.ms if turn.reply else None,
            "reply_from_last_ms": turn.reply.ms - turn.users[-1].ms if turn.reply else None,
            "reply_business_ms": _answered_within(turn, turn.first.ms, settings),
            "status": turn.state,
        }
        for turn in turns(session)
    ]


def wait_rows(conversation: Conversation, session: Session, settings: Settings) -> list[Row]:
    """The rows of `fct_human_waits`."""
    rows = []
    for wait in human_waits(session):
        start, reply = handoff(wait, conversation.handoffs), wait.reply
        rows.append(
            _block_row(conversation, wait, settings)
            | {
                "wait_no": wait.number,
                "agent_msg_id": reply.message_id if reply else None,
                "handoff_from_at": to_naive(start.ms),
                "agent_at": to_naive(reply.ms) if reply else None,
                "wait_ms": reply.ms - wait.first.ms if reply else None,
                "handoff_ms": reply.ms - start.ms if reply else None,
                "wait_business_ms": _answered_within(wait, wait.first.ms, settings),
                "handoff_business_ms": _answered_within(wait, start.ms, settings),
                "handoff_basis": start.basis,
                "status": wait_status(wait, with_agents=conversation.with_agents),
                "is_open": session.is_open,
            }
        )
    return rows


def switch_rows(conversation: Conversation, session: Session, settings: Settings) -> list[Row]:
    """The rows of `fct_channel_switches`."""
    return [
        {
            **_place(conversation, session),
            "message_id": switch.message.message_id,
            "switched_at": to_naive(switch.message.ms),
            "from_channel": switch.before.channel,
            "to_channel": switch.message.channel,
            "from_family": settings.family(switch.before.channel),
            "to_family": settings.family(switch.message.channel),
            "local_date": local_date(switch.message.ms, settings.time_zone),
        }
        for switch in switches(session, settings)
    ]


def sla_row(judged: Judged) -> Row:
    """The row of `fct_sla`."""
    pair = judged.pair
    return {
        "app_id": pair.app_id,
        "conversation_id": pair.conversation_id,
        "session_id": pair.session_id,
        "metric": pair.metric,
        "scope": pair.scope,
        "clock": pair.clock,
        "target_id": judged.target.target_id,
        "channel": pair.channel or "none",
        "arrived_at": to_naive(pair.arrived_ms),
        "due_at": to_naive(judged.due_ms),
        "value_ms": pair.value_ms,
        "age_ms": pair.age_ms,
        "target_ms": judged.target.target_ms,
        "outcome": judged.outcome,
        "local_date": pair.day,
    }


def delivery_row(delivery: Delivery, settings: Settings) -> Row:
    """The row of `fct_deliveries`."""
    return {
        "app_id": delivery.app_id,
        "conversation_id": delivery.conversation_id,
        "message_id": delivery.message_id,
        "destination_type": delivery.destination,
        "final_type": delivery.final,
        "is_failed": None if delivery.final is None else delivery.final == "failure",
        "error_code": delivery.error_code,
        "n_events": delivery.n_events,
        "last_event_at": to_naive(delivery.last_ms),
        "local_date": local_date(delivery.first_ms, settings.time_zone),
    }


def bot_rows(found: Iterable[BotSession], settings: Settings) -> list[Row]:
    """The rows of `fct_bot_sessions`."""
    return [
        {
            **_place(bot.conversation, bot.session),
            "user_key": bot.conversation.user_key,
            "channel": first_channel(bot.session) or "none",
            "local_date": _local((bot.session.first_user or bot.session.messages[0]).ms, settings)["local_date"],
            "is_handed_off": bot.is_handed_off,
            "is_contained_loose": bot.is_contained_loose,
            "is_contained": bot.is_contained,
            "is_deflected": bot.is_deflected,
        }
        for bot in found
    ]


def _place(conversation: Conversation, session: Session | None = None) -> Row:
    place: Row = {"app_id": conversation.app_id, "conversation_id": conversation.conversation_id}
    return place | ({"session_id": session.session_id} if session else {})


def _local(ms: int, settings: Settings) -> Row:
    zone = settings.time_zone
    return {
        "local_date": local_date(ms, zone),
        "local_hour": local_hour(ms, zone),
        "local_weekday": local_weekday(ms, zone),
    }


def _block_row(conversation: Conversation, block: Block, settings: Settings) -> Row:
    first: Message = block.first
    schedule = settings.schedule_at(first.channel, first.ms)
    shown_ms = block.reply.ms if block.reply and settings.attribution == "reply" else first.ms
    return {
        **_place(conversation, block.session),
        "user_key": conversation.user_key,
        "first_user_msg_id": first.message_id,
        "first_user_at": to_naive(first.ms),
        "closed_at": to_naive(block.closed_ms),
        "n_user_msgs": len(block.users),
        "channel": first.channel,
        "channel_family": settings.family(first.channel),
        "schedule_id": schedule.schedule_id if schedule else None,
        "first_user_ms": first.ms,
        "closed_ms": block.closed_ms,
        "as_of_ms": block.session.as_of_ms,
    } | _local(shown_ms, settings)


def _answered_within(block: Block, from_ms: int, settings: Settings) -> int | None:
    schedule = settings.schedule_at(block.first.channel, block.first.ms)
    return business_ms(schedule, from_ms, block.reply.ms) if block.reply else None
