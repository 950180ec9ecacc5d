"""What a row of seeds may hold, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import SeedsError
from pipeline.walk.seeds import Seed, SeedKind, alias_tag, read_seeds, validate_seeds

APP = "5d8cff3cd55b040010928b5b"
OTHER = "5d8cff3cd55b040010928b5c"
USER = "7494535bff5cef41a15be74d"
SALT = b"0123456789abcdef"


def _csv_of(folder: Path, text: str) -> str:
    path = folder / "people.csv"
    path.write_text(text, "utf-8")
    return str(path)


def _complaint(folder: Path, text: str, *, app_ids: tuple[str, ...] = (APP,)) -> str:
    with pytest.raises(SeedsError) as caught:
        validate_seeds(_csv_of(folder, text), app_ids=app_ids)
    return str(caught.value)


def test_each_kind_of_identifier_becomes_a_seed(tmp_path: Path) -> None:
    """A row gives a seed of the kind whose column is filled, in the order of the file."""
    source = _csv_of(
        tmp_path,
        "user_id,external_id,email,conversation_id,brand_id\n"
        f"{USER},,,,\n,a/b ü%,,,\n,crm-7,,,9477922990333\n,,Ann@Example.org,,\n,,,{USER},\n",
    )
    assert list(read_seeds(source, app_ids=[APP])) == [
        Seed(APP, SeedKind.USER_ID, USER),
        Seed(APP, SeedKind.EXTERNAL_ID, "a/b ü%"),
        Seed(APP, SeedKind.EXTERNAL_ID, "crm-7", "9477922990333"),
        Seed(APP, SeedKind.EMAIL, "Ann@Example.org"),
        Seed(APP, SeedKind.CONVERSATION_ID, USER),
    ]
    assert validate_seeds(source, app_ids=[APP]) == 5


def test_app_id_chooses_among_several_apps(tmp_path: Path) -> None:
    """With several apps configured, each row names its own."""
    source = _csv_of(tmp_path, f"app_id,user_id\n{OTHER},{USER}\n{APP},{USER}\n")
    assert [seed.app_id for seed in read_seeds(source, app_ids=[APP, OTHER])] == [OTHER, APP]


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("user_id", "7494535BFF5CEF41A15BE74D", "user_id is not 24 hexadecimal digits in lower case (24 characters"),
        ("user_id", "../5d8cff3cd55b0400109", "user_id is not 24 hexadecimal digits"),
        ("user_id", f'"{USER}\n"', "user_id is not 24 hexadecimal digits"),
        ("conversation_id", "default", "conversation_id is not 24 hexadecimal digits in lower case (7 characters"),
        ("external_id", "..", "external_id is a dot segment"),
        ("external_id", ".", "external_id is a dot segment"),
        ("external_id", "x" * 1025, "external_id has 1025 characters where 1024 are allowed"),
        ("external_id", " crm-7", "external_id begins or ends with a blank (6 characters"),
        ("external_id", '"crm\n7"', "external_id holds a control character"),
        ("external_id", "crm\x007", "external_id holds a control character"),
        ("email", "ann.example.org", "email is no address with one @"),
        ("email", "ann@@example.org", "email is no address with one @"),
        ("email", "ann bee@example.org", "email is no address with one @"),
        ("email", "@example.org", "email is no address with one @"),
        ("email", "a" * 320 + "@x", "email has 322 characters where 320 are allowed"),
        ("user_id,brand_id", f"{USER},1", "brand_id belongs beside external_id or email only"),
        ("external_id,brand_id", "crm-7," + "1" * 25, "brand_id has 25 characters where 24 are allowed"),
        ("user_id,email", f"{USER},ann@example.org", "exactly one of"),
        ("user_id,brand_id", ",1", "found none"),
        ("app_id,user_id", f"{USER},{USER}", "app_id is not one of the configured apps"),
        ("user_id", f"{USER},{USER}", "2 fields where the header has 1"),
    ],
)
def test_a_wrong_row_is_named_and_masked(tmp_path: Path, header: str, row: str, said: str) -> None:
    """The message names the line and what is wrong with it, and never the value."""
    message = _complaint(tmp_path, f"{header}\n{row}\n")
    assert "people.csv: 1 wrong row:\n  line 2: " in message
    assert said in message
    for value in row.replace('"', "").split(","):
        if len(value.strip()) > 4:
            assert value.strip() not in message


def test_app_id_is_asked_for_where_several_apps_are_configured(tmp_path: Path) -> None:
    """A row that could belong to either of two apps is refused."""
    message = _complaint(tmp_path, f"user_id\n{USER}\n", app_ids=(APP, OTHER))
    assert "line 2: app_id is needed, since several apps are configured" in message


def test_ten_wrong_rows_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    """Of many wrong rows the first ten are shown, with the number of all."""
    message = _complaint(tmp_path, "user_id\n" + f"{USER}\nnobody\n" * 12)
    assert "12 wrong rows; the first 10:" in message
    assert message.count("\n") == 10
    assert "line 3:" in message
    assert "line 21:" in message
    assert "line 23:" not in message


def test_good_rows_are_given_before_a_wrong_one_is_met(tmp_path: Path) -> None:
    """Reading is lazy: the seeds before a wrong row come out, then the error names its line."""
    seeds = read_seeds(_csv_of(tmp_path, f"user_id\n{USER}\n\nnobody\n"), app_ids=[APP])
    assert next(seeds).value == USER
    with pytest.raises(SeedsError, match="line 4: user_id"):
        next(seeds)


def test_a_seed_does_not_show_its_value() -> None:
    """A seed that ends up in a log line does not carry the address along."""
    assert "ann" not in repr(Seed(APP, SeedKind.EMAIL, "ann@example.org"))


def test_tags_are_stable_and_ignore_the_case_of_addresses() -> None:
    """The same person has the same tag in each run, and only with the same salt."""
    ann = Seed(APP, SeedKind.EMAIL, "Ann@Example.org")
    tag = alias_tag(SALT, ann)
    assert tag == alias_tag(SALT, Seed(APP, SeedKind.EMAIL, "ann@example.ORG")) == "71869da0159e7f922e3eb0a3e3a93623"
    assert tag != alias_tag(SALT + b"!", ann)


def _casefolded(parts: tuple[str, SeedKind, str, str | None]) -> tuple[str | None, ...]:
    app_id, kind, value, brand_id = parts
    return app_id, kind, value.casefold(), brand_id


@given(
    st.lists(
        st.tuples(
            st.sampled_from([APP, OTHER]),
            st.sampled_from([SeedKind.EXTERNAL_ID, SeedKind.EMAIL]),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6),
            st.sampled_from([None, "1", "11"]),
        ),
        unique_by=_casefolded,
        max_size=20,
    )
)
def test_different_seeds_have_different_tags(parts: list[tuple[str, SeedKind, str, str | None]]) -> None:
    """App, kind, brand and value all count, and none runs into the next."""
    seeds = [Seed(app_id, kind, value, brand_id) for app_id, kind, value, brand_id in parts]
    assert len({alias_tag(SALT, seed) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("kind", [SeedKind.USER_ID, SeedKind.CONVERSATION_ID])
def test_only_personal_values_have_tags(kind: SeedKind) -> None:
    """Ids of the API need no tag."""
    with pytest.raises(ValueError, match="only external ids"):
        alias_tag(SALT, Seed(APP, kind, USER))
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        alias_tag(b"", Seed(APP, SeedKind.EMAIL, "ann@example.org"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_external_id_is_taken_as_it_is_or_refused_unseen(tmp_path: Path, value: str) -> None:
    """Whatever stands in a cell, it comes out unchanged, or is refused without being quoted."""
    cell = value.replace('"', '""')
    source = _csv_of(tmp_path, f'external_id,brand_id\n"{cell}",b7f2\n')
    try:
        taken, said = list(read_seeds(source, app_ids=[APP])), ""
    except SeedsError as error:
        taken, said = [], str(error).replace(source, "")
    assert said or [seed.value for seed in taken] == [value]
    assert len(value) <= 4 or value not in said
