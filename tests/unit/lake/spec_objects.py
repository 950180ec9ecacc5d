"""Objects as the vendor's specification describes them, with the deviations that real answers have.

A schema becomes a strategy of JSON texts: fields are there, absent, null or of another type, and unknown ones come in.
"""

from __future__ import annotations

from datetime import UTC
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.spec_schemas import NEWEST, _components
from tests.unit.lake.json_texts import join_object, numbers, strings, unicode_strings, values

Texts = st.SearchStrategy[str]
Schema = dict[str, Any]

_DEPTH = 5
_ABSENT = st.just("")
_NULL = st.just("null")
_MOMENT_NAMES = (
    "businessLastRead",
    "createdAt",
    "lastRead",
    "lastSeen",
    "lastUpdatedAt",
    "linkedAt",
    "originalMessageTimestamp",
    "received",
    "signedUpAt",
)
_WEBHOOKS_ONLY = ("client", "device")
_IDS = st.text("0123456789abcdef", min_size=24, max_size=24)


@cache
def spec_objects(name: str, *, document: str = NEWEST, deviating: bool = True) -> Texts:
    """Objects of one schema, all with a string `id`.

    Args:
        name: the schema's name, such as `message`.
        document: which version of the specification.
        deviating: whether there are unknown fields, wrong types, nulls anywhere, and strings that are not Unicode. If
            not, objects are what a GET answers: no write-only fields, and sources without what only webhooks tell.
    """
    # Where there is no specification, tests are skipped, but their modules are imported.
    return st.deferred(lambda: _any_of(name, document, deviating))


def _any_of(name: str, document: str, deviating: bool) -> Texts:
    schema = _components(document)[name]
    mapping = schema.get("discriminator", {}).get("mapping", {})
    chosen = [_flatten({"$ref": target}, document) for target in mapping.values()] or [_flatten(schema, document)]
    return st.one_of([_objects(one, document, deviating, depth=0) for one in chosen])


def properties(name: str, *, document: str = NEWEST) -> dict[str, Schema]:
    """The fields of a schema, with those of all it includes."""
    found: dict[str, Schema] = _flatten(_components(document)[name], document).get("properties", {})
    return found


def _flatten(schema: Schema, document: str) -> Schema:
    if "$ref" in schema:
        return _flatten(_components(document)[schema["$ref"].rsplit("/", 1)[1]], document)
    flat: Schema = {"properties": {}}
    for part in [*(_flatten(part, document) for part in schema.get("allOf", ())), schema]:
        flat["properties"] |= part.get("properties", {})
        flat |= {key: value for key, value in part.items() if key not in ("properties", "allOf")}
    return flat


def _texts(schema: Schema, document: str, deviating: bool, depth: int) -> Texts:
    flat = _flatten(schema, document)
    choices = flat.get("oneOf", flat.get("anyOf"))
    if choices:
        return st.one_of([_texts(choice, document, deviating, depth) for choice in choices])
    kind = flat.get("type", "object")
    if kind == "array":
        items = _texts(flat["items"], document, deviating, depth + 1)
        return st.lists(items, max_size=2).map(lambda parts: "[" + ",".join(parts) + "]")
    return _objects(flat, document, deviating, depth) if kind == "object" else _leaves(flat, kind, deviating)


def _leaves(flat: Schema, kind: str, deviating: bool) -> Texts:
    if "enum" in flat:
        return st.sampled_from([f'"{word}"' for word in flat["enum"]])
    return {
        "string": strings() if deviating else unicode_strings(),
        "integer": st.integers(0, 2**40).map(str),
        "number": numbers(),
        "boolean": st.sampled_from(("true", "false")),
    }[kind]


def _objects(flat: Schema, document: str, deviating: bool, depth: int) -> Texts:
    if depth >= _DEPTH or not flat["properties"]:
        return st.sampled_from(("{}", '{"a":1.50}', '{"b":[null]}'))
    fields = {}
    for name, schema in flat["properties"].items():
        field = _flatten(schema, document)
        text = _moments(deviating) if name in _MOMENT_NAMES else _texts(schema, document, deviating, depth + 1)
        if name == "id" and depth == 0:
            fields[name] = _IDS.map('"{}"'.format)
        elif deviating:
            fields[name] = st.one_of(text, text, _ABSENT, _NULL, values())
        elif not field.get("writeOnly") and name not in _WEBHOOKS_ONLY:
            required = name in flat.get("required", ())
            fields[name] = text if required else st.one_of(text, _ABSENT, _NULL if field.get("nullable") else text)
    return _members(fields, st.lists(st.tuples(strings(), values()), max_size=2 if deviating else 0))


@st.composite
def _members(draw: st.DrawFn, fields: dict[str, Texts], unknown: st.SearchStrategy[list[tuple[str, str]]]) -> str:
    known = [(f'"{name}"', text) for name, texts in fields.items() if (text := draw(texts))]
    names = {f'"{name}"' for name in fields}
    return join_object(known + [member for member in draw(unknown) if member[0] not in names])


def _moments(deviating: bool) -> Texts:
    canonical = st.datetimes(timezones=st.just(UTC)).map(
        lambda moment: f'"{moment.replace(tzinfo=None).isoformat(timespec="milliseconds")}Z"'
    )
    others = st.sampled_from(
        ('"2026-01-02T03:04:05Z"', '"2026-01-02T03:04:05.678+02:00"', '"2026-02-30T00:00:00.000Z"', '"yesterday"', '""')
    )
    return st.one_of(canonical, others) if deviating else canonical
