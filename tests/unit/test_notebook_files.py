"""The notebooks as files: without results, and with queries that read marts only."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import nbformat
import pytest

from pipeline.lake.tables import TABLES
from pipeline.warehouse.models import load_models
from tests.integration.notebook_kernel import NOTEBOOKS, cells

AD_HOC = "04_ad_hoc_sql"
MARTS = {model.name for model in load_models() if model.schema == "marts"}
CATALOG = {"duckdb_views", "duckdb_columns"}
FUNCTIONS = {"unnest"}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_five_notebooks() -> None:
    """The notebooks lie in the order in which they should be read."""
    names = ["01_first_look", "02_response_times", "03_channels", AD_HOC, "05_erasure_audit"]
    assert [path.stem for path in NOTEBOOKS] == names


@each_notebook
def test_files_hold_no_results(path: Path) -> None:
    """A notebook is valid and holds no output, no count of runs and no trace of who ran it."""
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in notebook["cells"] if cell["metadata"] or cell.get("attachments")] == []
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@each_notebook
def test_cells_define_nothing(path: Path) -> None:
    """No cell defines a function or a class: what is worth one belongs into the package."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert [type(node) for node in _nodes(path) if isinstance(node, definitions)] == []


@each_notebook
def test_queries_read_marts_only(path: Path) -> None:
    """Each query is one SELECT over marts; that on asking anything shows lake tables and the catalog, too."""
    made = {_text(call.args[0]) for call in _calls(path, "create_view")}
    allowed = MARTS | made
    functions = set(FUNCTIONS)
    if path.stem == AD_HOC:
        allowed |= {*TABLES, *(f"raw.{name}" for name in TABLES)}
        functions |= CATALOG
    queries = [_text(call.args[0]) for call in _calls(path, "sql")]
    assert queries
    tables, called = zip(*map(_read_by, queries), strict=True)
    assert set[str]().union(*tables) - allowed == set()
    assert set[str]().union(*called) - functions == set()


@each_notebook
def test_the_connection_only_asks(path: Path) -> None:
    """The connection is used for `sql` alone, so no query escapes the test above."""
    used = {
        node.attr
        for node in _nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "connection"
    }
    assert used == {"sql"}


def _nodes(path: Path) -> Iterator[ast.AST]:
    for cell in cells(path, "code"):
        yield from ast.walk(ast.parse(cell.source))


def _calls(path: Path, method: str) -> Iterator[ast.Call]:
    for node in _nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node


def _text(node: ast.expr) -> str:
    """A text that stands there as it is, and is not put together."""
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, str)
    return node.value


def _read_by(query: str) -> tuple[set[str], set[str]]:
    """The tables that a query reads, and the table functions that it calls."""
    ((text,),) = duckdb.execute("select json_serialize_sql($query)", {"query": query}).fetchall()
    tree = json.loads(text)
    assert not tree["error"], tree.get("error_message")
    assert len(tree["statements"]) == 1
    nodes = list(_dicts(tree))
    ctes = {entry["key"] for node in nodes if isinstance(node.get("cte_map"), dict) for entry in node["cte_map"]["map"]}
    tables = {
        ".".join(filter(None, (node["schema_name"], node["table_name"])))
        for node in nodes
        if node.get("type") == "BASE_TABLE"
    }
    called = {node["function"]["function_name"] for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    return tables - ctes, called


def _dicts(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _dicts(value)
