"""Prefect's variables, and that they are in effect before Prefect is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.environment import DEFAULTS, prefect_environment
from pipeline.errors import ConfigError

ROOT = Path(__file__).parents[3]


def test_unset_variables_get_our_defaults(tmp_path: Path) -> None:
    """Telemetry is off, logs are quiet, and Prefect's files lie under the user's state folder, which is made."""
    env = {"HOME": str(tmp_path)}
    prefect_environment(env)
    assert env.items() >= DEFAULTS.items()
    assert env["PREFECT_HOME"] == f"{tmp_path}/.local/state/sunlake/prefect"
    assert Path(env["PREFECT_HOME"]).is_dir()
    assert env["DO_NOT_TRACK"] == "1"
    assert env["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    """A home, a level or anything else that is set is left alone."""
    mine = {"PREFECT_HOME": str(tmp_path), "PREFECT_LOGGING_LEVEL": "DEBUG", "DO_NOT_TRACK": "0"}
    env = dict(mine)
    prefect_environment(env)
    assert env.items() >= mine.items()


def test_the_state_folder_follows_the_xdg_specification(tmp_path: Path) -> None:
    """XDG_STATE_HOME counts if it is absolute."""
    for value, home in ((f"{tmp_path}/state", f"{tmp_path}/state"), ("relative", f"{tmp_path}/.local/state")):
        env = {"HOME": str(tmp_path), "XDG_STATE_HOME": value}
        prefect_environment(env)
        assert env["PREFECT_HOME"] == f"{home}/sunlake/prefect"


def test_a_home_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    """The message names the variable that mends it."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"PREFECT_HOME .*/file/prefect can't be created"):
        prefect_environment({"PREFECT_HOME": str(tmp_path / "file" / "prefect")})


def test_importing_a_flow_imports_prefect_with_our_settings(tmp_path: Path) -> None:
    """Prefect reads its variables on import; by then they are set."""
    code = (
        "import flows.export, prefect.settings as s; now = s.get_current_settings(); "
        "print(now.home, now.server.analytics_enabled, now.logging.to_api.enabled, now.results.persist_by_default)"
    )
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == [f"{tmp_path}/.local/state/sunlake/prefect", "False", "False", "False"], done.stderr
