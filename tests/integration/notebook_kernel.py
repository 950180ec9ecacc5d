"""Runs notebooks as an analyst does: in a kernel of their own, from any folder, with warnings as errors.

As a program (`python -m tests.integration.notebook_kernel FOLDER NOTEBOOK...`) it prints the notebook that came of it,
so that neither Jupyter's loops nor its sockets live in the process of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat

PROJECT: Final = Path(__file__).parents[2]
NOTEBOOKS: Final = sorted((PROJECT / "notebooks").glob("*.ipynb"))

_STRICT: Final = "import warnings; warnings.simplefilter('error')"
# What the cells gave, drawings among them, is what IPython keeps in `Out`.
_CHARTS: Final = """
import json, warnings
import altair
warnings.simplefilter("default")
print(json.dumps([shown.to_dict() for shown in Out.values() if isinstance(shown, altair.TopLevelMixin)]))
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: the titles of its parts, None where a part has none, and the rows of all."""

    titles: tuple[str | None, ...]
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run showed: the outputs of each cell, as the notebook's format has them, and the charts among them."""

    cells: Mapping[str, Sequence[Mapping[str, Any]]]
    charts: tuple[Chart, ...]

    def text(self) -> str:
        """All that a reader can see or copy."""
        return json.dumps(list(self.cells.values()))


def cells(path: Path, kind: str) -> Iterator[Any]:
    """The cells of a notebook that are of a kind, `code` or `markdown`."""
    yield from (cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind)


def run_notebooks(paths: Sequence[Path], *, folder: Path, scratch: Path, lake: Path | None) -> Ran:
    """Run the cells of notebooks in one kernel; fail if one of them fails or warns.

    Args:
        paths: the notebooks.
        folder: the working folder.
        scratch: an empty folder in which the kernel may leave files.
        lake: what SUNLAKE_LAKE says; None leaves it unset.
    """
    home = str(scratch)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "HOME": home, "TMPDIR": home}
    if lake is not None:
        env["SUNLAKE_LAKE"] = str(lake)
    command = [sys.executable, "-m", __name__, str(folder), *map(str, paths)]
    done = subprocess.run(command, env=env, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *shown, charts = (cell for cell in json.loads(done.stdout)["cells"] if cell["cell_type"] == "code")
    specs = json.loads("".join(part["text"] for part in charts["outputs"]))  # long prints come in parts
    return Ran({cell["id"]: cell["outputs"] for cell in shown}, tuple(map(_chart, specs)))


def _chart(spec: dict[str, Any]) -> Chart:
    titles = tuple(next(_titles(part), None) for part in spec.get("vconcat", [spec]))
    return Chart(titles, tuple(row for rows in spec["datasets"].values() for row in rows))


def _titles(part: dict[str, Any]) -> Iterator[str]:
    """The title of a part of a chart, or of one of its layers."""
    yield from (str(holder["title"]) for holder in (part, *part.get("layer", ())) if holder.get("title"))


def _execute(folder: str, paths: Sequence[str]) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(_STRICT)]
    for path in paths:
        notebook.cells += nbformat.read(path, as_version=4).cells
    # The cells of several notebooks have names in common.
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{number}-{cell.id}"
    notebook.cells.append(nbformat.v4.new_code_cell(_CHARTS))
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": folder}}).execute()
    print(json.dumps(notebook))


if __name__ == "__main__":
    _execute(sys.argv[1], sys.argv[2:])
