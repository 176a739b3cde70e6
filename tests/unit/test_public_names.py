"""The public names of each package: what its `__init__` brings in is what it promises."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["chainbell.engine", "chainbell.delivery", "chainbell.storage", "chainbell.rules"]
NAMED_TUPLES = ("_fields", "_asdict", "_replace")


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_brings_in_is_what_it_promises(name: str) -> None:
    package = importlib.import_module(name)
    tree = ast.parse(Path(str(package.__file__)).read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(name)
        for alias in node.names
    }
    assert imported == set(package.__all__)
    assert len(imported) == len(package.__all__)
    assert not any(public.startswith("_") for public in imported)
    for public in package.__all__:
        assert getattr(package, public) is not None


def test_a_receiver_loads_neither_aiohttp_nor_sqlalchemy() -> None:
    program = "import sys, chainbell.delivery.receiver; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "sqlalchemy", "pydantic", "cryptography", "alembic"} & set(loaded)


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    errors = importlib.import_module("chainbell.engine.errors")
    engine = importlib.import_module("chainbell.engine")
    assert set(errors.__all__) <= set(engine.__all__)
    drawn = set(str(errors.__doc__).split())
    for name in errors.__all__:
        assert name in drawn
        assert issubclass(getattr(errors, name), errors.ChainbellError)


def test_no_private_name_crosses_a_file() -> None:
    found = []
    for package in ("engine", "delivery", "storage", "rules"):
        for path in Path(__file__).parents[2].joinpath(package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            own |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
            own |= {
                n.target.id for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("chainbell"):
                    found += [f"{path.name}: {alias.name}" for alias in node.names if alias.name.startswith("_")]
                if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                    found += [f"{path.name}: {node.attr}"] if node.attr not in own | set(NAMED_TUPLES) else []
    assert found == []
