"""From a save to its verdict: `malaria watch` against a cold `pytest` of the same exercise.

    python -m benchmarks.watch

Thirty saves in a folder of its own: the reference with one mistake, then the reference again, for
fifteen exercises of all six lessons. The cold runs stand between them, so that a slow spell of the
machine strikes both; trust the ratio more than the seconds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from malaria import PROJECT
from malaria.given.exercises import BY_NUMBER
from tests.course.submissions import submission

# The exercise, what stands in the reference, and the mistake in its place.
MISTAKES = (
    ("1.1", r'r"C\d+"', 'r"C"'),
    ("1.4", "np.intersect1d", "np.union1d"),
    ("1.5", "votes.mean() > 0.5))", "votes.mean() < 0.5))"),
    ("2.1", "antialias=True", "antialias=False"),
    ("2.3", "(images - mean) /", "images /"),
    ("2.5", "images * gain, 0, 1", "images * gain, 0, 9"),
    ("3.1", "math.prod(shape[:-1])", "shape[-2]"),
    ("3.3", "tf.reduce_max(squares", "tf.reduce_mean(squares"),
    ("3.5", "x / (1 - rate)", "x"),
    ("3.6", "return -tf.reduce_mean", "return tf.reduce_mean"),
    ("4.1", "return compiled.experimental_get_tracing_count()", "return len(calls)"),
    ("4.3", "tf.cast(tf.size(values), tf.float64)", "1.0"),
    ("5.2", "(2 * epsilon)", "epsilon"),
    ("5.5", "max_norm /", "0.5 * max_norm /"),
    ("6.4", "1 + tf.cos", "2 + tf.cos"),
)


class Watch:
    """`malaria watch` on a folder, and what it says."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "malaria", "watch"],
            cwd=PROJECT,
            env=os.environ | {"MALARIA_MODULES": str(folder), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.line_with("Watching")

    def line_with(self, *words):
        """The next line that starts with one of the words."""
        for line in self.process.stdout:
            if line.startswith(words):
                return line
        raise RuntimeError("malaria watch has ended")

    def stop(self):
        """End it."""
        self.process.terminate()
        self.process.wait()


def cold_pytest(folder, number):
    """The seconds that pytest takes for an exercise, and its exit status."""
    exercise = BY_NUMBER[number]
    command = [sys.executable, "-m", "pytest", "-q", "--modules", str(folder)]
    command += [f"tests/test_{exercise.module}.py", "-m", exercise.marker]
    start = time.perf_counter()
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    return time.perf_counter() - start, finished.returncode


def main():
    """Print a line for each save, and the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    saves, ratios, right = [], [], 0
    with tempfile.TemporaryDirectory() as place:
        folder = submission(Path(place) / "modules")
        watch = Watch(folder)
        try:
            for number, reference, mistake in MISTAKES:
                exercise = BY_NUMBER[number]
                file = folder / f"{exercise.module}.py"
                source = file.read_text(encoding="utf-8")
                if source.count(reference) != 1:
                    sys.exit(f"{exercise.module}.py holds {reference!r} {source.count(reference)}x")
                broken = source.replace(reference, mistake)
                for text, good in ((broken, False), (source, True)):
                    start = time.perf_counter()
                    file.write_text(text, encoding="utf-8")
                    verdict = watch.line_with("Exercise ").strip()
                    saves.append(time.perf_counter() - start)
                    mine = verdict.startswith(f"Exercise {number}, {exercise.name}: ")
                    right += mine and good == ("done and right" in verdict)
                    cold, status = cold_pytest(folder, number)
                    assert (status == 0) == good
                    ratios.append(saves[-1] / cold)
                    print(f"{saves[-1]:6.2f} s   cold {cold:5.2f} s   {verdict}", flush=True)
        finally:
            watch.stop()
    print(
        f"{right} of {len(saves)} verdicts right; from a save to its verdict"
        f" {statistics.median(saves):.2f} s (median; at most {max(saves):.2f} s),"
        f" {statistics.median(ratios):.2f} of a cold pytest"
    )


if __name__ == "__main__":
    main()
