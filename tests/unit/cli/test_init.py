"""`sunlake init` and its template."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from pipeline import config, metrics_settings, places, privacy_settings
from pipeline.cli.init import TEMPLATE, command
from pipeline.config import load_settings
from pipeline.errors import ConfigError, StorageError, UsageError

APP = "5d8cff3cd55b040010928b5b"
URL = "https://acme.zendesk.com/sc"
STRUCTS = (
    config.Settings,
    config.AppSettings,
    config.CommitSettings,
    config.CallSettings,
    config.ScheduleSettings,
    places.StorageSettings,
    metrics_settings.WarehouseSettings,
    metrics_settings.SessionSettings,
    metrics_settings.ChannelSessionSettings,
    metrics_settings.BusinessSchedule,
    metrics_settings.SlaTarget,
    privacy_settings.PrivacySettings,
    privacy_settings.RetentionSettings,
)
# What is shown by an example, since its default is that there is none.
WITHOUT_DEFAULT = "ledger_url|seeds|max_rate|key_file|deeds_key_file|controller|recipients|scan_roots|prefect_home"
# Blocks that show how something is written, and hold no defaults.
EXAMPLES = re.compile(r"^# \[.*\n(?:# .*\n)+", re.MULTILINE)


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _init(*arguments: str) -> str:
    return CliRunner().invoke(command, arguments, catch_exceptions=False).output


def test_the_file_loads_once_it_is_filled_in() -> None:
    """With the app told on the command line, the file is ready, and all else has its default."""
    assert "fill in" not in _init("--app-id", APP, "--base-url", URL)
    settings = load_settings(environ={})
    assert settings.apps == (config.AppSettings(app_id=APP, base_url=URL),)
    assert settings == config.Settings(apps=settings.apps)


def test_the_file_names_what_is_to_be_filled_in() -> None:
    """Without an app, the file says by its own key what is missing."""
    said = _init()
    assert "fill in app_id and base_url in sunlake.toml" in said
    assert "sunlake doctor" in said
    with pytest.raises(ConfigError, match=r"sunlake.toml: apps\[0\].app_id must be"):
        load_settings(environ={})


def test_every_setting_is_shown_and_every_commented_one_works() -> None:
    """The template knows each field of the settings, and its commented examples are valid."""
    filled = TEMPLATE.replace("{app_id}", APP).replace("{base_url}", URL)
    bare = re.sub(r'^# (?=[\w":]+ = |\[)', "", filled, flags=re.MULTILINE)
    Path("sunlake.toml").write_text(bare)
    settings = load_settings(environ={})
    assert len(settings.schedules) == 1
    assert settings.ledger_url is not None
    warehouse = settings.warehouse
    assert (len(warehouse.schedules), len(warehouse.sla), len(warehouse.sessions.channels)) == (1, 1, 1)
    assert (len(warehouse.source_classes), len(warehouse.channel_families)) == (1, 2)
    tables = re.findall(r"^(?:# )?\[([\w.\[]+)\]", TEMPLATE, re.MULTILINE)
    shown = set(re.findall(r"^(?:# )?(\w+) =", TEMPLATE, re.MULTILINE))
    shown |= {name for table in tables for name in table.lstrip("[").split(".")} - {"whatsapp"}
    assert shown == {field.name for struct in STRUCTS for field in msgspec.structs.fields(struct)}


def test_commented_values_are_the_defaults() -> None:
    """What a comment shows as default is the default."""
    filled = EXAMPLES.sub("", TEMPLATE.replace("{app_id}", APP).replace("{base_url}", URL))
    bare = re.sub(rf"^# (?=(?!{WITHOUT_DEFAULT})\w+ = )", "", filled, flags=re.MULTILINE)
    assert "attribution" in bare
    Path("sunlake.toml").write_text(bare)
    settings = load_settings(environ={})
    assert settings == config.Settings(apps=(config.AppSettings(app_id=APP, base_url=URL),))


def test_an_existing_file_is_kept() -> None:
    """A file that is there is overwritten by `--force` only."""
    Path("sunlake.toml").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        _init()
    assert Path("sunlake.toml").read_text() == "mine"
    _init("--force")
    assert Path("sunlake.toml").read_text() != "mine"


def test_a_place_that_can_not_be_written_is_named() -> None:
    """A missing folder is told as such."""
    with pytest.raises(StorageError, match=r"no/such/prod\.toml can't be written: No such file"):
        CliRunner().invoke(command, [], obj=_frame(Path("no/such/prod.toml")), catch_exceptions=False)


@pytest.mark.parametrize(
    ("option", "value"), [("--app-id", "../x"), ("--app-id", 'a"b'), ("--base-url", "http://acme.zendesk.com/sc")]
)
def test_values_that_can_not_work_are_refused(option: str, value: str) -> None:
    """What could break the file or send a key in clear text is not written."""
    with pytest.raises(UsageError, match=option):
        _init(option, value)
    assert not Path("sunlake.toml").exists()


def _frame(path: Path) -> object:
    from pipeline.cli.frame import Frame

    return Frame(config=path)
