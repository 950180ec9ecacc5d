"""The frame of the command line: help, options, errors and exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli.main import PLACES, cli
from tests.running import running

SUNLAKE = [sys.executable, "-m", "pipeline.cli.main"]
ROOT = Path(__file__).parents[3]
HEAVY = ("aiohttp", "duckdb", "httpx", "msgspec", "prefect", "pyarrow", "rich", "sqlalchemy", "uvicorn")


def _run(
    *arguments: str, cwd: Path | None = None, code: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments] if code else [*SUNLAKE, *arguments]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": str(cwd or ROOT), **(env or {})}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _with_command(body: str) -> str:
    """A program that is sunlake with one command, `try`, made of these lines."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return (
        "import sys, types, asyncio, logging, click, pipeline.cli.main as m\n"
        "from pipeline.cli.frame import pass_frame\n"
        "from pipeline.errors import *\n"
        "@click.command()\n"
        "@pass_frame\n"
        f"def command(frame):\n{lines}\n"
        "sys.modules['tried'] = types.SimpleNamespace(command=command)\n"
        "m.PLACES['try'], m.SUMMARIES['try'] = 'tried:command', 'Try.'\n"
        "m.main()\n"
    )


def test_help_lists_all_commands_and_imports_none() -> None:
    """`sunlake --help` names every command with a line of help and loads no heavy library."""
    code = "import sys, pipeline.cli.main as m; m.run(['--help']); print(*sys.modules)"
    result = _run(code=code)
    assert result.returncode == 0, result.stderr
    page, modules = result.stdout.rsplit("\n", 2)[:2]
    for name in PLACES:
        assert re.search(rf"^  {name} +\S.*\.$", page, re.MULTILINE)
    loaded = {module.split(".")[0] for module in modules.split()}
    assert loaded.isdisjoint(HEAVY)


def _help_pages(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            found = command.get_command(context, member)
            assert found is not None
            yield from _help_pages(found, f"{name} {member}")


def test_every_command_shows_help_with_examples() -> None:
    """Each command, and each command of a command, shows how it is called, every example on a line of its own."""
    pages = dict(_help_pages(cli, "sunlake"))
    assert {f"sunlake {name}" for name in PLACES} | {"sunlake erase plan", "sunlake sandbox serve"} <= pages.keys()
    for name, page in pages.items():
        assert page.startswith(f"Usage: {name} ")
        assert re.search(rf"^  ( *){name}( .*)?$", page.partition("\n")[2], re.MULTILINE) or "Commands:" in page, name
        assert "\\b" not in page
        assert "\b" not in page


def test_no_command_shows_the_help() -> None:
    """Called without anything, sunlake says what it can do, as wrong use."""
    result = _run()
    assert result.returncode == 2
    assert "Usage: sunlake" in result.stderr


def test_an_unknown_command_gets_a_hint() -> None:
    """A mistyped command is wrong use, and the closest one is named."""
    result = _run("exprot")
    assert result.returncode == 2
    assert "No such command 'exprot'. Did you mean 'export'?" in result.stderr


def test_an_unknown_option_is_wrong_use() -> None:
    """An option that does not exist ends with exit code 2."""
    assert _run("--nonsense").returncode == 2
    assert _run("init", "--nonsense").returncode == 2


@pytest.mark.parametrize(("error", "code"), [("LakeError", 1), ("ConfigError", 2), ("Interrupted", 3)])
def test_errors_raised_on_purpose_end_with_message_and_code(error: str, code: int) -> None:
    """The message stands on stderr alone, without a call stack, and the exit code is the error's own."""
    result = _run("try", code=_with_command(f"raise {error}('the sky fell; hold it up')"))
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr == "error: the sky fell; hold it up\n"


def test_a_group_of_errors_is_told_one_by_one() -> None:
    """When several tasks fail, each message is told once, and the worst exit code counts."""
    body = "raise ExceptionGroup('tasks', [LakeError('a; mend a'), LakeError('a; mend a'), ConfigError('b')])"
    result = _run("try", code=_with_command(body))
    assert result.returncode == 2
    assert result.stderr == "error: a; mend a\nb\n"


def test_an_internal_error_shows_class_and_place_but_no_value() -> None:
    """An exception of a library may quote an address, so only its class and place are shown."""
    result = _run("try", code=_with_command("{}['ann@example.org']"))
    assert result.returncode == 1
    assert re.search(r"^error: internal error: KeyError at .+:\d+ in \w+; run the command with --debug", result.stderr)
    assert "ann" not in result.stderr


@pytest.mark.parametrize("arguments", [("--debug", "try"), ("try", "--debug")])
def test_debug_shows_the_call_stack_but_no_value(arguments: tuple[str, ...]) -> None:
    """`--debug` adds the call stacks of an error and its cause, still without what they quote."""
    body = "name = 'ann' + '@'\ntry:\n    {}[name]\nexcept KeyError as error:\n    raise ValueError(name) from error"
    result = _run(*arguments, code=_with_command(body))
    assert result.returncode == 1
    assert "pipeline/cli/main.py" in result.stderr
    assert "\nKeyError\n" in result.stderr
    assert "\nValueError\n" in result.stderr
    assert "ann@" not in result.stderr
    assert str(ROOT) not in result.stderr


def test_json_errors_are_log_lines() -> None:
    """With `--log-format json`, all of stderr is JSON lines, the error included."""
    body = "logging.getLogger('pipeline.x').info('page.read', extra={'rows': 3})\nraise LakeError('gone; export')"
    result = _run("try", "--log-format", "json", code=_with_command(body))
    first, last = (json.loads(line) for line in result.stderr.splitlines())
    assert (first["event"], first["rows"], first["level"]) == ("page.read", 3, "info")
    assert (last["event"], last["exit_code"], last["level"]) == ("gone; export", 1, "error")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", last["at"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), ["info a.b n=1", "warning d"]), (("--verbose",), ["debug c", "info a.b n=1", "warning d"])],
)
def test_text_logs_hold_our_own_events_and_no_noise(arguments: tuple[str, ...], said: list[str]) -> None:
    """Libraries are heard from warnings on, since their lines hold URLs with ids."""
    body = (
        "logging.getLogger('pipeline.x').debug('c')\n"
        "logging.getLogger('flows.x').info('a.b', extra={'n': 1})\n"
        "logging.getLogger('httpx').info('GET /ann')\n"
        "logging.getLogger('httpx').warning('d')\n"
    )
    result = _run("try", *arguments, code=_with_command(body))
    assert [line.split(" ", 1)[1] for line in result.stderr.splitlines()] == said


def test_logged_exceptions_lose_their_text() -> None:
    """A call stack in a log line is cut down to class and place."""
    body = "try:\n    int('ann')\nexcept ValueError:\n    logging.getLogger('pipeline').exception('bad')"
    result = _run("try", code=_with_command(body))
    assert "error bad exception=ValueError at " in result.stderr
    assert "ann" not in result.stderr


def test_a_command_may_end_in_part() -> None:
    """What a command returns is the exit code."""
    assert _run("try", code=_with_command("return 3")).returncode == 3
    assert _run("try", code=_with_command("click.get_current_context().exit(3)")).returncode == 3


def test_control_c_ends_with_130() -> None:
    """An interrupt that no command takes up ends the program as shells expect it."""
    code = _with_command("print('up', flush=True)\nimport time; time.sleep(60)")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    with running([sys.executable, "-c", code, "try"], env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_the_settings_file_is_named_before_or_after_the_command(tmp_path: Path) -> None:
    """`--config` reaches the command from both places, and the one nearest to the command wins."""
    (tmp_path / "a.toml").write_text('lake = "a"\n')
    (tmp_path / "b.toml").write_text('lake = "b"\n')
    code = _with_command("print(frame.settings().lake)")
    assert _run("--config", "a.toml", "try", cwd=tmp_path, code=code).stdout == "a\n"
    assert _run("try", "--config", "b.toml", cwd=tmp_path, code=code).stdout == "b\n"
    assert _run("--config", "a.toml", "try", "--config", "b.toml", cwd=tmp_path, code=code).stdout == "b\n"
    missing = _run("--config", "c.toml", "try", cwd=tmp_path, code=code)
    assert (missing.returncode, missing.stderr) == (
        2,
        "error: settings file c.toml does not exist; write one with `sunlake init`\n",
    )


def test_the_group_is_called_sunlake() -> None:
    """The name that shells complete is the program's."""
    assert cli.name == "sunlake"
