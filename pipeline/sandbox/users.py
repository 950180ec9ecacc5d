"""Finds the user that a call means: by id, by external id within a brand, or behind the id of one who was merged."""

from __future__ import annotations

from pipeline.sandbox.answers import not_found
from pipeline.sandbox.service import Call
from pipeline.sandbox.world import JsonObject


def read_user(call: Call) -> JsonObject:
    """The user of `{userIdOrExternalId}`; an id beats an external id, unless `Behaviour.external_id_first`.

    Raises:
        Refusal: 404.
    """
    name = call.parameters["userIdOrExternalId"]
    brand_id = call.query.get("brandId", [None])[0]
    if call.service.behaviour.external_id_first and call.app.find_external(name, brand_id=brand_id) is not None:
        return find_user(call, external_id=name, brand_id=brand_id)
    return find_user(call, user_id=name, external_id=name, brand_id=brand_id)


def find_user(
    call: Call, *, user_id: str | None = None, external_id: str | None = None, brand_id: str | None = None
) -> JsonObject:
    """The user with this id, else the one with this external id.

    Raises:
        Refusal: 404.
    """
    if user_id is not None:
        user = call.app.users.get(_survivor(call, user_id))
        if user is not None:
            return user
    if external_id is not None:
        found = call.app.find_external(external_id, brand_id=brand_id)
        user = None if found is None else call.app.users.get(found)
        if user is not None:
            return user
    raise not_found("user")


def _survivor(call: Call, user_id: str) -> str:
    if call.service.behaviour.merged_user == "survivor":
        while user_id in call.app.merged:
            user_id = call.app.merged[user_id]
    return user_id
