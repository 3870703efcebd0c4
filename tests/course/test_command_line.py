"""The command `malaria`, end to end on a few small cells: what it writes, and how it refuses."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from malaria import PROJECT, REFERENCE
from malaria.given.cells.practice_cells import draw_cells
from malaria.given.command_line import common, main
from malaria.given.command_line.common import listed_images
from malaria.given.exercises.stubs import make_stub
from malaria.given.runs.run_folder import RunFolder
from malaria.given.system.json_file import read_json, write_json
from malaria.given.system.lock import locked
from tests.course.patience import PATIENCE, until
from tests.course.png import write_promise
from tests.course.small_run import SMALL
from tests.course.submissions import submission


def refusal(capsys, *arguments):
    """What the command says when it refuses: one line on stderr, and no traceback."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("malaria: ")
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.fixture
def start():
    """Start the command in a process of its own, with some variables of its environment changed."""
    with contextlib.ExitStack() as stack:

        def start(*arguments, **environment):
            process = subprocess.Popen(
                [sys.executable, "-m", "malaria", *(str(argument) for argument in arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                env=os.environ | {"PYTHONUTF8": "1"} | environment,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def one_after_the_other(*commands):
    """The exit status of each of some commands in one new process, and what it says."""
    code = (
        "import json, sys\n"
        "from malaria.given.command_line import main\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    print('The status was', main(arguments), flush=True)\n"
    )
    arguments = json.dumps([[str(argument) for argument in command] for command in commands])
    ended = subprocess.run(
        [sys.executable, "-c", code, arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        check=False,
        timeout=PATIENCE,
    )
    *pieces, rest = re.split(r"The status was (\d+)\n", ended.stdout)
    assert (rest, len(pieces)) == ("", 2 * len(commands)), ended.stdout
    return list(zip(map(int, pieces[1::2]), pieces[::2], strict=True))


def wait_for(path, process):
    """Wait until `path` is there, or the process has ended without it."""
    until(lambda: path.exists() or process.poll() is not None)
    assert path.exists(), process.stdout.read()


def weights_of(run):
    """The variables of a run's classifier, by name."""
    stored = tf.train.load_checkpoint(str(run / "saved_model" / "variables" / "variables"))
    weights = {name: stored.get_tensor(name) for name in stored.get_variable_to_shape_map()}
    return {name: value for name, value in weights.items() if isinstance(value, np.ndarray)}


def same_weights(first, second):
    """Whether two runs have the same weights, bit for bit."""
    ones, others = weights_of(first), weights_of(second)
    assert len(ones) > 20  # four blocks and a head
    assert ones.keys() == others.keys()
    return all(np.array_equal(ones[name], others[name]) for name in ones)


def commands_in_help(capsys):
    """The commands that `malaria --help` lists, with what it says of them."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    return dict(re.findall(r"^    (\w+)\s+(\S.*)$", capsys.readouterr().out, re.MULTILINE))


def test_every_command_has_help_and_stands_in_the_readme(capsys):
    """What is listed is explained, down to its last argument."""
    commands = commands_in_help(capsys)
    assert set(commands) == {
        *("data", "train", "predict", "evaluate", "experiment"),
        *("check", "hint", "reset", "solution", "progress", "bug", "watch"),
    }
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for command in commands:
        assert f"malaria {command}" in readme, command
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        _, description, *arguments = capsys.readouterr().out.split("\n\n")
        assert description[0].isupper(), command
        lines = "\n".join(arguments).splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            # An argument's help stands beside it or, if its name is long, on the next line.
            if re.match(r"  \S", line):
                assert re.search(r"\S  +\S", line) or following.startswith(" " * 10), line


def test_the_version_is_that_of_the_package_and_comes_without_tensorflow():
    """What a bug report begins with must not take seconds."""
    code = (
        "import sys; from malaria.given.command_line import main\n"
        "try: main(['--version'])\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert ended.stdout == f"malaria {version('malaria')}\n"


def test_a_run_folder_holds_what_it_promises(finished_run):
    """SavedModel, history, scores and report; and nothing that nobody asked for."""
    names = {"settings.json", "split.json", "saved_model", "history.json"}
    names |= {"scores.json", "report.html", "checkpoints", ".lock"}
    assert {path.name for path in finished_run.iterdir()} == names
    run = RunFolder(finished_run)
    assert read_json(run.history)["phase"] == ["whole", "whole", "head"]
    split = read_json(run.split)
    patients = [{name.split("_")[0] for name in split[key]} for key in ("train", "val", "test")]
    assert not patients[0] & patients[1] | patients[0] & patients[2] | patients[1] & patients[2]


def test_the_scores_are_json_for_any_reader(finished_run):
    """NaN is not JSON: `JSON.parse` refuses it."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    text = (finished_run / "scores.json").read_text(encoding="utf-8")
    scores = json.loads(text, parse_constant=refuse)
    assert list(scores) == ["classifier", "dark-spot rule", "majority baseline"]
    assert list(scores["majority baseline"]) == ["accuracy"]


def test_the_newest_run_is_the_one_last_exported(tmp_path):
    """A run without a classifier does not count, however new it is."""
    with pytest.raises(ValueError, match="no finished run"):
        RunFolder.newest(tmp_path)
    for age, name in enumerate(("new", "old")):
        saved_model = RunFolder(tmp_path / name).saved_model
        saved_model.mkdir(parents=True)
        os.utime(saved_model, (1e9 - age, 1e9 - age))
    RunFolder(tmp_path / "unfinished").checkpoints.mkdir(parents=True)
    assert RunFolder.newest(tmp_path).path == tmp_path / "new"


def test_the_saved_model_loads_in_plain_tensorflow(finished_run, cells, capsys):
    """Bytes in, probability out, in a process that never imports this package."""
    files = sorted((cells / "Parasitized").iterdir())[:5]
    code = (
        "import sys, json, tensorflow as tf;"
        "loaded = tf.saved_model.load(sys.argv[1]);"
        "files = tf.stack([tf.io.read_file(name) for name in sys.argv[2:]]);"
        "p = loaded.signatures['serving_default'](files=files)['probability'];"
        "assert 'malaria' not in sys.modules;"
        "print(json.dumps([float(x) for x in p]))"
    )
    command = [sys.executable, "-c", code, finished_run / "saved_model", *files]
    plain = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert main(["predict", "--run", str(finished_run), "--json", *map(str, files)]) == 0
    ours = [row["probability"] for row in json.loads(capsys.readouterr().out)]
    np.testing.assert_allclose(json.loads(plain.stdout), ours, atol=1e-4)


def test_predict_names_bad_files_and_does_the_others(finished_run, cells, tmp_path, capsys):
    """One sentence for each bad file on stderr, every good one in the table, exit status 1."""
    good = sorted((cells / "Uninfected").iterdir())[:3]
    image = Image.open(good[0])
    bad = {
        "text.png": lambda path: path.write_text("no image", encoding="utf-8"),
        "empty.png": lambda path: path.write_bytes(b""),
        "cut.png": lambda path: path.write_bytes(good[0].read_bytes()[:-400]),
        "deep.png": lambda path: Image.new("I;16", (40, 40)).save(path),
        "palette.png": lambda path: image.convert("P").save(path),
        "grey.png": lambda path: image.convert("L").save(path),
        "alpha.png": lambda path: image.convert("RGBA").save(path),
        "dot.png": lambda path: Image.new("RGB", (1, 1)).save(path),
        "huge.png": lambda path: write_promise(path, 20_000),
    }
    for name, write in bad.items():
        write(tmp_path / name)
    for path in good:
        shutil.copy(path, tmp_path)
    arguments = ["predict", "--csv", "--run", str(finished_run), str(tmp_path)]
    assert main([*arguments, str(tmp_path / "nowhere.png")]) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    for name in [*bad, "nowhere.png"]:
        assert sum(name in line for line in captured.err.splitlines()) == 1, name
    assert [line.split(",")[0] for line in captured.out.splitlines()[1:]] == [
        str(tmp_path / path.name) for path in good
    ]


def test_predict_lists_the_images_that_evaluate_lists(cells, tmp_path):
    """Neither the hidden files that macOS leaves on other disks, nor a folder called x.png."""
    cell = next((cells / "Uninfected").iterdir())
    for name in ("b.PNG", "deep/a.jpeg", "._b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(cell, tmp_path / name)
    (tmp_path / "x.png").mkdir()
    (tmp_path / "Thumbs.db").write_bytes(b"")
    files, sentences = listed_images([tmp_path, tmp_path / "b.PNG", tmp_path / "x.png"])
    assert files == [str(tmp_path / "b.PNG"), str(tmp_path / "deep" / "a.jpeg")]
    assert sentences == [f"{tmp_path / 'x.png'} contains no PNG or JPEG file."]


def test_heatmaps_of_files_of_one_name_do_not_overwrite_each_other(
    finished_run, cells, tmp_path, capsys
):
    """Two folders often hold the same file name."""
    source = next((cells / "Parasitized").iterdir())
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / "cell.png")
    maps = tmp_path / "maps"
    arguments = ["predict", "--run", str(finished_run), "--heatmap", str(maps)]
    assert main([*arguments, str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert sorted(path.name for path in maps.iterdir()) == [
        "cell_2_heatmap.png",
        "cell_heatmap.png",
    ]


def test_evaluate_warns_of_cells_it_was_trained_on(finished_run, cells, capsys):
    """Figures on the training cells say nothing about new patients."""
    assert main(["evaluate", "--json", "--run", str(finished_run), "--data", str(cells)]) == 0
    captured = capsys.readouterr()
    assert "were in the run's training set" in captured.err
    figures = json.loads(captured.out)
    assert figures["cells"] == 120
    assert 0 <= figures["classifier"]["auc"] <= 1


def test_a_taken_folder_is_left_alone(finished_run, cells, tmp_path, capsys):
    """Neither a run nor a person's other files are overwritten."""
    data = ["--data", cells, *SMALL]
    assert "already holds a run" in refusal(capsys, "train", "--out", finished_run, *data)
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert "other things than a run" in refusal(capsys, "train", "--out", tmp_path, *data)


def test_resuming_a_finished_run_changes_nothing(finished_run, cells, tmp_path, capsys):
    """`make demo` twice: the second time there is nothing left to do."""
    copy = tmp_path / "copy"
    shutil.copytree(finished_run, copy)
    assert main(["train", "--resume", "--data", str(cells), "--out", str(copy), *SMALL]) == 0
    assert same_weights(finished_run, copy)


def test_a_resumed_run_keeps_its_own_cells(finished_run, tmp_path):
    """What a stopped run advises, --out and --resume, is enough to go on with it."""
    copy = tmp_path / "copy"
    shutil.copytree(finished_run, copy)
    assert main(["train", "--resume", "--out", str(copy)]) == 0
    assert same_weights(finished_run, copy)


def test_a_run_of_another_version_is_refused(finished_run, cells, tmp_path, capsys):
    """Half a run under settings that mean something else is not a run either."""
    run = RunFolder(tmp_path / "old")
    settings = read_json(RunFolder(finished_run).settings)
    settings["names"] = settings.pop("fingerprint")
    run.path.mkdir()
    write_json(run.settings, settings)
    resume = ["train", "--resume", "--out", run, "--data", cells]
    assert "another version of the course" in refusal(capsys, *resume)


def test_what_a_killed_start_leaves_is_not_in_the_way(tmp_path):
    """A half-written file of ours is, a person's half-downloaded one is not."""
    run = RunFolder(tmp_path)
    run.lock.touch()
    run.split.touch()
    (tmp_path / "settings.json.123.part").touch()
    assert not run.holds_other_things()
    assert [path.name for path in run.leftovers()] == ["settings.json.123.part"]
    (tmp_path / "film.mp4.part").touch()
    assert run.holds_other_things()
    assert len(run.leftovers()) == 1


def test_other_modules_in_mid_process_are_refused(cells, tmp_path, capsys, monkeypatch):
    """A lesson module that is imported stays; to train others under its name would be a lie."""
    monkeypatch.setitem(sys.modules, "malaria.cnn_model", sys.modules[__name__])
    shutil.copytree(REFERENCE, tmp_path / "other")
    train = ["train", "--out", tmp_path / "run", "--data", cells]
    said = refusal(capsys, *train, "--modules", tmp_path / "other")
    assert "imported from" in said
    assert "RuntimeError" not in said
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_resumed_under_other_settings(finished_run, cells, tmp_path, capsys):
    """Half a run at one image size and half at another is not a run."""
    resume = ["train", "--resume", "--out", finished_run]
    said = refusal(capsys, *resume, "--data", cells, "--image-size", "32")
    assert "made with image size 16, not 32" in said
    other = draw_cells(tmp_path / "other", 6, 60, seed=5, progress=False)
    assert "made with data" in refusal(capsys, *resume, "--data", other)
    moved = cells / "Uninfected" / "C1_thinF_IMG_1_cell_9999.png"
    shutil.copy(next((cells / "Uninfected").iterdir()), moved)
    try:
        assert "are not those that the run" in refusal(capsys, *resume, "--data", cells)
    finally:
        moved.unlink()


@pytest.mark.parametrize("way", ["option", "environment"])
def test_unwritten_exercises_are_named(way, start, cells, tmp_path):
    """The first one in course order, before anything is trained or written."""
    stubs = tmp_path / "stubs"
    shutil.copytree(REFERENCE, stubs)
    source = (REFERENCE / "cnn_model.py").read_text(encoding="utf-8")
    (stubs / "cnn_model.py").write_text(make_stub(source), encoding="utf-8")
    command = ["train", "--data", cells, "--out", tmp_path / "run"]
    if way == "option":
        process = start(*command, "--modules", stubs)
    else:
        process = start(*command, MALARIA_MODULES=str(stubs))
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert f"Exercise 3.1 in {stubs}" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--modules", "nobody's"], "There is no folder"),
        (["--data", "nowhere"], "nowhere"),
        (["--views", "9"], "9 is above 8"),
        (["--seed", "x"], "invalid whole number"),
    ],
)
def test_bad_arguments_are_refused(change, sentence, start, cells, tmp_path):
    """In a process of its own, because --modules would move this one's switch."""
    arguments = ["train", "--data", cells, "--out", tmp_path / "run", *SMALL]
    process = start(*arguments, *change)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert sentence in said
    assert "Traceback" not in said


def test_data_that_cannot_be_split_is_refused(cells, tmp_path, capsys):
    """One class, one patient, fewer patients than sets, names without a patient."""
    train = ["train", *SMALL, "--out", tmp_path / "run", "--data"]
    folders = {}
    for kind in ("one class", "one patient", "two patients", "no patient", "empty"):
        folders[kind] = tmp_path / kind
        for name in ("Parasitized", "Uninfected"):
            (folders[kind] / name).mkdir(parents=True)
    cell = next((cells / "Parasitized").iterdir())
    shutil.copy(cell, folders["one class"] / "Parasitized")
    for name in ("Parasitized", "Uninfected"):
        for number in range(4):
            shutil.copy(cell, folders["one patient"] / name / f"C7_IMG_1_cell_{number}.png")
            shutil.copy(cell, folders["two patients"] / name / f"C{number % 2}_cell_{number}.png")
            shutil.copy(cell, folders["no patient"] / name / f"cell_{number}.png")
    for kind, sentence in {
        "one class": "Uninfected",
        "one patient": "1 patient(s) cannot be split into 3 sets",
        "two patients": "2 patient(s) cannot be split into 3 sets",
        "no patient": "--each-cell-its-own-patient",
        "empty": "empty",
    }.items():
        assert sentence in refusal(capsys, *train, folders[kind]), kind
        assert not (tmp_path / "run").exists()


def test_predict_names_the_newest_run(finished_run, cells, capsys, monkeypatch):
    """Which may be one of a trial; on stderr, so that what is printed stays for machines."""
    monkeypatch.setattr(common, "RUNS", finished_run.parent)
    cell = next((cells / "Uninfected").iterdir())
    assert main(["predict", "--json", str(cell)]) == 0
    said = capsys.readouterr()
    assert f"using the classifier of {finished_run}, the newest run; --run" in said.err
    assert len(json.loads(said.out)) == 1


def test_predict_without_a_run_says_what_to_do(cells, tmp_path, capsys):
    """An empty folder is not a run."""
    assert "is not a finished run" in refusal(capsys, "predict", "--run", tmp_path, cells)


def test_a_killed_run_goes_on_to_the_same_weights(start, finished_run, cells, tmp_path):
    """kill -9 after the first stored epoch; then --resume, and bit-equal weights at the end."""
    run = tmp_path / "killed"
    command = ["train", "--data", str(cells), "--out", str(run), *SMALL]
    process = start(*command)
    wait_for(run / "checkpoints" / "checkpoint", process)
    process.kill()
    process.communicate()
    assert not (run / "report.html").exists()
    assert main([*command, "--resume"]) == 0
    assert same_weights(finished_run, run)


@pytest.mark.skipif(sys.platform == "win32", reason="closes files by their numbers")
@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_a_command_needs_no_standard_streams(closed):
    """Those of a service may be closed."""
    command = [sys.executable, "-m", "malaria", "solution", "1.4", "--anyway"]
    finished = subprocess.run(
        command,
        preexec_fn=lambda: [os.close(number) for number in closed],
        capture_output=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert (b"def leaked_patients" in finished.stdout) is (1 not in closed)


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_leaves_a_usable_run(start, cells, tmp_path):
    """Interrupted after the first epoch: exit status 130, a classifier, a report that says so."""
    run = tmp_path / "stopped"
    process = start("train", "--data", cells, "--out", run, *SMALL[:4], "--whole-epochs", "500")
    wait_for(run / "checkpoints" / "checkpoint", process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "stopped early" in (run / "report.html").read_text(encoding="utf-8")
    cell = next((cells / "Parasitized").iterdir())
    assert main(["predict", "--run", str(run), str(cell)]) == 0


# Stopped in the first epoch where there is only one; otherwise done, and nothing is stored.
STORES_NOTHING = """
def train(model, whole_epochs, head_epochs, **options):
    if whole_epochs == 1:
        raise KeyboardInterrupt
    names = ("loss", "val_loss", "val_accuracy", "val_auc")
    phases = ["whole"] * whole_epochs + ["head"] * head_epochs
    return {"phase": phases} | {name: [0.5] * len(phases) for name in names}
"""


def test_a_train_that_stores_nothing_is_found_out(cells, tmp_path):
    """Exercise 6.6 may ignore `folder` and Ctrl-C: then nothing is promised, at no time."""
    modules = submission(tmp_path / "mine", model_training=STORES_NOTHING)
    runs = {tmp_path / "stopped": (130, "1"), tmp_path / "done": (0, "2")}
    commands = {
        (run, status, bool(again)): [
            *("train", "--data", cells, "--out", run, "--modules", modules, *SMALL[2:4]),
            *("--whole-epochs", epochs, "--head-epochs", "1", *again),
        ]
        for run, (status, epochs) in runs.items()
        for again in ([], ["--resume"])
    }
    ended = one_after_the_other(*commands.values())
    for (run, expected, again), (status, said) in zip(commands, ended, strict=True):
        assert status == expected, said
        assert f"has saved no state in {run / 'checkpoints'}" in said
        assert f"--out {run} --resume starts from scratch." in said
        assert "continues" not in said
        assert ("holds no saved training state" in said) == again
        assert "Traceback" not in said


def test_the_work_is_announced_and_the_figures_explained(training):
    """Each part before it begins, and at the end what the table means."""
    _, said = training
    places = [said.index(f"Part {part} of 3: ") for part in (1, 2, 3)]
    places += [said.index(words) for words in ("accuracy", "(95% interval by patient", "Report:")]
    assert places == sorted(places)
    assert "from scratch" not in said


def test_two_runs_do_not_share_a_folder(finished_run, cells, capsys):
    """While one run is at work, a second one is sent away."""
    resume = ["train", "--resume", "--data", cells, "--out", finished_run]
    with locked(finished_run / ".lock"):
        assert "Another run is at work" in refusal(capsys, *resume)
