"""The house: which room may import which, and no circle anywhere."""

import ast
import graphlib

import pytest

from malaria import LESSON_MODULES, OWN_MODULES, PROJECT, REFERENCE

# What each room or file may import of the others. Arrows run downwards only.
MAY_IMPORT = {
    "command_line": {
        *("experiments", "recorded", "runs", "hunts", "grading"),
        *("exercises", "cells", "system"),
        *("pictures", "scores", "dark_spot", *LESSON_MODULES),
    },
    # It runs the modules in use, and is imported by the command line only.
    "experiments": {
        *("runs", "cells", "system", "scores", "dark_spot", "ctrl_c"),
        *LESSON_MODULES,
    },
    "lesson": {"hunts", "grading", "exercises", "system"},
    "hunts": {"grading", "exercises", "system"},
    "runs": {"exercises", "cells", "system", "pictures", "scores", "dark_spot"},
    "grading": {"exercises", "cells", "system"},
    "utils": {"milestones", "diagrams", "recorded", "pictures", "cells"},
    "milestones": {"pictures", "scores", "cells"},
    "diagrams": {"recorded", "pictures"},
    "recorded": {"system"},
    "pictures": {"cells", "scores"},
    "exercises": {"system"},
    "cells": {"system"},
    "system": set(),
    "scores": set(),
    "dark_spot": set(),
    "journal": set(),
    "ctrl_c": set(),
    "__main__": {"command_line"},
    **{
        name: {"journal", "ctrl_c", *LESSON_MODULES[:place]}
        for place, name in enumerate(LESSON_MODULES)
    },
}


def module_of(file):
    """The dotted name of a file of the package."""
    parts = ("malaria", *file.relative_to(OWN_MODULES).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


FILES = {module_of(file): file for file in sorted(OWN_MODULES.rglob("*.py"))}


def room_of(module):
    """The room in which a module stands, or the module's own name; None for `malaria` itself."""
    parts = module.split(".")[1:]
    if parts[:1] == ["given"]:
        parts = parts[1:]
    return parts[0] if parts else None


def imports_of(source, module, is_package=False):
    """The modules of the package that a module imports, anywhere in it: a set of dotted names."""
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # What is imported from a package may be one of its modules.
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else base for name in inside}
    return {name for name in found if name in FILES and name != module}


def arrows():
    """The imports of every module of the package, the lesson modules read from the reference."""
    of = {}
    for module, file in FILES.items():
        lesson = file.stem in LESSON_MODULES and file.parent == OWN_MODULES
        source = (REFERENCE / file.name if lesson else file).read_text(encoding="utf-8")
        of[module] = imports_of(source, module, file.name == "__init__.py")
    return of


def test_no_import_goes_against_the_arrows():
    """Whoever changes a room need not look into those above it."""
    against = [
        f"{module} -> {target}"
        for module, targets in arrows().items()
        for target in sorted(targets)
        if room_of(module) != room_of(target)
        and room_of(module) is not None
        and room_of(target) is not None
        and room_of(target) not in MAY_IMPORT[room_of(module)]
    ]
    assert against == []


def test_no_file_imports_itself_in_a_circle():
    """Also within a room."""
    graphlib.TopologicalSorter(arrows()).prepare()


def test_an_import_against_the_arrows_would_be_seen():
    """In each of its forms, at any depth, also within a function."""
    for source in (
        "import malaria.utils",
        "from malaria import utils",
        "from malaria.utils import find_cells",
        "def f():\n    from malaria import utils",
    ):
        assert "malaria.utils" in imports_of(source, "malaria.given.runs.report"), source
    within = imports_of("from . import drawing", "malaria.given.cells.practice_cells")
    assert within == {"malaria.given.cells.drawing"}
    assert "utils" not in MAY_IMPORT["runs"]
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_every_room_has_a_map():
    """The docstring of its `__init__` names each file in it."""
    for folder in [path for path in (OWN_MODULES / "given").iterdir() if path.is_dir()]:
        if folder.name == "__pycache__":
            continue
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        files = [p.name for p in folder.iterdir() if p.is_file() and p.name != "__init__.py"]
        assert [name for name in sorted(files) if name not in (text or "")] == [], folder.name


def test_the_given_floor_holds_what_learners_import_and_nothing_else():
    """These paths are a promise to every notebook and every submission."""
    floor = {path.stem for path in (OWN_MODULES / "given").glob("*.py")}
    promised = {"lesson", "pictures", "scores", "dark_spot", "journal", "ctrl_c"}
    assert floor == promised | {"__init__"}
    assert (PROJECT / "src" / "malaria" / "utils.py").is_file()
