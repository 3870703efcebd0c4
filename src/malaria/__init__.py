"""The package that a learner of the course finishes, one module at a time.

The switch: the environment variable `MALARIA_MODULES` names a folder whose modules stand in front
of the six stubs beside this file. Unset, the learner's own modules are in use; `solutions` stands
for the reference; any other value is the path of a folder, such as a learner's submission. A
relative path is resolved here, once, and handed on to other processes as an absolute one.
"""

import importlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path

# Read by TensorFlow when it is imported, which is later than this file.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # leaves Keras out: the import takes half as long
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only: no start-up notes on a GPU
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # a card is shared, not taken whole

PROJECT = Path(__file__).resolve().parents[2]
OWN_MODULES = Path(__file__).resolve().parent
REFERENCE = PROJECT / "solutions"
TESTS = PROJECT / "tests"
LESSON_MODULES = (
    "train_test_split",
    "data_preprocessing",
    "cnn_model",
    "tf_function",
    "gradient_tape",
    "model_training",
)
SWITCH = "MALARIA_MODULES"
modules_in_use = OWN_MODULES  # the folder in front; changed by `use_modules` only


def use_modules(choice):
    """Put the folder that `choice` names in front of the learner's own modules.

    Call it before the first lesson module is imported. The processes that this one starts will have
    the same folder in front.

    Args:
        choice: None or "" for the learner's own modules, "solutions" for the reference, otherwise
            the path of a folder that holds some of the six lesson modules.

    Returns:
        The folder that is now in front, a `pathlib.Path`.

    Raises:
        FileNotFoundError: The folder does not exist, or holds none of the six modules.
        RuntimeError: A lesson module was imported from another folder already.
    """
    global modules_in_use
    choice = lasting(choice)
    folder = _folder_of(choice)
    imported = [name for name in LESSON_MODULES if f"malaria.{name}" in sys.modules]
    if imported and folder != modules_in_use:
        raise RuntimeError(
            f"malaria.{imported[0]} was imported from {modules_in_use} already; choose the modules"
            " before the first of them is imported."
        )
    __path__[:] = dict.fromkeys((str(folder), str(OWN_MODULES)))  # each folder once
    modules_in_use = folder
    os.environ[SWITCH] = choice
    return folder


def lasting(choice):
    """A choice of modules in words that mean the same in every folder: a `str`."""
    if not choice or choice == "solutions":
        return choice or ""
    folder = Path(os.path.expanduser(choice)).resolve()
    for word, known in (("", OWN_MODULES), ("solutions", REFERENCE)):
        if folder.is_dir() and known.is_dir() and folder.samefile(known):
            return word  # however it was spelled
    return str(folder)


def _folder_of(choice):
    """The folder that a lasting choice of modules stands for."""
    if not choice:
        return OWN_MODULES
    folder = REFERENCE if choice == "solutions" else Path(choice)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} of modules to use.")
    if not any((folder / f"{name}.py").is_file() for name in LESSON_MODULES):
        raise FileNotFoundError(f"{folder} holds no lesson module, such as cnn_model.py.")
    return folder


@contextmanager
def reference_in_front():
    """Let what is imported meanwhile come from the reference."""
    kept = __path__[:]
    __path__[:] = [str(REFERENCE), str(OWN_MODULES)]
    try:
        yield
    finally:
        __path__[:] = kept


def _refuse(sentence):
    """End a command or a pytest that has just been started: a sentence, and the status 2."""
    print(f"malaria: {sentence}", file=sys.stderr)
    raise SystemExit(2)


if not (PROJECT / "pyproject.toml").is_file():
    _refuse(
        "the course works in its own folder only; run `python -m pip install --editable .` there."
    )
# Before another folder is in front: a submission may be a whole copy of the course.
importlib.import_module("malaria.given")
try:
    use_modules(os.environ.get(SWITCH))
except OSError as error:  # also a folder that one may not look into
    _refuse(f"{SWITCH} is wrong: {error}")
