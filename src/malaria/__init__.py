"""The package that a learner of the course finishes, one module at a time.

The switch: the environment variable `MALARIA_MODULES` names a folder whose modules stand in front
of the six stubs beside this file. Unset, the learner's own modules are in use; `solutions` stands
for the reference; any other value is the path of a folder, such as a learner's submission.
"""

import os
from contextlib import contextmanager
from pathlib import Path

# Read by TensorFlow when it is imported, which is later than this file.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # leaves Keras out: the import takes half as long
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only: no start-up notes on a GPU

PROJECT = Path(__file__).resolve().parents[2]
OWN_MODULES = Path(__file__).resolve().parent
LESSON_MODULES = (
    "train_test_split",
    "data_preprocessing",
    "cnn_model",
    "tf_function",
    "gradient_tape",
    "model_training",
)


def use_modules(choice):
    """Put the folder that `choice` names in front of the learner's own modules.

    Call it before the first lesson module is imported.

    Args:
        choice: None or "" for the learner's own modules, "solutions" for the reference, otherwise
            the path of a folder that holds some of the six lesson modules.

    Returns:
        The folder that is now in front, a `pathlib.Path`.

    Raises:
        FileNotFoundError: The folder does not exist, or holds none of the six modules.
    """
    global modules_in_use
    if not choice:
        __path__[:] = [str(OWN_MODULES)]
        modules_in_use = OWN_MODULES
        return OWN_MODULES
    folder = PROJECT / "solutions" if choice == "solutions" else Path(choice).expanduser().resolve()
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} of modules to use.")
    if not any((folder / f"{name}.py").is_file() for name in LESSON_MODULES):
        raise FileNotFoundError(f"{folder} holds no lesson module, such as cnn_model.py.")
    __path__[:] = [str(folder), str(OWN_MODULES)]
    modules_in_use = folder
    return folder


@contextmanager
def reference_in_front():
    """Let what is imported meanwhile come from the reference."""
    kept = __path__[:]
    __path__[:] = [str(PROJECT / "solutions"), str(OWN_MODULES)]
    try:
        yield
    finally:
        __path__[:] = kept


try:
    use_modules(os.environ.get("MALARIA_MODULES"))
except FileNotFoundError as error:  # a sentence, where the command or pytest has just been started
    raise SystemExit(f"MALARIA_MODULES is wrong: {error}") from None
