"""`predict`, `evaluate` and `train` find the same cells, in whatever folder and under any name."""

import csv
import io
import json
import os
import random
import shutil

import numpy as np
import pytest
from PIL import Image

from malaria.given.cells.classes import CLASSES
from malaria.given.cells.images import check_image, find_cells, images_in, shown
from malaria.given.command_line import main
from malaria.given.command_line.common import listed_images, sound_cells, sound_files
from malaria.given.command_line.train import begin, split
from malaria.given.command_line.train_options import Settings, with_cells
from malaria.given.runs.run_folder import RunFolder
from malaria.given.system.json_file import read_json

LAYOUTS = 200
POSIX = os.name != "nt"  # where a name may hold any byte, and a link needs no rights

CELLS = ["C1.png", "C2.PNG", "C3.jpeg", "a cell.jpg", "Zelle für uns.png", "疟疾.png", "-x.png"]
FOLDERS = ["slide_1", "b.png", "Ordner für uns", "Parasitized", "Uninfected", "deep/er"]
STRAYS = ["Thumbs.db", "SOURCE.txt", "no suffix", "._C1.png", ".hidden.png"]
STRAYS += [".Trashes/t.png", ".git/x/y.png", "$RECYCLE.BIN/$R1.png", "__MACOSX/._C1.png"]
STRAYS += ["@eaDir/C1.png/thumbnail.jpg"]
if POSIX:
    FOLDERS += [" ", "new\nline"]
    CELLS += ["new\nline.png", 'quo"te,.png', "tab\t.png", "es\x1b[31mcape.png"]
NOT_UTF_8 = os.fsdecode(b"C\xff.png")


@pytest.fixture(scope="module")
def picture():
    """The bytes of a sound cell."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write(path, content):
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def odd_layout(folder, rng, picture):
    """Fill a folder with cells, with useless files, and with what is not a cell.

    Returns:
        `(sound, useless)`: two sets of paths, what is to be found and what is to be named.
    """
    sound, useless = set(), set()
    for name in CLASSES:
        inside = [folder / name, *(folder / name / some for some in rng.sample(FOLDERS, 2))]
        for place in rng.sample(inside, rng.randrange(1, 4)):
            for file in rng.sample(CELLS, rng.randrange(1, 4)):
                write(place / file, picture)
                sound.add(str(place / file))
            for file in rng.sample(STRAYS, 2):
                write(place / file, picture)
            if rng.random() < 0.5:
                write(place / "useless.png", picture[: rng.randrange(len(picture))])
                useless.add(str(place / "useless.png"))
            if POSIX and rng.random() < 0.2:
                write(place / NOT_UTF_8, picture)
                useless.add(str(place / NOT_UTF_8))
            if POSIX and rng.random() < 0.2:
                (place / "pipe.png").unlink(missing_ok=True)
                os.mkfifo(place / "pipe.png")
                useless.add(str(place / "pipe.png"))
            if POSIX and rng.random() < 0.2:
                (place / "circle").symlink_to(place)
                (place / "broken.png").symlink_to(place / "nowhere")
                useless.add(str(place / "broken.png"))
    return sound, useless


@pytest.mark.parametrize("part", range(4))
def test_all_commands_find_the_same_cells(tmp_path, picture, capsys, part):
    """What `evaluate` and `train` find in a folder, and what `predict` finds in it."""
    for number in range(part, LAYOUTS, 4):
        folder = tmp_path / str(number)
        sound, useless = odd_layout(folder, random.Random(number), picture)
        listed, sentences = listed_images([folder])
        assert sentences == []
        assert set(listed) == sound | useless, number
        assert set(find_cells(folder)[0]) == sound | useless, number
        assert set(sound_files(listed)) == sound, number
        paths, labels, refused = sound_cells(folder)
        assert set(paths) == sound, number
        assert refused == len(useless)
        assert len(set(listed)) == len(listed)
        for path, label in zip(paths, labels, strict=True):
            assert path.startswith(str(folder / CLASSES[label]) + os.sep)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 * len(useless)  # each once, on a line of its own
        assert all(line.startswith("malaria: ") and line.isprintable() for line in said)
        assert all(sum(f" {shown(path)} " in line for line in said) == 2 for path in useless)
        shutil.rmtree(folder)


def test_a_folder_behind_a_link_is_looked_through_once(tmp_path, picture):
    """Large sets are linked, not copied; a link may lead back to where it stands."""
    write(tmp_path / "elsewhere" / "C1.png", picture)
    (tmp_path / "set").mkdir()
    try:
        (tmp_path / "set" / "slide").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    except OSError:
        pytest.skip("this user may not make links")
    assert images_in(tmp_path / "set") == [str(tmp_path / "set" / "slide" / "C1.png")]


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path, picture, monkeypatch):
    """Root may look into every folder, so the refusal is made."""
    write(tmp_path / "closed" / "C1.png", picture)
    write(tmp_path / "open" / "C2.png", picture)
    for name in ("scandir", "listdir"):
        real = getattr(os, name)

        def closed(path, real=real):
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, name, closed)
    found = images_in(tmp_path)
    assert found == [str(tmp_path / "closed"), str(tmp_path / "open" / "C2.png")]
    assert check_image(found[0]) == f"{found[0]} cannot be read: permission denied."


@pytest.mark.skipif(not POSIX, reason="names are text there")
def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path, picture):
    """TensorFlow cannot open it; the sentence can be encoded, and shows what the name is."""
    write(tmp_path / NOT_UTF_8, picture)
    said = check_image(tmp_path / NOT_UTF_8)
    assert "has a name that is not UTF-8" in said
    assert r"C\udcff.png" in said
    assert said.encode("ascii")


def test_an_output_that_holds_few_letters(tmp_path, capsys, monkeypatch):
    """A terminal of 1990, or a pipe on Windows: what it cannot hold is escaped, not refused."""
    output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stderr", output)
    monkeypatch.setattr("sys.stdout", output)
    assert main(["predict", "--run", str(tmp_path / "疟疾"), "cell.png"]) == 2
    output.flush()
    assert rb"\u759f" in output.buffer.getvalue()


@pytest.mark.skipif(not POSIX, reason="names are text there")
@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--data"],
        ["train", "--out"],
        ["evaluate", "--data"],
        ["predict", "x.png", "--run"],
        ["predict", "x.png", "--heatmap"],
    ],
    ids=" ".join,
)
def test_a_folder_that_is_not_utf_8_is_refused_at_once(arguments, tmp_path, capsys):
    """Neither a SavedModel nor JSON can hold it: not after the training, but before."""
    folder = tmp_path / os.fsdecode(b"B\xff")
    folder.mkdir()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, str(folder)])
    assert ended.value.code == 2
    assert r"B\udcff is not UTF-8: rename the folder" in capsys.readouterr().err


@pytest.fixture
def nested_cells(cells, tmp_path):
    """The small set, each class in slides, the same names in each; with some that are of no use."""
    folder = tmp_path / "nested"
    for name in CLASSES:
        for number, path in enumerate(sorted((cells / name).iterdir())):
            patient = path.name.split("_")[0]
            target = folder / name / f"slide_{number % 2}" / f"{patient}_cell_{number // 2}.png"
            write(target, path.read_bytes())
    sound = next((folder / "Parasitized" / "slide_0").iterdir())
    write(folder / "Parasitized" / "._C1_cell_1.png", b"a twin")
    write(folder / "Uninfected" / ".Trashes" / "C1_t.png", sound.read_bytes())
    write(folder / "Uninfected" / "C1_cut.png", sound.read_bytes()[:-10])
    if POSIX:
        write(folder / "Uninfected" / NOT_UTF_8, sound.read_bytes())
    return folder


def test_nested_folders_in_every_command(finished_run, nested_cells, tmp_path, capsys):
    """120 cells for each command, and one sentence for each file that is of no use."""
    run = ["--run", str(finished_run)]
    assert main(["evaluate", "--json", *run, "--data", str(nested_cells)]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["cells"] == 120
    for form, read in (("--json", json.load), ("--csv", csv.DictReader)):
        assert main(["predict", form, *run, str(nested_cells)]) == 1
        output = capsys.readouterr()
        rows = list(read(io.StringIO(output.out)))
        assert len({row["file"] for row in rows}) == 120
        for captured in (said, output):
            assert captured.err.count("is cut short") == 1
            assert captured.err.count("not UTF-8") == POSIX
    assert f"the classifier of {finished_run}" in output.err
    assert "newest" not in output.err

    paths, labels, _ = sound_cells(nested_cells)
    settings = Settings(data=str(nested_cells), modules="solutions")
    parts = split(paths, labels, settings)
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    settings = with_cells(settings, run, parts)
    begin(run, settings, parts)
    names = read_json(run.split)
    assert sum(map(len, names.values())) == settings.cells == 120
    assert all(name.startswith("slide_") for part in names.values() for name in part)
    moved = parts._replace(paths=[path.replace("slide_0", "slide_7") for path in paths])
    with pytest.raises(ValueError, match="are not those that the run"):
        with_cells(settings, run, moved)
