"""Holds the practice cells to the figures of the real ones, and to the same pixels everywhere."""

import csv
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from malaria import utils
from malaria.given.cells import folders
from malaria.given.cells.practice_cells import draw_cells, plan_counts, plan_stains
from malaria.given.command_line import main
from malaria.given.dark_spot import THRESHOLD, dark_spot_score, darkest_spot
from solutions.train_test_split import patient_of
from tools import cell_figures

# Of the pixels of 12 patients, 60 cells, seed 3: changes when, and only when, the drawing changes.
PINNED = "9a7e52fc"
PINNED_OF_HOSPITAL_2 = "fc5fde01"


def fingerprint(folder):
    """A hash of all names and pixels."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*/*.png")):
        digest.update(f"{path.parent.name}/{path.name}".encode())
        digest.update(np.asarray(Image.open(path)).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def default_set(tmp_path_factory):
    """`(paths, labels, images)` of the default set, which every lesson uses."""
    folder = draw_cells(tmp_path_factory.mktemp("practice") / "cells", progress=False)
    paths, labels = utils.find_cells(folder)
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(np.asarray(image))
    return paths, labels, images


def test_the_same_seed_gives_the_same_names_and_pixels(tmp_path):
    """Pinned, so that another machine or another NumPy that draws otherwise is noticed."""
    folder = draw_cells(tmp_path / "a", 12, 60, 3, progress=False)
    assert fingerprint(folder)[:8] == PINNED
    assert fingerprint(draw_cells(tmp_path / "b", 12, 60, 4, progress=False))[:8] != PINNED


def test_a_second_hospital_colours_the_same_cells(tmp_path):
    """Number, names and outlines are the same; the bodies vary less, and the dye is blue."""
    folders = [draw_cells(tmp_path / str(n), 12, 60, 3, progress=False, hospital=n) for n in (1, 2)]
    assert fingerprint(folders[0])[:8] == PINNED
    assert fingerprint(folders[1])[:8] == PINNED_OF_HOSPITAL_2
    names = [
        sorted(path.relative_to(folder) for path in folder.glob("*/*.png")) for folder in folders
    ]
    assert names[0] == names[1]
    bodies, spots = [], []
    for name in names[0]:
        images = np.array([np.asarray(Image.open(folder / name)) for folder in folders], float)
        assert np.array_equal(*images.any(-1))
        bodies.append([np.median(image[image.any(-1)], axis=0) for image in images])
        if name.parent.name == "Parasitized":
            place = darkest_spot(images[0])
            spots.append(bodies[-1] - images[:, *place])
    first, second = np.std(bodies, axis=0).mean(-1)
    assert second < 0.75 * first
    first, second = np.median(spots, axis=0)  # what the dye takes of red, green and blue
    assert first[0] < 0.7 * first[1]
    assert second[0] > second[1]


def test_the_default_set_has_what_it_promises(default_set):
    """2,400 cells of 60 patients, half of them parasitized, under NIH names."""
    paths, labels, _ = default_set
    assert len(paths) == len(set(paths)) == 2400
    assert labels.sum() == 1200
    patients = [patient_of(path) for path in paths]
    assert len(set(patients)) == 60
    infected = {patient for patient, label in zip(patients, labels, strict=True) if label}
    assert len(infected) == 45  # the others have uninfected cells only, as a quarter of the real


def test_the_background_is_exact_black_and_the_crop_tight(default_set):
    """As in the real set: the cell touches all four sides, and holds no black pixel inside."""
    for image in default_set[2]:
        inside = image.any(-1)
        assert image.dtype == np.uint8
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
        assert not inside.all()


def test_the_darkest_spot_is_found_inside_the_cell():
    """Not on the rim, which is a mixture with the black around it, and not a single dark pixel."""
    image = np.zeros((40, 50, 3), np.uint8)
    image[5:35, 5:45] = 150
    image[6, 6] = image[20, 20] = 20  # on the rim; a speck
    image[24:29, 30:35] = 60
    assert darkest_spot(image) == (26, 32)


def test_the_dark_spot_rule_is_as_good_as_on_the_real_cells(default_set):
    """.956 on the whole real set; far above, the cells are too easy, far below, too hard."""
    _, labels, images = default_set
    calls = np.array([dark_spot_score(image) > THRESHOLD for image in images])
    assert 0.93 <= (calls == labels).mean() <= 0.97


def test_sizes_colours_and_stain_lie_within_the_real_ranges(default_set):
    """The ranges are those of the real patients and classes, measured on the whole set."""
    _, labels, images = default_set
    sides = np.array([max(image.shape[:2]) for image in images])
    assert 120 <= np.median(sides) <= 150
    assert sides.min() >= 40
    assert sides.max() <= 394
    black = np.array([1 - image.any(-1).mean() for image in images])
    assert 0.22 <= np.median(black) <= 0.32
    means = np.array([image[image.any(-1)].mean(0) for image in images])
    assert (np.abs(means.mean(0) - (187, 151, 161)) <= 6).all()
    pink = means[:, 0] - means[:, 2] > 8  # more red than blue
    assert labels[pink].mean() > labels[~pink].mean() + 0.08  # the class-stain confound


def test_numbers_within_a_field_of_view_leak_the_class(default_set):
    """The pitfall of the real names: parasitized cells have the higher numbers."""
    paths, labels, _ = default_set
    fields = {}
    for path, label in zip(paths, labels, strict=True):
        field, _, number = Path(path).stem.rpartition("_cell_")
        fields.setdefault(field, ([], []))[label].append(int(number))
    both = [numbers for numbers in fields.values() if all(numbers)]
    assert len(both) > 100
    assert all(max(uninfected) < min(parasitized) for uninfected, parasitized in both)


def test_every_seed_has_the_confound():
    """The stains are dealt out at random, but always so that pink leans to parasitized."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        counts = plan_counts(rng, 60, 2400)
        stains = plan_stains(rng, counts)
        pink = np.isin(stains, ("salmon", "dusty rose", "magenta"))
        shares = [counts[some, 1].sum() / counts[some].sum() for some in (pink, ~pink)]
        assert shares[0] > shares[1]


@pytest.mark.parametrize(
    ("patients", "cells", "seed", "hospital", "sentence"),
    [
        (0, 10, 0, 1, "patients must be from 1"),
        (20, 10, 0, 1, "too few for 20 patients"),
        (5, 2_000_000, 0, 1, "at most 1,000,000"),
        (5, 10, -1, 1, "seed must be 0 or more"),
        (5, 10, 0, 3, "hospital must be 1 or 2, not 3"),
    ],
)
def test_impossible_numbers_are_refused(tmp_path, patients, cells, seed, hospital, sentence):
    """Before anything is written."""
    with pytest.raises(ValueError, match=sentence):
        draw_cells(tmp_path / "cells", patients, cells, seed, progress=False, hospital=hospital)
    assert not any(tmp_path.iterdir())


def truth_by_file(folder):
    """The rows of a set's `truth.csv`, by file."""
    with open(folder.parent / "truth.csv", encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_the_truth_of_the_drawing_tells_wrong_labels(default_set):
    """As many as the drawing promises, of both kinds; few parasites lie where they are cut off."""
    paths, labels, _ = default_set
    truth = utils.drawn_truth(paths)
    assert truth.dtype == np.int32
    unstained, blobs = (labels > truth).sum(), (labels < truth).sum()
    assert 0.02 <= unstained / labels.sum() <= 0.05
    assert 0.01 <= blobs / (1 - labels).sum() <= 0.035
    rows = truth_by_file(Path(paths[0]).parents[1])
    assert len(rows) == len(paths)
    hidden = [row for row in rows.values() if int(row["parasites"]) and row["stained"] == "0"]
    assert 0 < len(hidden) < 10
    assert sum(row["bitten"] == "1" for row in rows.values()) > 10


def test_the_truth_is_what_the_dark_spot_rule_looks_for(default_set):
    """Pictures and truth belong together: the rule, which knows no label, agrees with it better."""
    paths, labels, images = default_set
    calls = np.array([dark_spot_score(image) > THRESHOLD for image in images])
    assert (calls == utils.drawn_truth(paths)).mean() > (calls == labels).mean() + 0.01


@pytest.mark.parametrize("hospital", [1, 2])
def test_the_truth_of_an_earlier_drawing_is_made_up_for(hospital, tmp_path, monkeypatch):
    """Without touching a cell, and also where nothing may be written."""
    monkeypatch.setattr(folders, "DATA", tmp_path / "Zellen für uns")
    folder = utils.practice_cells(patients=2, cells=30, seed=1, hospital=hospital)
    paths, _ = utils.find_cells(folder)
    truth, file = utils.drawn_truth(paths), folder.parent / "truth.csv"
    rows, drawn = file.read_bytes(), [os.stat(path).st_mtime_ns for path in paths]
    file.unlink()
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", failing)
        assert utils.drawn_truth(paths).tolist() == truth.tolist()
    assert os.listdir(folder.parent) == ["cell_images"]
    assert utils.drawn_truth(paths).tolist() == truth.tolist()
    assert file.read_bytes() == rows
    assert [os.stat(path).st_mtime_ns for path in paths] == drawn


def test_the_truth_is_not_made_up_for_other_pictures(tmp_path, monkeypatch):
    """A cell that was put in place of the one that was drawn has another truth."""
    monkeypatch.setattr(folders, "DATA", tmp_path)
    folder = utils.practice_cells(patients=1, cells=2)
    (folder.parent / "truth.csv").unlink()
    (path,) = folder.glob("Parasitized/*.png")
    Image.new("RGB", (20, 20)).save(path)
    with pytest.raises(ValueError, match="is not the cell that was drawn there"):
        utils.drawn_truth([path])


def test_of_other_cells_nobody_knows_the_truth(tmp_path):
    """A sentence for each: real cells, a cell that was added, two sets at once, a damaged file."""
    for name in ("a", "b"):
        draw_cells(tmp_path / name, 1, 2, progress=False)
    paths, _ = utils.find_cells(tmp_path / "a")
    assert utils.drawn_truth([]).shape == (0,)
    assert utils.drawn_truth(reversed(paths)).tolist() == utils.drawn_truth(paths).tolist()[::-1]
    own = Path(paths[0]).with_name("C1_own.png")
    with pytest.raises(ValueError, match=r"has no row for Uninfected/C1_own\.png"):
        utils.drawn_truth([own])
    with pytest.raises(ValueError, match="lie in 2 sets"):
        utils.drawn_truth([*paths, *utils.find_cells(tmp_path / "b")[0]])
    with pytest.raises(ValueError, match="nobody knows more than the label"):
        utils.drawn_truth([tmp_path / "nih_cells" / "cell_images" / "Uninfected" / "C1.png"])
    for content in (
        b"file,label\nUninfected/x.png,0\n",
        b"\xff\xfe",
        b"file,stained\na.png,much\n",
    ):
        (tmp_path / "a" / "truth.csv").write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            utils.drawn_truth(paths)


def failing(*_, **__):
    """As a disk that is full or may not be written."""
    raise OSError("No space left on device")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    """What is there may be anything."""
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(FileExistsError, match="already holds something"):
        draw_cells(tmp_path, 2, 4, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    """A half-drawn set could be taken for a whole one."""

    def fail(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space"):
        draw_cells(tmp_path / "cells", 2, 4, progress=False)
    assert os.listdir(tmp_path) == []


def test_a_set_that_another_run_has_drawn_meanwhile_is_left_alone(tmp_path, monkeypatch):
    """Two notebooks may ask for the same set at once: the slower one finds it there."""
    save = Image.Image.save

    def faster(image, path, **options):
        save(image, path, **options)
        (tmp_path / "cells" / "cell_images").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(Image.Image, "save", faster)
    with pytest.raises(FileExistsError, match="already holds something"):
        draw_cells(tmp_path / "cells", 2, 4, progress=False)
    assert os.listdir(tmp_path) == ["cells"]
    assert list((tmp_path / "cells" / "cell_images").iterdir()) == []


def test_what_a_killed_run_left_does_no_harm(tmp_path):
    """In a container every run may have the same number, and so the same folder meanwhile."""
    left = tmp_path / f"cells.{os.getpid()}.part" / "cell_images" / "Uninfected"
    left.mkdir(parents=True)
    (left / "half a cell.png").write_bytes(b"half")
    folder = draw_cells(tmp_path / "cells", 2, 4, progress=False)
    assert os.listdir(tmp_path) == ["cells"]
    assert len(list(folder.glob("*/*.png"))) == 4


def test_an_empty_folder_gives_way(tmp_path):
    """One may have been made beforehand."""
    assert len(list(draw_cells(tmp_path, 2, 4, progress=False).glob("*/*.png"))) == 4


def test_the_command_draws_a_set(tmp_path, capsys):
    """It says where the cells are; a bar would only be in the way of what reads its output."""
    assert main(["data", "--out", str(tmp_path / "a"), "--patients", "2", "--cells", "4"]) == 0
    said = capsys.readouterr()
    assert said.out == f"The cells are in {tmp_path / 'a' / 'cell_images'}\n"
    assert said.err == ""
    assert len(list(tmp_path.glob("a/cell_images/*/*.png"))) == 4


def test_the_command_draws_the_second_hospital(tmp_path, capsys):
    """Nothing but the colours is another's; a hospital that does not exist is refused."""
    small = ["data", "--patients", "2", "--cells", "4", "--out"]
    for number in "12":
        assert main([*small, str(tmp_path / number), "--hospital", number]) == 0
    first, second = (tmp_path / number / "cell_images" for number in "12")
    assert fingerprint(first) != fingerprint(second)
    with pytest.raises(SystemExit) as refused:
        main([*small, str(tmp_path / "3"), "--hospital", "3"])
    assert refused.value.code == 2
    assert "--hospital" in capsys.readouterr().err


def test_without_a_folder_the_command_draws_where_the_lessons_look(tmp_path, monkeypatch):
    """No other set may pass for the default one, which is in `practice_cells`."""
    monkeypatch.setattr("malaria.given.command_line.data.DATA", tmp_path)
    monkeypatch.setattr(folders, "DATA", tmp_path)
    small = ["data", "--patients", "2", "--cells", "4"]
    assert main(small) == main([*small, "--hospital", "2"]) == 0
    drawn = {"practice_cells_2_4_0", "practice_cells_2_4_0_hospital_2"}
    assert set(os.listdir(tmp_path)) == drawn
    assert utils.practice_cells(2, 4, 0, hospital=2).parent.name in drawn
    assert set(os.listdir(tmp_path)) == drawn


def test_the_lessons_share_their_practice_cells(tmp_path, monkeypatch):
    """A set is drawn once, each choice of numbers in a folder of its own."""
    monkeypatch.setattr(folders, "DATA", tmp_path)
    folder = utils.practice_cells(patients=2, cells=4)
    drawn = folder.stat().st_mtime_ns
    assert folder == tmp_path / "practice_cells_2_4_0" / "cell_images"
    assert utils.practice_cells(patients=2, cells=4) == folder
    assert folder.stat().st_mtime_ns == drawn
    other = utils.practice_cells(patients=2, cells=4, hospital=2)
    assert other == tmp_path / "practice_cells_2_4_0_hospital_2" / "cell_images"
    assert fingerprint(other) != fingerprint(folder)
    assert utils.nih_cells() is None


def test_practice_cells_of_a_course_that_is_another_users(tmp_path, monkeypatch):
    """They are drawn once, in a folder of one's own; those that are there are used."""
    monkeypatch.setattr(folders, "DATA", tmp_path / "data")
    monkeypatch.setattr(folders, "OWN_DATA", tmp_path / "own")
    there = utils.practice_cells(patients=1, cells=2)
    monkeypatch.setattr(folders, "may_write", lambda folder: folder != tmp_path / "data")
    assert utils.practice_cells(patients=1, cells=2) == there
    for _ in range(2):
        drawn = utils.practice_cells(patients=2, cells=4)
        assert drawn == tmp_path / "own" / "practice_cells_2_4_0" / "cell_images"
    assert not (tmp_path / "data" / "practice_cells_2_4_0").exists()


@pytest.mark.parametrize(("patients", "cells"), [(1, 1), (1, 2), (2, 4), (3, 200), (200, 200)])
def test_small_and_odd_sets_can_be_drawn(tmp_path, patients, cells):
    """Every patient has a cell, and from two cells on both classes occur."""
    folder = draw_cells(tmp_path / "cells", patients, cells, progress=False)
    names = list(folder.glob("*/*.png"))
    assert len(names) == cells
    assert len({patient_of(name) for name in names}) == patients
    assert cells == 1 or all(any((folder / name).iterdir()) for name in utils.CLASSES)


def test_the_figures_of_a_made_up_cell():
    """An even disc with one dark square: everything about it is known."""
    y, x = np.mgrid[-40:41, -40:41]
    image = np.where((x**2 + y**2 <= 900)[..., None], (200, 150, 160), 0).astype(np.uint8)
    image[37:44, 55:62, 1] -= 60  # 7 x 7 pixels, 18 to the right of the centre
    figures = cell_figures.measure(image)
    assert figures["diameter"] == pytest.approx(60, abs=0.2)
    assert figures["axis ratio"] == pytest.approx(1, abs=0.01)
    assert figures["median"].tolist() == [200, 150, 160]
    assert figures["dark spot"] == figures["blob contrast"] == figures["blob darkest"] == 60
    assert (figures["blobs"], figures["blob size"], figures["blob side"]) == (1, 49, 7)
    assert figures["blob place"] == pytest.approx(18 / 30, abs=0.01)
    assert figures["blob colour"].tolist() == [0, -60, 0]
    assert figures["shading"] == pytest.approx(0, abs=1e-9)
    assert figures["texture"] == pytest.approx(0, abs=1e-9)


def test_the_table_of_figures(tmp_path, capsys):
    """One column a folder: what is counted is right, and the dark-spot rule is the project's."""
    folder = draw_cells(tmp_path / "cells", 12, 120, 3, progress=False)
    cell_figures.main([folder, folder])
    lines = capsys.readouterr().out.splitlines()
    table = {line[:28].rstrip(): line[28:].split() for line in lines}
    assert table["cells"] == ["120.0"] * 2
    assert table["patients"] == ["12.0"] * 2
    assert table["parasitized"] == ["0.500"] * 2
    paths, labels = utils.find_cells(folder)
    calls = [dark_spot_score(np.asarray(Image.open(path))) > THRESHOLD for path in paths]
    assert table["dark spot accuracy"] == [f"{(calls == labels).mean():.3f}"] * 2
    assert float(table["AUC dark spot"][0]) > 0.9
