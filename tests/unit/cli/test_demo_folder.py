"""The demo's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.demo_folder import DemoFolder, open_folder
from pipeline.errors import StorageError, UsageError

APP = "5d8cff3cd55b040010928b5b"
SEEDS = [{"app_id": APP, "user_id": "5d8cff3cd55b040010928b5c"}]


def _filled(root: Path, world: str = "chitchat") -> DemoFolder:
    folder = open_folder(root, world=world, fresh=False)
    folder.write(app_id=APP, base_url="http://127.0.0.1:1", seeds=SEEDS)
    folder.lake.mkdir(exist_ok=True)
    folder.prefect.mkdir(exist_ok=True)
    return folder


def test_the_settings_point_into_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the user, who may have a lake of their own, changes nothing."""
    monkeypatch.setenv("SUNLAKE_LAKE", "/srv/precious")
    monkeypatch.setenv("SUNLAKE_APP_ID", "somebody")
    settings = _filled(tmp_path / 'with "quotes" and ünicode').settings()
    assert settings.lake_path == tmp_path / 'with "quotes" and ünicode' / "lake"
    (app,) = settings.apps
    assert app.app_id == APP
    assert [json.loads(line) for line in Path(app.seeds[0]).read_text().splitlines()] == SEEDS


def test_no_key_is_written(tmp_path: Path) -> None:
    """The settings name the variables of the key, as everywhere."""
    folder = _filled(tmp_path / "demo")
    assert (folder.settings().apps[0].key_id_env, folder.settings().apps[0].secret_env) == (
        DemoFolder.KEY_ID,
        DemoFolder.SECRET,
    )


def test_the_demo_of_the_same_world_is_continued(tmp_path: Path) -> None:
    """What is there stays, whatever the port of the new sandbox."""
    _filled(tmp_path)
    assert open_folder(tmp_path, world="chitchat", fresh=False).has_lake


def test_another_world_is_refused(tmp_path: Path) -> None:
    """Two worlds in one lake would be two apps; the message says what to do."""
    _filled(tmp_path)
    with pytest.raises(UsageError, match="holds the demo of chitchat, not of chitchat:200; add --fresh"):
        open_folder(tmp_path, world="chitchat:200", fresh=False)


def test_fresh_removes_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    """A file that somebody put into the folder stays."""
    _filled(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    folder = open_folder(tmp_path, world="chitchat:200", fresh=True)
    assert not folder.has_lake
    assert not folder.prefect.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, *, fresh: bool) -> None:
    """Neither continued nor cleared: a lake may be in there."""
    (tmp_path / "lake").mkdir()
    (tmp_path / "sunlake.toml").write_text('lake = "lake"\n')
    with pytest.raises(UsageError, match="not made by `sunlake demo`; name another folder"):
        open_folder(tmp_path, world="chitchat", fresh=fresh)
    assert (tmp_path / "lake").exists()


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is told as such."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/demo can't be created"):
        open_folder(tmp_path / "file" / "demo", world="chitchat", fresh=False)
