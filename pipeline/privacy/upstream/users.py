"""Steps 6 and 7: clears what is personal of the subject's users at once, then deletes them, which takes its time."""

from __future__ import annotations

import asyncio

from pipeline.api.deletions import delete_personal_information, delete_user
from pipeline.api.sent import Outcome
from pipeline.privacy.upstream.check import is_cleared
from pipeline.privacy.upstream.run import UpstreamRun
from pipeline.privacy.upstream.types import UpstreamStep


async def clear_personal_information(run: UpstreamRun) -> None:
    """Clear names, addresses and custom properties of users and their clients.

    Raises:
        ApiError: a call failed.
    """
    for user in run.survey.users:
        await _clear(run, user.id)
    run.finish(UpstreamStep.PERSONAL_INFORMATION, users_cleared=len(run.survey.users))


async def delete_users(run: UpstreamRun) -> bool:
    """Delete the users and wait until they are gone; False if they are still there after the policy's patience.

    Raises:
        ApiError: a call failed.
    """
    waiting = [user.id for user in run.survey.users]
    for user_id in waiting:
        await _delete(run, user_id)
    waiting = await _poll(run, waiting)
    if waiting:
        run.end(UpstreamStep.USER, "pending", users_waiting=len(waiting))
        return False
    run.finish(UpstreamStep.USER, users_deleted=len(run.survey.users))
    return True


async def _clear(run: UpstreamRun, user_id: str) -> None:
    for _ in range(run.policy.rounds):
        sent = await run.send(UpstreamStep.PERSONAL_INFORMATION, delete_personal_information(run.app_id, user_id))
        if sent.outcome in {Outcome.DONE, Outcome.GONE}:
            return
        user = await run.reads.user(user_id)
        if user is None or is_cleared(user):
            return
    raise run.give_up(UpstreamStep.PERSONAL_INFORMATION)


async def _delete(run: UpstreamRun, user_id: str) -> None:
    for _ in range(run.policy.rounds):
        sent = await run.send(UpstreamStep.USER, delete_user(run.app_id, user_id))
        if sent.outcome in {Outcome.DONE, Outcome.GONE} or not await run.reads.is_there(user_id):
            return
    raise run.give_up(UpstreamStep.USER)


async def _poll(run: UpstreamRun, waiting: list[str]) -> list[str]:
    """Ask for users until they are gone; those who are still there in the end."""
    wait, waited = run.policy.first_poll_seconds, 0.0
    while waiting := [user_id for user_id in waiting if await run.reads.is_there(user_id)]:
        if waited >= run.policy.poll_seconds:
            break
        await asyncio.sleep(wait)
        waited += wait
        wait = min(wait * 2, run.policy.most_poll_seconds)
    return waiting
