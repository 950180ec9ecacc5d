"""A call that sunlake may make, as data, and the only place that turns identifiers into a request target.

External ids are typed by people and go into paths, where `..` or `/` would address something else: what can't be sent
exactly as asked is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import quote

from pipeline.errors import BadRequestError

Method = Literal["GET"]
Scope = Literal["account", "app", "integration"]
Paging = Literal["none", "forward", "backward"]

MAX_TARGET_BYTES = 16 * 1024
"""Longer targets are refused; 1,024 characters of any script take 12 KiB."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Operation(Protocol):
    """What sending a call and judging its answer need to know of a route, be it a reading or a destroying one."""

    @property
    def name(self) -> str:
        """Method and template; all that errors name."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def scopes(self) -> frozenset[Scope]:
        """The key scopes that may call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API (openapi.yaml, paths).

    Args:
        template: the path below the base URL, with `{placeholders}`.
        envelope: the key of the answer that holds the object or the list.
        many: whether the envelope holds a list.
        paging: the direction in which the exporter walks the list, or "none" if all comes at once.
        page_size: the `page[size]` to ask for, or None where it does not apply.
        scopes: the key scopes that may call it.
        table: the lake's table that the answer fills.
        method: the HTTP method.
    """

    template: str
    envelope: str
    many: bool
    table: str
    scopes: frozenset[Scope]
    paging: Paging = "none"
    page_size: int | None = None
    method: Method = "GET"
    name: str = field(init=False)
    pieces: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.method} {self.template}")
        object.__setattr__(self, "pieces", tuple(_PLACEHOLDER.split(self.template)))

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the path parameters, in order."""
        return self.pieces[1::2]


def request_target(route: Route, *, prefix: str, path: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Build the exact path and query to send, percent-encoded, below the base URL's path prefix.

    Raises:
        BadRequestError: a path value is empty, a dot segment, holds control characters, is too long or no Unicode.
        ValueError: the path parameters are not those of the route (a mistake in the program).
    """
    pieces = list(route.pieces)
    if len(path) != len(pieces) // 2 or any(name not in path for name in pieces[1::2]):
        raise ValueError(f"{route.name} takes the path parameters {', '.join(route.placeholders) or 'none'}")
    for index in range(1, len(pieces), 2):
        value = path[pieces[index]]
        if value.isascii() and value.isalnum():  # as ids are
            pieces[index] = value
            continue
        if value in ("", ".", "..") or _CONTROL.search(value):
            raise BadRequestError(
                f"refused: the value for {{{pieces[index]}}} is empty, a dot segment or holds control characters; "
                "mend the identifier in the seeds",
                route=route.name,
            )
        pieces[index] = _quoted(value, route=route)
    target = prefix + "".join(pieces)
    if query:
        pairs = [f"{_quoted_name(name)}={_quoted(value, route=route)}" for name, value in query.items()]
        target += "?" + "&".join(pairs)
    if len(target) > MAX_TARGET_BYTES:
        raise BadRequestError("refused: too long for a URL; mend the identifier in the seeds", route=route.name)
    return target


@functools.cache  # there are but a few
def _quoted_name(name: str) -> str:
    return quote(name, safe="")


def _quoted(text: str, *, route: Route) -> str:
    if text.isascii() and text.isalnum():
        return text
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:  # a lone surrogate; the exception holds the text, so it must not be chained
        pass
    raise BadRequestError("refused: a value is not valid Unicode; mend the identifier in the seeds", route=route.name)
