"""Starts contenders one after the other, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from pipeline.sandbox.process import Sandbox
from tests.bench.job import Figures, Job
from tests.bench.progress import note_load

PROJECT = Path(__file__).parents[2]
DLT_VENV = PROJECT / ".venv-bench"
DLT_REQUIREMENT = "dlt[filesystem,parquet]>=1.20,<2"
DLT_SCRIPT = Path(__file__).with_name("dlt_contender.py")
LONGEST_SECONDS = 4 * 3600


def run_job(
    sandbox: Sandbox,
    contender: str,
    *,
    seeds: Path,
    app_id: str = "",
    folder: Path | None = None,
    tuned: bool = False,
) -> Figures:
    """Run a contender against a server to its end.

    Args:
        sandbox: the server.
        contender: as in contender.py, or dlt.
        seeds: see `Job`.
        app_id: the app; by default the first.
        folder: what it writes to; by default one that is deleted afterwards.
        tuned: see `Job`.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="bench-"))
    app = app_id or sandbox.app_id
    key = sandbox.key(app_id=app)
    job = Job(contender, sandbox.base_url, app, key.id, key.secret, str(place), str(seeds), tuned)
    command = [str(DLT_VENV / "bin/python"), str(DLT_SCRIPT)] if contender == "dlt" else _OWN
    note_load()
    try:
        ended = subprocess.run(
            [*command, json.dumps(asdict(job))],
            cwd=PROJECT,
            env={**os.environ, "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if ended.returncode:
        raise RuntimeError(f"{contender} failed: {ended.stderr[-2000:]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def write_seeds(file: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write a seeds file."""
    with file.open("w") as lines:
        lines.writelines(json.dumps(dict(row)) + "\n" for row in rows)
    return file


def install_dlt() -> str | None:
    """Make dlt's environment unless it is there; returns dlt's version, or None where it can't be had."""
    python = DLT_VENV / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(DLT_VENV)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DLT_REQUIREMENT]
    show = [str(python), "-c", "from importlib.metadata import version; print(version('dlt'))"]
    if subprocess.run(show, capture_output=True, check=False).returncode:
        subprocess.run(install, stderr=subprocess.DEVNULL, check=False)
    ended = subprocess.run(show, capture_output=True, text=True, check=False)
    return None if ended.returncode else ended.stdout.strip()


_OWN = [sys.executable, "-m", "tests.bench.contender"]
