"""Where a lake may lie, and how the store of a bucket may be reached."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.config import Settings, StorageKeys, load_settings, storage_keys
from pipeline.errors import ConfigError
from pipeline.lake.layout import Lake
from pipeline.places import S3Place, StorageSettings


def _load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "sunlake.toml"
    path.write_text(text, "utf-8")
    return load_settings(path, environ=environ)


def _place(lake: str, **changed: str) -> S3Place:
    place = Settings(lake=lake, **changed).place  # type: ignore[arg-type]  # only strings are changed here
    assert isinstance(place, S3Place)
    return place


def test_a_lake_is_a_folder_or_a_prefix_of_a_bucket(tmp_path: Path) -> None:
    """The environment wins, a slash at the end means nothing, and a bucket alone is a lake, too."""
    assert Settings(lake="data").place == Path("data")
    settings = _load(tmp_path, 'lake = "data"', SUNLAKE_LAKE="s3://lakes/eu/prod/", SUNLAKE_STATE=str(tmp_path))
    place = settings.place
    assert isinstance(place, S3Place)
    assert (place.bucket, place.prefix, str(place)) == ("lakes", "eu/prod", "s3://lakes/eu/prod")
    assert place.private.parent == tmp_path
    assert str(_place("s3://lakes")) == "s3://lakes"


def test_each_lake_has_a_folder_of_its_own_on_this_machine() -> None:
    """Lakes of other prefixes, buckets or stores do not share what is private; by default it lies in the home."""
    places = [_place("s3://lakes/a"), _place("s3://lakes/b"), _place("s3://other/a")]
    elsewhere = Settings(lake="s3://lakes/a", storage=StorageSettings(endpoint="https://s3.example.com")).place
    assert isinstance(elsewhere, S3Place)
    folders = {place.private for place in (*places, elsewhere)}
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {Path("~/.local/state/sunlake").expanduser()}


@pytest.mark.parametrize(
    "lake", ["s3://", "s3:///a", "s3://A/b", "s3://lakes/a*b", "s3://lakes/a//b", "s3://lakes/a b"]
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, lake: str) -> None:
    """DuckDB reads names as patterns, and SQL holds them, so that few characters may stand in them."""
    with pytest.raises(ConfigError, match=r"s3://bucket/prefix"):
        _load(tmp_path, f'lake = "{lake}"')


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ('endpoint = "http://s3.example.com"', "clear text"),
        ('endpoint = "s3.example.com"', "must be a URL"),
        ('endpoint = "https://key:secret@s3.example.com"', "keys belong into environment variables"),
        ('endpoint = "https://s3.example.com/lakes"', "scheme, host and port"),
        ('access_key_id_env = "A"', "go together"),
        ('session_token_env = "A"', "session_token_env needs"),
        ("lease_seconds = 0", "lease_seconds must be above 0"),
        ('secret = "x"', "secret"),
    ],
)
def test_wrong_settings_of_the_store_are_refused(tmp_path: Path, storage: str, said: str) -> None:
    """The message names the section; a secret can't be written into the file at all."""
    with pytest.raises(ConfigError, match=said):
        _load(tmp_path, f"[storage]\n{storage}\n")


def test_clear_text_is_allowed_on_this_machine(tmp_path: Path) -> None:
    """For a store that is being tried out."""
    assert _load(tmp_path, '[storage]\nendpoint = "http://127.0.0.1:9000"\n').storage.endpoint


def test_the_keys_come_from_the_variables_that_are_named() -> None:
    """None of them named: AWS's own chain is asked; one of them empty: the message names it. Nothing shows them."""
    named = StorageSettings(access_key_id_env="A", secret_access_key_env="B", session_token_env="C")
    place = Settings(lake="s3://lakes/a", storage=named, ledger_url="postgresql://u:geheim@h/d").place
    assert isinstance(place, S3Place)
    keys = storage_keys(place, environ={"A": "key", "B": "secret", "C": "token"})
    assert keys == StorageKeys("key", "secret", "token")
    assert repr(keys) == "StorageKeys(***)"
    assert "geheim" not in repr(place)
    with pytest.raises(ConfigError, match=r"variable B and C is not set"):
        storage_keys(place, environ={"A": "key"})
    assert storage_keys(_place("s3://lakes/a"), environ={}) is None


def test_what_works_on_folders_only_says_so() -> None:
    """Code that asks for the folder of a lake in a bucket gets a sentence for the user, never a folder named s3:."""
    settings = Settings(lake="s3://lakes/a")
    for ask in (lambda: settings.lake_path, lambda: Lake(settings.place).root, lambda: Lake(settings.place).final("x")):
        with pytest.raises(ConfigError, match="a lake in a folder only"):
            ask()
    assert Lake(Path("data")).private == Path("data/_sunlake")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is an extra; who lacks it is told how to get it."""
    monkeypatch.setitem(sys.modules, "pipeline.lake.s3.store", None)
    with pytest.raises(ConfigError, match=r"sunlake\[s3\]"):
        _ = Lake(_place("s3://lakes/a")).store
