"""`malaria watch`, end to end: what is saved is graded, whatever state it is in."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from malaria import REFERENCE
from malaria.given.command_line import watch
from malaria.given.command_line.learn import hints_in_words
from malaria.given.exercises import hints
from malaria.given.exercises.changes import parts_of, touched
from tests.course.patience import PATIENCE
from tests.course.submissions import SEES, submission


class Watch:
    """`malaria watch` on a folder, and what it says."""

    def __init__(self, folder, stdin, **options):
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "malaria", "watch"],
            env=os.environ | {"MALARIA_MODULES": str(folder), "CUDA_VISIBLE_DEVICES": "0"},
            stdin=stdin,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **options,
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)  # it has ended

    def line_with(self, start):
        """The next line that starts so; a failure if it does not come."""
        deadline, said = time.monotonic() + PATIENCE, []
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                pytest.fail(f"No line starts with {start!r} after {PATIENCE} s, but: {said}")
            if line is None:
                pytest.fail(f"No line starts with {start!r} before the end, but: {said}")
            if line.startswith(start):
                return line
            said.append(line)

    def close(self):
        """End it, if it has not ended."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)


def save(module, text):
    """Save a module in one step: on a busy machine, half of it could be graded."""
    half = module.with_suffix(".part")
    half.write_text(text, encoding="utf-8")
    os.replace(half, module)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a terminal to press keys on")
def test_watch_survives_what_is_saved(tmp_path):
    """An endless loop is overtaken by the next save; a broken file is told; keys are heard.

    Accelerators are hidden there as well.
    """
    import pty

    folder = submission(tmp_path)
    module = folder / "train_test_split.py"
    source = module.read_text(encoding="utf-8")
    keyboard, terminal = pty.openpty()
    watched = Watch(folder, terminal)
    try:
        assert watched.line_with("Watching")
        endless = source.replace("return np.intersect1d", "while True: np.intersect1d")
        save(module, endless)
        assert watched.line_with("\n")  # the grading has begun
        save(module, source.replace("intersect1d", "union1d"))
        assert watched.line_with("Exercise") == "Exercise 1.4, leaked_patients: wrong.\n"
        save(module, source + "def half_wri")
        assert watched.line_with("  - SyntaxError")
        assert watched.line_with("(")  # the time, the last line of a grading
        source += SEES.format(file=str(tmp_path / "seen"))
        save(module, source)
        done = "Exercise 1.5, majority_baseline: done and right.\n"
        assert watched.line_with("Exercise 1.5") == done
        assert (tmp_path / "seen").read_text(encoding="utf-8") == "-1"
        os.write(keyboard, b"hq")  # the second key is not lost behind the first
        assert watched.line_with("1. Compare several file names")
        assert watched.line_with("Stopped watching.")
        assert watched.process.wait(timeout=PATIENCE) == 0
    finally:
        watched.close()
        os.close(keyboard)
        os.close(terminal)


def test_watch_says_why_it_cannot_begin(tmp_path, monkeypatch, capsys):
    """A sentence on stderr and the status 2, as for every command."""
    from malaria.given.command_line import main

    for name in ("train_test_split", "data_preprocessing"):
        (tmp_path / f"test_{name}.py").write_text("import no_such_module", encoding="utf-8")
    monkeypatch.setattr(watch.malaria, "TESTS", tmp_path)
    monkeypatch.setattr(watch.malaria, "LESSON_MODULES", ("train_test_split",))
    monkeypatch.setattr(watch, "CAN_FORK", True)
    assert main(["watch"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("malaria: The tests could not be read.")
    assert "No module named 'no_such_module'" in said


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


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of Ctrl-C")
@pytest.mark.parametrize("line", ["Loading", "Watching"])
def test_ctrl_c_ends_watch_with_130(tmp_path, ctrl_c_is_heard, line):
    """While it starts, and later."""
    watched = Watch(submission(tmp_path), subprocess.DEVNULL)
    try:
        assert watched.line_with(line)
        watched.process.send_signal(signal.SIGINT)
        assert watched.process.wait(timeout=PATIENCE) == 130
    finally:
        watched.close()


@pytest.mark.skipif(sys.platform != "linux", reason="closes a file by its number")
def test_watch_without_standard_input(tmp_path):
    """As a service, or behind `<&-`: no keys, but it grades; what comes next is what is left."""
    folder = submission(tmp_path)
    module = folder / "train_test_split.py"
    source = module.read_text(encoding="utf-8")
    stub = "def patient_of(path):\n    raise NotImplementedError('Exercise 1.1: do it')\n"
    watched = Watch(folder, subprocess.DEVNULL, preexec_fn=lambda: os.close(0))
    try:
        assert watched.line_with("Watching")
        save(module, f"{source}\n\n{stub}")
        assert watched.line_with("Next: exercise 1.1")
        changed = source.replace("return np.intersect1d", "pass\n    return np.intersect1d")
        save(module, f"{changed}\n\n{stub}")
        assert watched.line_with("Grading") == "Grading 1.4 ...\n"
        assert watched.line_with("Next: exercise 1.1")
    finally:
        watched.close()


def test_what_watch_says_fits_into_the_terminal(monkeypatch, capsys):
    """In a window beside an editor, too."""
    monkeypatch.setenv("COLUMNS", "44")
    watch.say("Loading TensorFlow and the tests, which takes a few seconds ...")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 44


def test_a_hint_that_cannot_be_counted_is_shown(tmp_path, monkeypatch):
    """All three, because otherwise nobody could come to the second; with a word."""
    place = tmp_path / "progress"
    monkeypatch.setattr(hints, "PROGRESS", place)
    assert hints_in_words("1.1").count("\n1.") == 0
    (place / "hints.json").write_text("[]", encoding="utf-8")
    damaged = hints_in_words("1.1")
    monkeypatch.setattr(hints, "PROGRESS", place / "hints.json" / "no folder")
    for words in (damaged, hints_in_words("1.1")):
        assert "\n3. " in words
        assert "cannot be recorded" in " ".join(words.split())
