"""Drives exports of a sandbox into a lake: within this process, or as a process of its own that may be killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import AppSettings, CallSettings, CommitSettings, Settings
from pipeline.export import export_apps
from pipeline.outcome import OnProgress, Summary
from pipeline.sandbox.process import Sandbox, SandboxKey
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.runs import RunKind
from tests.integration.launcher import Ended, Launcher

PROJECT = Path(__file__).parents[2]
KILLED = -9
START_RATE = 1000.0


@dataclass
class Bench:
    """A lake to be filled from a sandbox.

    Args:
        sandbox: the server.
        folder: where lake, seeds and settings lie.
        app_id: the app; by default the first.
        scope: of the key.
        auth: how the key is shown.
        commit: when to commit.
        calls: bounds of a call.
        max_concurrency: calls at once.
        start_rate: calls per second at the start.
        shared_lake: the lake, if it is not a folder of its own.
        seed_files: what `seed` has written.
        launcher: starts processes quickly.
    """

    sandbox: Sandbox
    folder: Path
    app_id: str = ""
    scope: str = "app"
    auth: str = "basic"
    commit: CommitSettings = field(default_factory=CommitSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    max_concurrency: int = 64
    start_rate: float = START_RATE
    shared_lake: Path | None = None
    seed_files: list[Path] = field(default_factory=list)
    launcher: Launcher | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.app_id = self.app_id or self.sandbox.app_id

    @property
    def lake(self) -> Path:
        """The lake."""
        return self.shared_lake or self.folder / "lake"

    @property
    def key(self) -> SandboxKey:
        """The key in use."""
        return self.sandbox.key(self.scope, app_id=self.app_id)

    def seed(self, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
        """Write a file of seeds: those given, or the world's own."""
        found = [dict(row) for row in (self.sandbox.seeds(app_id=self.app_id) if rows is None else rows)]
        file = self.folder / f"seeds-{len(self.seed_files)}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in found))
        self.seed_files.append(file)
        return file

    def settings(self) -> Settings:
        """The settings for an export within this process."""
        return Settings(lake=str(self.lake), apps=(self.app(),), commit=self.commit, calls=self.calls)

    def app(self) -> AppSettings:
        """The app's settings; its key is put into the environment."""
        names = {"key_id_env": f"KEY_ID_{self.app_id}_{self.scope}", "secret_env": f"SECRET_{self.app_id}_{self.scope}"}
        os.environ[names["key_id_env"]], os.environ[names["secret_env"]] = self.key.id, self.key.secret
        return AppSettings(
            app_id=self.app_id,
            base_url=self.sandbox.base_url,
            seeds=tuple(map(str, self.seed_files)),
            auth="jwt" if self.auth == "jwt" else "basic",
            scope="integration" if self.scope == "integration" else "app",
            start_rate=self.start_rate,
            max_concurrency=self.max_concurrency,
            **names,
        )

    def export(
        self,
        kind: RunKind = "export",
        *,
        limit: int | None = None,
        on_progress: OnProgress | None = None,
        expect: str | None = "done",
    ) -> Summary:
        """Run an export within this process; fails unless it ends as expected."""
        if not self.seed_files:
            self.seed()
        settings = self.settings()
        (summary,) = asyncio.run(export_apps(settings, settings.apps, kind=kind, limit=limit, on_progress=on_progress))
        assert expect is None or summary.state == expect, summary
        return summary

    def sweep(self) -> Summary:
        """Run a sweep within this process."""
        return self.export("sweep")

    def reset_lake(self) -> None:
        """Throw the lake away."""
        shutil.rmtree(self.lake, ignore_errors=True)

    def ledger(self) -> Ledger:
        """The lake's ledger."""
        return open_ledger(f"sqlite:///{self.lake}/_sunlake/ledger.db")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `sunlake` in a process of its own to its end."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", *arguments],
            env=self.environment(),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def driven(self, *arguments: str, **environ: str) -> Ended:
        """Run `sunlake` to its end in a process that may be killed or fail at a point (see `export_driver`)."""
        assert self.launcher is not None
        return self.launcher.run(arguments, environ=self.environment() | environ, folder=self.folder)

    def points(self, *arguments: str) -> list[str]:
        """Run `sunlake` undisturbed and return the names of the points that it passed."""
        trace = self.folder / "trace"
        trace.unlink(missing_ok=True)
        ended = self.driven(*arguments, DRIVER_TRACE=str(trace))
        assert ended.code == 0, ended
        return trace.read_text().splitlines()

    def start(self, *arguments: str, module: str = "pipeline.cli.main", **environ: str) -> subprocess.Popen[str]:
        """Start `sunlake`, or a module that drives it, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=self.environment() | environ,
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """What a process needs to know."""
        settings = self.folder / "sunlake.toml"
        settings.write_text(self._toml())
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return known | {"SUNLAKE_CONFIG": str(settings), "KEY_ID": self.key.id, "SECRET": self.key.secret}

    def _toml(self) -> str:
        seeds = json.dumps([str(file) for file in self.seed_files])
        return f"""
            lake = "{self.lake}"
            [commit]
            seconds = {self.commit.seconds}
            rows = {self.commit.rows}
            pages = {self.commit.pages}
            [calls]
            read_seconds = {self.calls.read_seconds}
            total_seconds = {self.calls.total_seconds}
            [[apps]]
            app_id = "{self.app_id}"
            base_url = "{self.sandbox.base_url}"
            key_id_env = "KEY_ID"
            secret_env = "SECRET"
            seeds = {seeds}
            start_rate = {self.start_rate}
            max_concurrency = {self.max_concurrency}
        """
