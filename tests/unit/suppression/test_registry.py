from __future__ import annotations

import pytest

from pipeline.lake.schema import Kind as ColumnKind
from pipeline.lake.tables import TABLES
from pipeline.suppression.registry import ENTITY_KINDS, ERASURE_TARGETS, Category, keys_of, masked_of

PERSONAL = ("users", "clients", "devices", "conversations", "participants", "messages", "events")


def test_every_column_of_every_table_is_classified() -> None:
    """A schema that gains a column fails here until somebody says what the column says about a person."""
    assert ERASURE_TARGETS.keys() == TABLES.keys()
    for name, targets in ERASURE_TARGETS.items():
        assert list(targets.columns) == TABLES[name].schema.names, name


@pytest.mark.parametrize("name", PERSONAL)
def test_every_json_column_of_a_table_of_people_is_looked_into(name: str) -> None:
    """JSON that nobody looks into could hold an erased person."""
    for column in TABLES[name].columns:
        target = ERASURE_TARGETS[name].columns[column.name]
        if column.kind is ColumnKind.JSON and target.category is not Category.NONE:
            assert target.inside is not None, column.name


def test_extra_counts_as_free_text_everywhere() -> None:
    """Fields that this version does not know may say anything."""
    assert all(targets.columns["extra"].category is Category.FREE for targets in ERASURE_TARGETS.values())


def test_nothing_secret_is_kept() -> None:
    """The lake has no column for secrets, so none is classified as one."""
    found = [target for targets in ERASURE_TARGETS.values() for target in targets.columns.values()]
    assert Category.SECRET not in {target.category for target in found}


def test_pii_only_nulls_what_upstream_clears_and_what_it_leaves() -> None:
    """gdpr.md, section 5: direct fields and metadata, also the external id, which upstream leaves."""
    assert {"external_id", "email", "given_name", "surname", "identities", "metadata"} <= set(masked_of("users"))
    assert {"external_id", "display_name", "avatar_url", "info", "raw"} <= set(masked_of("clients"))
    assert set(masked_of("messages")) == {"author_display_name", "author_avatar_url", "extra"}
    assert not set(masked_of("users")) & {"user_id", "brand_id", "signed_up_at"}


def test_keys_and_owners_are_columns() -> None:
    """Every table of people has a key by which rows are found, and tombstones name the entities of tables."""
    for name in PERSONAL:
        assert list(keys_of(name))
        owner = ERASURE_TARGETS[name].owner
        assert owner is None or owner in TABLES[name].schema.names
    entities = {table.entity for table in TABLES.values()}
    assert ENTITY_KINDS.keys() <= entities
