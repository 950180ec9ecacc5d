from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.api import resources
from pipeline.api.routes import request_target
from pipeline.errors import BadRequestError

APP = "5d8cff3cd55b040010928b5b"


def target(value: str, *, query: dict[str, str] | None = None) -> str:
    """The target of GET user for a value in the path."""
    path = {"appId": APP, "userIdOrExternalId": value}
    return request_target(resources.GET_USER, prefix="/sc", path=path, query=query or {})


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("abc", "abc"),
        ("a/b", "a%2Fb"),
        ("%2e%2e", "%252e%252e"),
        ("..%2f..", "..%252f.."),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("a b+c", "a%20b%2Bc"),
        ("sue@example.org", "sue%40example.org"),
        ("...", "..."),
        ("a\\b", "a%5Cb"),
        ("zoë-雪", "zo%C3%AB-%E9%9B%AA"),
        ("x" * 1024, "x" * 1024),
    ],
)
def test_a_path_value_stays_one_segment(value: str, sent: str) -> None:
    """Whatever an external id holds is percent-encoded into exactly one path segment."""
    assert target(value) == f"/sc/v2/apps/{APP}/users/{sent}"


@pytest.mark.parametrize("value", ["", ".", "..", "a\0b", "\x1f", "a\nb", "\x7f", "\x85", "\ud800"])
def test_what_would_address_something_else_is_refused(value: str) -> None:
    """Empty values, dot segments, control characters and broken Unicode are refused, and not shown."""
    with pytest.raises(BadRequestError, match="refused") as caught:
        target(value)
    assert caught.value.route == resources.GET_USER.name
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_any_text_comes_back_from_its_segment(text: str) -> None:
    """A path value is either refused or can be decoded from the one segment it became."""
    try:
        built = target(text)
    except BadRequestError:
        return
    assert built.isascii()
    assert built.count("/") == 6
    assert unquote(built.rpartition("/")[2], errors="strict") == text


def test_query_brackets_are_encoded() -> None:
    """Names and values of the query are percent-encoded, brackets and plus signs included."""
    query = resources.users_with_email("sue+1@example.org", brand_id="42")
    assert target("u", query=query).partition("?")[2] == "filter%5Bidentities.email%5D=sue%2B1%40example.org&brandId=42"


@pytest.mark.parametrize(
    "path", [{}, {"appId": APP}, {"appId": APP, "userId": "u"}, {"appId": APP, "userIdOrExternalId": "u", "x": "y"}]
)
def test_wrong_path_parameters_are_a_mistake_of_the_program(path: dict[str, str]) -> None:
    """Path parameters must be those of the route, no more and no less."""
    with pytest.raises(ValueError, match="takes the path parameters"):
        request_target(resources.GET_USER, prefix="", path=path, query={})
