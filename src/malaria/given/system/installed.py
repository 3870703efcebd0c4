"""The copy of the course that is installed, which is the one that works, and other copies."""

import os
from pathlib import Path

from malaria import OWN_MODULES, PROJECT

# In every copy of the course, and nowhere else.
PLUGIN = OWN_MODULES.relative_to(PROJECT) / "given" / "grading" / "plugin.py"


def is_course(folder: Path) -> bool:
    """Whether a folder is a copy of this course, the one that is installed or another."""
    return os.path.isfile(folder / PLUGIN)  # False also where one may not look


def refuse_another_copy(*folders: Path) -> None:
    """Refuse to work in another copy of the course: this one's modules would be meant, in silence.

    Args:
        folders: Where the learner is; by default the working directory and those above it.

    Raises:
        ValueError: One of them is such a copy.
    """
    here = Path.cwd()
    for folder in folders or (here, *here.parents):
        if is_course(folder) and not folder.samefile(PROJECT):
            raise ValueError(
                f"{folder} is not the copy of the course that is installed here: that is {PROJECT}."
                f" Use the environment of {folder}, or install that copy: `python -m pip install"
                f" --editable {folder}`."
            )
