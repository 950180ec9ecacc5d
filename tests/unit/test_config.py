"""Settings: the file, the environment that wins over it, and what is said of wrong values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config import AppSettings, KeyPair, Settings, check_base_url, key_pair, load_settings
from pipeline.errors import ConfigError

APP = "5d8cff3cd55b040010928b5b"
URL = "https://acme.zendesk.com/sc"
MINIMAL = f'[[apps]]\napp_id = "{APP}"\nbase_url = "{URL}"\n'


def _load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "sunlake.toml"
    path.write_text(text, "utf-8")
    return load_settings(path, environ=environ)


def test_nothing_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without file and variables, the defaults hold."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}) == Settings()
    assert Settings().lake_path == Path("lake")


def test_a_whole_file(tmp_path: Path) -> None:
    """Every table of the file reaches its settings."""
    settings = _load(
        tmp_path,
        'lake = "/data/lake"\nledger_url = "postgresql+psycopg://h/db"\n'
        + MINIMAL
        + 'auth = "jwt"\nscope = "account"\nseeds = ["a.csv"]\nmax_rate = 5\n'
        + '[commit]\nrows = 10\n[calls]\nread_seconds = 1.5\n[[schedules]]\nflow = "sweep"\ncron = "0 3 * * *"\n',
    )
    app = settings.app(APP)
    assert (settings.lake, settings.ledger_url) == ("/data/lake", "postgresql+psycopg://h/db")
    assert (app.auth, app.scope, app.seeds, app.max_rate) == ("jwt", "account", (f"{tmp_path}/a.csv",), 5.0)
    assert (settings.commit.rows, settings.calls.read_seconds) == (10, 1.5)
    assert settings.schedules[0].timezone == "UTC"


def test_the_environment_wins(tmp_path: Path) -> None:
    """Variables replace what the file says, key by key."""
    settings = _load(
        tmp_path,
        'lake = "a"\nledger_url = "sqlite:///a"\n[commit]\nrows = 1\npages = 2\n',
        SUNLAKE_LAKE="b",
        SUNLAKE_LEDGER_URL="sqlite:///b",
        SUNLAKE_COMMIT_ROWS="7",
        SUNLAKE_COMMIT_SECONDS="0.5",
    )
    assert (settings.lake, settings.ledger_url) == ("b", "sqlite:///b")
    assert (settings.commit.rows, settings.commit.pages, settings.commit.seconds) == (7, 2, 0.5)


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    """A variable that is set to nothing, as in many compose files, leaves the file's value."""
    assert _load(tmp_path, 'lake = "a"\n', SUNLAKE_LAKE="", SUNLAKE_APP_ID="").lake == f"{tmp_path}/a"


def test_one_app_may_live_in_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a single app no file is needed."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "SUNLAKE_APP_ID": APP,
        "SUNLAKE_BASE_URL": URL,
        "SUNLAKE_AUTH": "jwt",
        "SUNLAKE_KEY_ID": "app_1",
        "SUNLAKE_SECRET": "hush",
    }
    settings = load_settings(environ=environ)
    assert settings.apps == (AppSettings(app_id=APP, base_url=URL, auth="jwt"),)
    assert key_pair(settings.apps[0], environ=environ) == KeyPair("app_1", "hush")


def test_the_app_of_the_environment_keeps_its_settings_of_the_file(tmp_path: Path) -> None:
    """Choosing one of several apps by variable keeps its block, and its URL may be replaced."""
    text = MINIMAL + 'seeds = ["a.csv"]\nkey_id_env = "K"\nsecret_env = "S"\n' + MINIMAL.replace(APP, "other")
    settings = _load(tmp_path, text, SUNLAKE_APP_ID=APP, SUNLAKE_BASE_URL="http://localhost:1")
    assert [(app.app_id, app.base_url, app.seeds, app.key_id_env) for app in settings.apps] == [
        (APP, "http://localhost:1", (f"{tmp_path}/a.csv",), "K")
    ]


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    """SUNLAKE_CONFIG names the file, and a missing one is no silent default."""
    path = tmp_path / "prod.toml"
    with pytest.raises(ConfigError, match=r"prod\.toml does not exist; write one with `sunlake init`"):
        load_settings(environ={"SUNLAKE_CONFIG": str(path)})
    path.write_text('lake = "prod"\n')
    assert load_settings(environ={"SUNLAKE_CONFIG": str(path)}).lake == f"{tmp_path}/prod"


def test_paths_of_the_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that works in a folder of its own, and deletes it afterwards, finds the same lake, seeds and keys."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    queries = ["select id as user_id from 'a.csv'", "duckdb:from 'a.parquet'"]
    text = (
        MINIMAL
        + f'seeds = ["a.csv", "/b.csv", "~/c.JSONL", {", ".join(map(json.dumps, queries))}]\n'
        + '[privacy]\nkey_file = "keys/privacy.key"\nscan_roots = ["backups", "/mnt/backups"]\n'
    )
    settings = _load(tmp_path, text)
    assert settings.lake_path == tmp_path / "lake"
    assert settings.apps[0].seeds == (f"{tmp_path}/a.csv", "/b.csv", "~/c.JSONL", *queries)
    assert settings.privacy.key_file == f"{tmp_path}/keys/privacy.key"
    assert settings.privacy.scan_roots == (f"{tmp_path}/backups", "/mnt/backups")
    assert _load(tmp_path, 'lake = "s3://bucket/lake"\n').lake == "s3://bucket/lake"
    assert _load(tmp_path, 'lake = "a"\n', SUNLAKE_LAKE="b").lake_path == Path("b"), "the shell's folder counts there"


def test_a_wrong_url_of_the_environment_is_named_as_such(tmp_path: Path) -> None:
    """What has to be mended is named, not a file that may not exist."""
    with pytest.raises(ConfigError, match=r"^SUNLAKE_BASE_URL: http would send your key"):
        _load(tmp_path, "", SUNLAKE_APP_ID=APP, SUNLAKE_BASE_URL="http://example.com")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lake = 1", "$.lake"),
        ("lakes = 'a'", "`lakes`"),
        (MINIMAL + "secret = 'hush'", "`secret`"),
        (MINIMAL + "auth = 'digest'", "$.apps[0].auth"),
        (MINIMAL + "scope = 'all'", "$.apps[0].scope"),
        (MINIMAL + "seeds = 'a.csv'", "$.apps[0].seeds"),
        (MINIMAL + "max_rate = 0", "max_rate"),
        (MINIMAL + "max_concurrency = 0", "max_concurrency"),
        (MINIMAL.replace(APP, "../up"), "apps[0].app_id"),
        (MINIMAL.replace(APP, ""), "apps[0].app_id"),
        (MINIMAL + MINIMAL, "apps[1].app_id"),
        ('[[apps]]\napp_id = "a"', "`base_url`"),
        (MINIMAL.replace(URL, "http://acme.zendesk.com/sc"), "apps[0].base_url"),
        ("[commit]\nseconds = 0", "commit.seconds"),
        ("[commit]\nsize = 0", "`size`"),
        ("[calls]\nread_seconds = 'x'", "$.calls.read_seconds"),
        ("[[schedules]]\nflow = 'x'\ncron = '* * * * *'", "$.schedules[0].flow"),
        ("[[schedules]]\nflow = 'export'\ncron = '* * * * *'\ntimezone = 'Mars/Base'", "schedules[0].timezone"),
        ("[[schedules]]\nflow = 'export'\ncron = '* * * * *'\ntimezone = '/etc/passwd'", "schedules[0].timezone"),
        ("lake = \n", "line 1"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(tmp_path: Path, text: str, named: str) -> None:
    """The message holds the file and the key, and never a secret that was put there by mistake."""
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert str(tmp_path / "sunlake.toml") in str(caught.value)
    assert named in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """What the environment gets wrong is told by the variable's name."""
    with pytest.raises(ConfigError, match="SUNLAKE_COMMIT_ROWS must be a number"):
        _load(tmp_path, "", SUNLAKE_COMMIT_ROWS="many")
    with pytest.raises(ConfigError, match="SUNLAKE_APP_ID is set, but SUNLAKE_BASE_URL is not"):
        _load(tmp_path, "", SUNLAKE_APP_ID=APP)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """A file in another encoding, and a folder, end in a message."""
    path = tmp_path / "sunlake.toml"
    path.write_bytes('lake = "sjö"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_settings(path, environ={})
    with pytest.raises(ConfigError, match="can't be read"):
        load_settings(tmp_path, environ={})


@pytest.mark.parametrize("url", [URL, "https://api.eu-1.smooch.io", "http://localhost:8080/x", "http://[::1]:1"])
def test_good_base_urls(url: str) -> None:
    """Any https URL will do, http on loopback only."""
    check_base_url(url, at="here")


@pytest.mark.parametrize(
    "url",
    [
        "acme.zendesk.com/sc",
        "ftp://acme.zendesk.com",
        "http://acme.zendesk.com/sc",
        "http://localhost.evil.example",
        "https://app_1:hush@acme.zendesk.com/sc",
        "https://acme.zendesk.com/sc?key=hush",
        "https://acme.zendesk.com/sc#hush",
        "https:///sc",
        "",
    ],
)
def test_bad_base_urls(url: str) -> None:
    """A URL that would show the key, or carry one, is refused under its setting's name, and not quoted."""
    with pytest.raises(ConfigError, match=r"^here") as caught:
        check_base_url(url, at="here")
    assert "hush" not in str(caught.value)


def test_an_unknown_app_is_told_with_the_known_ones() -> None:
    """Asking for an app that is not configured names those that are."""
    settings = Settings(apps=(AppSettings(app_id=APP, base_url=URL),))
    with pytest.raises(ConfigError, match=f"'x' is not configured .configured: {APP}."):
        settings.app("x")
    with pytest.raises(ConfigError, match="configured: none"):
        Settings().app("x")


def test_missing_keys_are_told_by_the_variables_of_the_app() -> None:
    """The message names the unset variables and not the values of the set ones."""
    app = AppSettings(app_id=APP, base_url=URL, key_id_env="K", secret_env="S")
    with pytest.raises(ConfigError, match="variable K and S is not set"):
        key_pair(app, environ={})
    with pytest.raises(ConfigError, match="variable S is not set") as caught:
        key_pair(app, environ={"K": "app_1", "S": ""})
    assert "app_1" not in str(caught.value)


def test_a_key_does_not_show() -> None:
    """Neither repr nor str of a key holds the key."""
    pair = KeyPair("app_1", "hush")
    assert repr(pair) == str(pair) == f"{pair}" == "KeyPair(***)"
