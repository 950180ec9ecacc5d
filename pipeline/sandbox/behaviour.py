"""Where the specification is silent, the sandbox can act in more than one way; a client must stand all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from pipeline.errors import UsageError

Count = Annotated[int, msgspec.Meta(ge=0)]


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The open questions of the specification, with the answer that this server gives.

    Attributes:
        delete_user_polls: how often GetUser still answers 200 after DeleteUser, which is asynchronous.
        delete_user_ms: how long after DeleteUser the user stays, in milliseconds; both limits must have passed.
        deleted_user_groups: what becomes of a deleted user's messages in group conversations: they stay, go, lose their
            author's id, or the whole conversation goes.
        deleted_message: whether DeleteMessage leaves a `deleted: true` placeholder or nothing.
        deleted_cursor: whether a cursor whose record is gone works by its old position or is a bad request.
        merged_user: whether the id of a user who was merged into another one is gone or answers with the other one.
        external_id_first: whether `/users/{userIdOrExternalId}` reads a text as external id before it reads it as id.
        sparse_meta: leave out `meta` and `links` where there is only one page, as some official examples do.
        link_base: scheme, host and prefix of `links`; empty: those of the server.
        gzip: compress for clients that accept it.
    """

    delete_user_polls: Count = 1
    delete_user_ms: Count = 0
    deleted_user_groups: Literal["keep", "remove", "anonymous", "close"] = "keep"
    deleted_message: Literal["placeholder", "remove"] = "remove"
    deleted_cursor: Literal["position", "refuse"] = "position"
    merged_user: Literal["gone", "survivor"] = "gone"
    external_id_first: bool = False
    sparse_meta: bool = False
    link_base: str = ""
    gzip: bool = False


def read_behaviour(pairs: Sequence[str]) -> Behaviour:
    """Behaviour out of texts like `gzip=true`; what is not named is as by default.

    Raises:
        UsageError: a name or value is wrong.
    """
    values = dict(pair.partition("=")[::2] for pair in pairs)
    try:
        return msgspec.convert(values, Behaviour, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the behaviour is wrong ({error}): see `sunlake sandbox serve --help`") from error
