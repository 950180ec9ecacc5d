from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lake import exact_json
from tests.unit.lake.json_texts import objects, strings, tag, tagged, values

_LONG = "0.1000000000000000055511151231257827021181583404541015625"  # what the float 0.1 is
MALFORMED_OBJECTS = (
    b"",
    b"{",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b'{"a":1 "b":2}',
    b'{"a":1}x',
    b'{"a":NaN}',
    b"{1:2}",
    b'{"a":01}',
    b'{"a":"\xff"}\xff',
    b"[]",
    b"null",
    b"1",
)
MALFORMED_ARRAYS = (b"", b"[", b"[1,]", b"[1 2]", b"[1]x", b"[NaN]", b"{}", b"null")
SURROGATE = b'"\\ud83d"'


@given(values())
def test_parse_keeps_numbers_exactly(text: str) -> None:
    """Every number is as large as its text says, and integers stay integers."""
    assert tag(exact_json.parse(text)) == tagged(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1.0", 1.0),
        ("1e400", Decimal("1e400")),
        (_LONG, Decimal(_LONG)),
        ("9223372036854775808", 2**63),
        ("1" * 5_000, Decimal("1" * 5_000)),
        ("1e9999999999999999999", float("inf")),
    ],
)
def test_a_number_is_a_float_only_where_that_says_it(text: str, value: object) -> None:
    """Floats that would round become Decimals; beyond Decimal's own range nothing better than a float exists."""
    parsed = exact_json.parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_parse_refuses_what_python_would_read() -> None:
    """NaN is not JSON."""
    with pytest.raises(ValueError, match="NaN"):
        exact_json.parse("NaN")


@given(objects(st.tuples(strings(), values())))
def test_split_and_render_keep_the_value(text: str) -> None:
    """An object cut into its fields and put together again is the same object."""
    source = text.encode()
    assert tagged(exact_json.render(exact_json.split(source))) == tagged(source)


@given(st.lists(values(), max_size=4))
def test_elements_are_slices_of_the_text(parts: list[str]) -> None:
    """An array is cut into the very texts it was made of."""
    source = ("[ " + " , ".join(parts) + " ]").encode()
    assert exact_json.elements(source) == [part.encode() for part in parts]


def test_a_lone_surrogate_does_not_disturb_the_slices() -> None:
    """Strings that are no Unicode take another way, with the same result."""
    source = b'{ "a" : 1.50 , "\\ud83d":{"x" :[ ]},"a":' + SURROGATE + b"}"
    assert exact_json.split(source) == {"a": SURROGATE, "\ud83d": b'{"x" :[ ]}'}
    assert exact_json.elements(b"[1.50," + SURROGATE + b" ,{} ]") == [b"1.50", SURROGATE, b"{}"]
    assert exact_json.elements(b"[" + SURROGATE + b"]") == [SURROGATE]


@pytest.mark.parametrize("source", MALFORMED_OBJECTS)
def test_split_refuses_what_is_no_object(source: bytes) -> None:
    """Malformed JSON and other values raise, also where a lone surrogate makes it the slower way."""
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        exact_json.split(source)
    if source.startswith(b'{"'):
        with pytest.raises(ValueError):  # noqa: PT011 - any message will do
            exact_json.split(source.replace(b"{", b'{"x":' + SURROGATE + b",", 1))


@pytest.mark.parametrize("source", MALFORMED_ARRAYS)
def test_elements_refuses_what_is_no_array(source: bytes) -> None:
    """Malformed JSON and other values raise, also where a lone surrogate makes it the slower way."""
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        exact_json.elements(source)
    if source.startswith(b"[") and len(source) > 1:
        with pytest.raises(ValueError):  # noqa: PT011 - any message will do
            exact_json.elements(source.replace(b"[", b"[" + SURROGATE + b",", 1))


def test_merge_goes_into_objects_and_replaces_all_else() -> None:
    """Objects are merged at every depth; lists, nulls and scalars are replaced whole."""
    base = {"a": {"b": {"c": 1}}, "l": [1], "s": "x", "o": {"k": 1}}
    exact_json.merge(base, {"a": {"b": {"d": None}}, "l": [2, 3], "s": {"t": 1}, "o": 5, "n": {}})
    assert base == {"a": {"b": {"c": 1, "d": None}}, "l": [2, 3], "s": {"t": 1}, "o": 5, "n": {}}


def test_render_writes_keys_in_ascii() -> None:
    """A key of any characters makes a text of valid Unicode."""
    text = exact_json.render({"ä\ud83d": b"1", "inner": {'q"': b"[]"}})
    assert text.isascii()
    assert json.loads(text) == {"ä\ud83d": 1, "inner": {'q"': []}}
