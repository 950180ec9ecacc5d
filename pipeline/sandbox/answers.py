"""What a route answers: status, bytes and media type; and the refusals, in the form the specification gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

JSON = b"application/json; charset=utf-8"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Exception):  # noqa: N818 - an answer on its way to the client, no error of the program
    """Ends a route early with an error answer.

    Args:
        status: the HTTP status.
        code: `errors[0].code` (specification, section Errors, and the examples of each operation).
        title: `errors[0].title`.
    """

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title

    def answer(self) -> Answer:
        """The error answer that the client gets."""
        return refused(self.status, self.code, self.title)


def answered(value: Any) -> Answer:
    """200 with a JSON body."""
    return Answer(200, _encode(value))


def refused(status: int, code: str, title: str) -> Answer:
    """An error answer with one error."""
    return Answer(status, _encode({"errors": [{"code": code, "title": title}]}))


def bad_request(title: str) -> Refusal:
    """400."""
    return Refusal(400, "bad_request", title)


def unauthorized(title: str = "Authorization is required") -> Refusal:
    """401."""
    return Refusal(401, "unauthorized", title)


def forbidden(title: str = "Forbidden") -> Refusal:
    """403."""
    return Refusal(403, "forbidden", title)


def not_found(kind: str = "") -> Refusal:
    """404 with the code of the kind of thing, such as "user" or "switchboard"; plain `not_found` without one."""
    if not kind:
        return Refusal(404, "not_found", "Resource not found")
    return Refusal(404, f"{kind}_not_found", f"{kind.replace('_', ' ').capitalize()} not found")
