"""Folders of six modules, for the course's own tests to be graded."""

from pathlib import Path

from malaria import LESSON_MODULES
from malaria.given.exercises.reference import source_of
from malaria.given.exercises.stubs import make_stub

# At the end of a module: writes which accelerators it may use into a file, to be formatted in.
SEES = """
import os as _os
with open({file!r}, "w") as _file:
    _file.write(_os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
"""


def submission(folder: Path, **additions: str) -> Path:
    """Write the reference's modules into a folder, some of them with more at their end.

    Args:
        folder: Made if it is not there.
        additions: For some modules a text, such as another definition of an exercise.

    Returns:
        The folder.
    """
    return _written(
        folder, {name: source_of(name) + _after(additions.get(name)) for name in LESSON_MODULES}
    )


def stubs(folder: Path) -> Path:
    """Write the six stubs into a folder, which is made if it is not there; returns it."""
    return _written(folder, {name: make_stub(source_of(name)) for name in LESSON_MODULES})


def _after(addition: str | None) -> str:
    return f"\n\n{addition}\n" if addition else ""


def _written(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder
