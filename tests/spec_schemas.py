"""The vendor's OpenAPI schemas as JSON Schema validators.

Plain JSON Schema reads three things of the document wrongly, so they are translated: `nullable`; `writeOnly` members
among the required ones (they are required in requests only); and discriminators, without which the members of a `oneOf`
match one another's objects.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

_FOLDER: Final = Path(os.environ.get("SUNLAKE_SPECIFICATIONS", Path(__file__).resolve().parents[2] / "shared"))
NEWEST: Final = "openapi.yaml"
OLDEST: Final = "openapi-17.0.0.yaml"

_KEPT: Final = frozenset(
    ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "pattern")
)

Schema = dict[str, Any]

needs_specification = pytest.mark.skipif(
    not (_FOLDER / NEWEST).is_file(),
    reason="NOT VALIDATED against the specification: SUNLAKE_SPECIFICATIONS must name the folder of openapi.yaml",
)


def validator(name: str, *, unlisted: bool = False, document: str = NEWEST) -> Validator:
    """A validator of one schema of the specification's components.

    Args:
        name: such as `message`, or `messageListResponse` for a whole answer.
        unlisted: accept values of a discriminator that the specification doesn't list, such as content types to come.
            Types of integrations are never checked.
        document: the file name of the specification's version.
    """
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": _definitions(unlisted, document)})


def schema_names(document: str = NEWEST) -> list[str]:
    """All names that `validator` knows."""
    return list(_components(document))


@cache
def _components(document: str) -> dict[str, Schema]:
    # The pure Python loader takes ten times as long.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (_FOLDER / document).read_text(encoding="utf-8")
    schemas: dict[str, Schema] = yaml.load(text, Loader=loader)["components"]["schemas"]
    return schemas


@cache
def _definitions(unlisted: bool, document: str) -> dict[str, Schema]:
    components = _components(document)
    definitions = {name: _translate(schema, unlisted=unlisted) for name, schema in components.items()}
    for name, schema in components.items():
        if "discriminator" in schema and "oneOf" not in schema:
            _separate_base(definitions, name, schema)
    return definitions


def _separate_base(definitions: dict[str, Schema], name: str, schema: Schema) -> None:
    """Keep a schema that its own variants include apart from the choice among them: it would refer to itself."""
    base = f"{name}:base"
    variants = _variants(schema)
    definitions[base] = definitions[name]
    definitions[name] = {"allOf": [_ref(base), _choice(schema, variants, unlisted=True)]}
    for variant in variants.values():
        parts = definitions[variant]["allOf"]
        definitions[variant] = {"allOf": [_ref(base) if part == _ref(name) else part for part in parts]}


def _translate(node: Schema, *, unlisted: bool) -> Schema:
    if "$ref" in node:
        return _ref(_last(node["$ref"]))
    result = {key: value for key, value in node.items() if key in _KEPT}
    if "properties" in node:
        result["properties"] = {name: _translate(part, unlisted=unlisted) for name, part in node["properties"].items()}
    if "required" in node:
        members = node.get("properties", {})
        result["required"] = [name for name in node["required"] if not members.get(name, {}).get("writeOnly")]
    if "items" in node:
        result["items"] = _translate(node["items"], unlisted=unlisted)
    alternatives = "oneOf" in node
    for key in ("allOf", "anyOf") if alternatives and "discriminator" in node else ("allOf", "anyOf", "oneOf"):
        if key in node:
            result[key] = [_translate(part, unlisted=unlisted) for part in node[key]]
    if alternatives and "discriminator" in node:
        result["allOf"] = [*result.get("allOf", []), _choice(node, _variants(node), unlisted=unlisted)]
    return _nullable(result, node.get("nullable"))


def _nullable(schema: Schema, nullable: bool | None) -> Schema:
    if nullable is None:
        return schema
    if nullable:
        return {"anyOf": [schema, {"type": "null"}]}
    return {"allOf": [schema, {"not": {"type": "null"}}]}


def _variants(node: Schema) -> dict[str, str]:
    """Discriminator value -> name of the schema; without a mapping the names are the values."""
    mapping = node["discriminator"].get("mapping")
    references = mapping or {_last(part["$ref"]): part["$ref"] for part in node["oneOf"]}
    return {value: _last(reference) for value, reference in references.items()}


def _choice(node: Schema, variants: dict[str, str], *, unlisted: bool) -> Schema:
    """Exactly the variant that the discriminator names."""
    member = node["discriminator"]["propertyName"]
    branches = [
        {"if": {"properties": {member: {"const": value}}}, "then": _ref(name)} for value, name in variants.items()
    ]
    schema: Schema = {"type": "object", "required": [member], "allOf": branches}
    if not unlisted:
        schema["properties"] = {member: {"enum": list(variants)}}
    return schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
