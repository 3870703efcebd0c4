"""`malaria watch`, end to end: what is saved is graded, whatever state it is in."""

import os
import subprocess
import sys

import pytest

from malaria import LESSON_MODULES, REFERENCE
from malaria.given.exercises.changes import parts_of, touched


@pytest.mark.skipif(sys.platform != "linux", reason="needs a terminal to press keys on")
def test_watch_survives_what_is_saved(tmp_path):
    """An endless loop is overtaken by the next save; a broken file is told; keys are heard."""
    import pty

    sources = {
        name: (REFERENCE / f"{name}.py").read_text(encoding="utf-8") for name in LESSON_MODULES
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    module, source = tmp_path / "train_test_split.py", sources["train_test_split"]
    keyboard, terminal = pty.openpty()
    watch = subprocess.Popen(
        [sys.executable, "-m", "malaria", "watch"],
        env=os.environ | {"MALARIA_MODULES": str(tmp_path)},
        stdin=terminal,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )

    def said(start):
        return next((line for line in watch.stdout if line.startswith(start)), None)

    try:
        assert said("Watching")
        endless = source.replace("return np.intersect1d", "while True: np.intersect1d")
        module.write_text(endless, encoding="utf-8")
        assert said("\n")  # the grading has begun
        module.write_text(source.replace("intersect1d", "union1d"), encoding="utf-8")
        assert said("Exercise") == "Exercise 1.4, leaked_patients: wrong.\n"
        module.write_text(source + "def half_wri", encoding="utf-8")
        assert said("- SyntaxError")
        assert said("(")  # the time, the last line of a grading
        module.write_text(source, encoding="utf-8")
        assert said("Exercise 1.5") == "Exercise 1.5, majority_baseline: done and right.\n"
        os.write(keyboard, b"h")
        assert said("1. Compare several file names")
        os.write(keyboard, b"q")
        assert said("Ended.")
        assert watch.wait(timeout=10) == 0
    finally:
        watch.kill()
        watch.communicate()
        os.close(keyboard)
        os.close(terminal)


def test_watch_grades_what_a_save_touches(tmp_path):
    """A definition: its exercise; a helper, or a module that was broken: all of the module's."""
    file = tmp_path / "train_test_split.py"
    source = (REFERENCE / "train_test_split.py").read_text(encoding="utf-8")
    file.write_text(source, encoding="utf-8")
    before = parts_of(file)
    assert touched("train_test_split", before, parts_of(file)) == []
    file.write_text(source.replace("np.intersect1d", "np.union1d"), encoding="utf-8")
    assert touched("train_test_split", before, parts_of(file)) == ["1.4"]
    file.write_text(source + "\ndef helper():\n    pass\n", encoding="utf-8")
    assert len(touched("train_test_split", before, parts_of(file))) == 5
    file.write_text("def broken(:", encoding="utf-8")
    assert len(touched("train_test_split", before, parts_of(file))) == 5
