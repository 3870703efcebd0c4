"""Practice cells: a drawn set with the names, the patients and the pitfalls of the NIH set [1].

    cell_images/Parasitized/C100P61ThinF_IMG_20150918_144104_cell_162.png
    cell_images/Uninfected/...
    truth.csv    what was drawn in each: unlike a label, never wrong

What a classifier can wrongly learn from the real set, it can wrongly learn from this one:

    patients    the cells of one patient resemble each other, and some patients have one class only
    stain       pink cells are parasitized more often than lilac ones
    names       within a field of view every parasitized cell's number is above every uninfected
                one's
    labels      some parasitized cells show no stain, some uninfected ones a large blob

The figures beside the constants were measured on the complete NIH set: 27,558 cells of 200
patients. `drawing` draws one cell; here it is decided which, and where it goes. Each patient has a
random generator of its own, so that its cells do not depend on the other patients.

Sources
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
"""

import csv
import math
import operator
from pathlib import Path
from statistics import NormalDist

import numpy as np
from PIL import Image
from tqdm import tqdm

from malaria.given.cells.classes import CLASSES
from malaria.given.cells.drawing import Drawn, Patient, draw_cell
from malaria.given.cells.hospitals import HOSPITALS, check_hospital
from malaria.given.system.whole import whole_folder

PATIENTS, CELLS, SEED = 60, 2400, 0  # the default set: large enough to learn from, drawn in seconds
HOSPITAL = 1  # see `hospitals`
MAX_PATIENTS, MAX_CELLS = 10_000, 1_000_000  # beyond these a number is a typing error

# Stain groups: the mean colour inside the cell, and how many of the 200 patients.
STAINS = {
    "salmon": ((206, 151, 150), 74),
    "dusty rose": ((190, 143, 148), 30),
    "magenta": ((184, 113, 151), 8),
    "grey-lilac": ((172, 164, 181), 68),
    "blue-violet": ((149, 138, 175), 20),
}
PINK = ("salmon", "dusty rose", "magenta")
PINK_PARASITIZED, LILAC_PARASITIZED = 0.56, 0.395  # shares of the cells of that stain
FIELD_SD = 2.5  # levels: how much a patient's fields of view differ in stain

RADIUS, RADIUS_SD = 63.0, 4.2  # pixels: the patients' mean diameters lie between 107 and 150
LARGER_PARASITIZED = 0.6  # pixels of radius: parasitized cells are a little larger, AUC .52 to .55

# A patient's parasitized cells: 1 to 633, median 33, mean 92: a log-normal's, whose SD is
# sqrt(2 log(mean / median)). Uninfected: about 60 of an infected patient, 93 of any other.
LOG_SD = math.sqrt(2 * math.log(92 / 33))
UNINFECTED, ONLY_UNINFECTED = 60.0, 93.0
LARGEST_SHARE = 0.14  # of the parasitized cells: more in one patient leaves no fair split

UNSTAINED = 0.029  # of the parasitized cells show no stain, most of them of three patients
UNSTAINED_ANYWHERE = 0.008  # what the other patients have
CELLS_IN_FIELD = 220  # the cell numbers of a field run to about this

# The columns of `truth.csv`: the cell's file in `cell_images`, its label, and of what was drawn all
# but the picture.
TRUTH = "truth.csv"
COLUMNS = ("file", "label", *Drawn._fields[1:])


def apportion(weights, total, least):
    """Whole numbers in proportion to weights, that add up to a total.

    Args:
        weights: `(N,)` floats.
        total: An int.
        least: `(N,)` ints, the lower bounds; together no more than the total.

    Returns:
        `(N,)` int64.
    """
    exact = np.asarray(weights) / np.sum(weights) * (total - least.sum())
    whole = np.floor(exact).astype(np.int64)
    rest = total - int(least.sum()) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1  # the largest remainders
    return whole + least


def plan_counts(rng, patients, cells):
    """How many cells of each class each patient has; half of all cells are parasitized.

    Returns:
        `(patients, 2)` int64, uninfected and parasitized; the infected patients come first.
    """
    infected = patients - (patients + 1) // 4  # 50 of the 200 real ones have uninfected cells only
    stained = min(max(cells // 2, 1), cells - (patients - infected))
    normal = NormalDist()
    ranks = [(k + 0.5) / infected for k in range(infected)]
    weights = np.array([math.exp(LOG_SD * normal.inv_cdf(rank)) for rank in ranks])
    for _ in range(20):  # what a cap takes from the largest lifts the others, so cap again
        weights = np.minimum(weights / weights.sum(), max(LARGEST_SHARE, 1.6 / infected))
    counts = np.zeros((patients, 2), np.int64)
    ill = min(infected, stained)  # with very few cells not every infected patient has a parasite
    counts[infected - ill : infected, 1] = apportion(
        weights[-ill:], stained, np.ones(ill, np.int64)
    )
    weights = np.where(np.arange(patients) < infected, UNINFECTED, ONLY_UNINFECTED)
    weights = weights * rng.uniform(0.75, 1.25, patients)
    enough = cells - stained >= patients
    least = np.ones(patients, np.int64) if enough else (counts[:, 1] == 0).astype(np.int64)
    counts[:, 0] = apportion(weights, cells - stained, least)
    return counts


def arrange(rng, values, error, tries=200):
    """Values in a random order: of some orders, the one with the least error.

    Args:
        values: `(N,)`, of any dtype.
        error: A function, ordered values -> float.
        tries: How many orders are looked at; enough that every seed comes near its aim.

    Returns:
        `(N,)`, the same values.
    """
    orders = (rng.permutation(values) for _ in range(tries))
    return min(orders, key=error)


def plan_stains(rng, counts):
    """A stain's name for each patient, such that pink cells are parasitized more often."""
    weights = [patients for _, patients in STAINS.values()]
    numbers = apportion(weights, len(counts), np.zeros(len(STAINS), np.int64))

    def error(stains):
        pink = np.isin(stains, PINK)
        of_pink, of_lilac = counts[pink].sum(0), counts[~pink].sum(0)
        return abs(of_pink[1] / max(of_pink.sum(), 1) - PINK_PARASITIZED) + abs(
            of_lilac[1] / max(of_lilac.sum(), 1) - LILAC_PARASITIZED
        )

    return arrange(rng, np.repeat(list(STAINS), numbers), error)


def plan_radii(rng, counts):
    """A mean radius for each patient, `(N,)` float64, that hardly tells the classes apart."""
    normal = NormalDist(RADIUS, RADIUS_SD)
    radii = np.array([normal.inv_cdf((k + 0.5) / len(counts)) for k in range(len(counts))])
    shares = counts / counts.sum(0).clip(1)  # of a class's cells that a patient has

    def error(radii):
        uninfected, parasitized = radii @ shares
        return abs(parasitized - uninfected - LARGER_PARASITIZED)

    return arrange(rng, radii, error)


def plan_unstained(rng, counts):
    """The share of each patient's parasitized cells that show no stain: `(N,)` float64."""
    stained = counts[:, 1].sum()
    shares = np.full(len(counts), UNSTAINED_ANYWHERE)
    some = rng.permutation(np.flatnonzero(counts[:, 1]))
    reached = np.cumsum(counts[some, 1]) >= 0.05 * stained  # patients with a twentieth of them
    some = some[: reached.argmax() + 1]
    shares[some] += (UNSTAINED - UNSTAINED_ANYWHERE) * stained / counts[some, 1].sum()
    return shares


def plan_numbers(rng, counts):
    """A number for each patient, ascending among the infected and among the others.

    As in the real set, C1 to C13 and C201 to C241 have only uninfected cells, and those between
    have both classes. A set larger than the real one goes on with free numbers.

    Returns:
        `(N,)` int64.
    """
    infected = counts[:, 1] > 0
    ill, healthy = int(infected.sum()), int((~infected).sum())
    both = [*range(14, 201), *range(10_001, 10_001 + max(0, ill - 187))]
    only = [*range(1, 14), *range(201, 201 + max(41, healthy - 13))]
    numbers = np.empty(len(counts), np.int64)
    numbers[infected] = np.sort(rng.permutation(both)[:ill])
    numbers[~infected] = np.sort(rng.permutation(only)[:healthy])
    return numbers


def patient_name(number):
    """The beginning of a patient's file names: as in the real set, of three forms."""
    if number < 14:
        return f"C{number}_thinF"
    if 201 <= number <= 10_000:
        return f"C{number}ThinF"
    return f"C{number}P{number - 13}ThinF"


def make_patient(rng, stain, radius=RADIUS, unstained=UNSTAINED_ANYWHERE):
    """Draw at random what the cells of one patient share.

    Args:
        rng: A `numpy.random.Generator`.
        stain: A key of `STAINS`.
        radius: Mean radius of the cells, in pixels.
        unstained: Share of the parasitized cells without a stain.

    Returns:
        A `Patient`.
    """
    # With the groups' means this gives the SD between patients: 22, 14, 15 levels.
    colour = np.array(STAINS[stain][0]) + rng.normal() * np.array([6.0, 5.0, 4.0])
    colour += rng.normal(0, (4.5, 3.0, 2.5))
    # The rim is part background, whose colour is near (240, 211, 220): the darker the cell, the
    # more its rim stands out. On average 15, 22, 8 levels.
    rim = np.array([0.26, 0.35, 0.06]) * (np.array([240, 211, 300]) - colour)
    salmon = stain == "salmon"  # flat, even cells with little noise
    return Patient(
        colour=colour,
        rim=np.maximum(rim, (4.0, 9.0, 3.0)) * rng.uniform(0.8, 1.5),
        rim_width=rng.uniform(9.0, 14.0),
        radius=float(radius),
        contrast=float(np.clip(rng.normal(86, 8), 64, 98)),  # the blob's mean is 59 to 84 levels
        pallor=min(1.1, (0.08 if salmon else 0.2) + rng.gamma(0.7, 0.18 if salmon else 0.5)),
        ragged=min(0.6, 0.05 + rng.gamma(0.7, 0.21)),  # 8 to 11% of all cells are ragged
        stippled=0.4 if rng.random() < 0.15 else 0.03,
        texture=rng.uniform(1.4, 3.8),
        grain=(0.95 if salmon else 1.4) * rng.uniform(0.85, 1.3),
        debris=rng.gamma(1.5, 0.3),
        late=min(0.5, rng.gamma(0.5, 0.1)),
        unstained=float(unstained),
    )


def draw_patient(rng, patient, name, counts, hospital):
    """Draw all cells of a patient, one by one.

    Args:
        rng: The patient's `numpy.random.Generator`.
        patient: A `Patient`.
        name: The beginning of the file names, such as `C100P61ThinF`.
        counts: Two ints, the uninfected and the parasitized cells.
        hospital: A `Hospital`, whose dye and camera colour them.

    Yields:
        `(label, file, drawn)`: 0 or 1, such as `Parasitized/C100P61ThinF_..._cell_162.png`, and
        what was `Drawn`.
    """
    labels = np.repeat([0, 1], counts)
    cells = len(labels)
    fields = min(cells, 4 + min(17, int(rng.poisson(cells / 13))))  # 4 to 21, 7 on average
    rest = rng.integers(fields, size=cells - fields)
    field_of = rng.permutation(np.concatenate([np.arange(fields), rest]))  # no field stays empty
    date = f"2015{rng.integers(3, 13):02d}{rng.integers(1, 29):02d}"
    clock = int(rng.integers(9 * 3600, 17 * 3600))  # seconds since midnight
    for field in range(fields):
        clock += int(rng.integers(15, 90))
        time = f"{clock // 3600:02d}{clock // 60 % 60:02d}{clock % 60:02d}"
        colour = patient.colour + rng.normal(0, FIELD_SD, 3)
        of_field = labels[field_of == field]  # ascending: the uninfected cells come first
        highest = max(CELLS_IN_FIELD, 2 * len(of_field))
        numbers = np.sort(rng.permutation(highest)[: len(of_field)]) + 1
        for label, number in zip(of_field.tolist(), numbers.tolist(), strict=True):
            drawn = draw_cell(rng, patient, colour, bool(label), hospital)
            yield label, f"{CLASSES[label]}/{name}_IMG_{date}_{time}_cell_{number}.png", drawn


def draw_set(patients, cells, seed, hospital=HOSPITAL):
    """Plan a set and draw its cells, one by one: yields what `draw_patient` yields."""
    rng = np.random.default_rng([seed, 0])
    counts = plan_counts(rng, patients, cells)
    plans = zip(
        plan_numbers(rng, counts).tolist(),
        plan_stains(rng, counts),
        plan_radii(rng, counts),
        plan_unstained(rng, counts),
        counts,
        strict=True,
    )
    for k, (number, stain, radius, unstained, own) in enumerate(plans):
        rng = np.random.default_rng([seed, k + 1])
        patient = make_patient(rng, stain, radius, unstained)
        yield from draw_patient(rng, patient, patient_name(number), own, HOSPITALS[hospital])


def check_numbers(patients, cells, seed):
    """The three as ints, or a ValueError with a sentence."""
    patients, cells, seed = (operator.index(number) for number in (patients, cells, seed))
    if not 1 <= patients <= MAX_PATIENTS:
        raise ValueError(f"patients must be from 1 to {MAX_PATIENTS:,}, not {patients:,}.")
    if cells < patients:
        raise ValueError(
            f"{cells:,} cells are too few for {patients:,} patients: each has at least one."
        )
    if cells > MAX_CELLS:
        raise ValueError(f"cells must be at most {MAX_CELLS:,}, not {cells:,}.")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}.")
    return patients, cells, seed


def draw_cells(folder, patients=PATIENTS, cells=CELLS, seed=SEED, progress=True, hospital=HOSPITAL):
    """Draw a set of practice cells into a new folder, with `truth.csv`, whole or not at all.

    Args:
        folder: Where to, a `str` or `pathlib.Path`; must not exist, or be empty.
        patients: How many, 1 to 10,000. Splitting by patient asks for 20 or more.
        cells: How many, at least one a patient. Both classes occur from 2 on.
        seed: An int, 0 or more. The same one gives the same names and pixels on every computer.
        progress: Whether to show a progress bar on stderr, if that is a terminal: a notebook prints
            the same every time.
        hospital: 1, or 2: the same cells, coloured by another laboratory's dye and camera.

    Returns:
        The `pathlib.Path` of `folder / "cell_images"`.

    Raises:
        ValueError: A number is out of range.
        FileExistsError: The folder holds something already.
        OSError: It cannot be written; nothing is left behind.
    """
    patients, cells, seed = check_numbers(patients, cells, seed)
    check_hospital(hospital)
    folder = Path(folder)
    refuse_used(folder)
    try:
        with whole_folder(folder.resolve(), replace=False) as drawn:
            cells_drawn = draw_set(patients, cells, seed, hospital)
            write_cells(drawn, cells_drawn, cells, progress)
    except OSError:
        refuse_used(folder)  # another run was faster
        raise
    return folder / "cell_images"


def refuse_used(folder):
    """Raise `FileExistsError` unless a folder is empty or does not exist."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} already holds something: delete it, or give another folder."
        )


def write_cells(folder, drawn, count, progress):
    """Write cells, as `draw_patient` yields them, to `cell_images`, and `truth.csv` beside it."""
    for name in CLASSES:
        (folder / "cell_images" / name).mkdir(parents=True)
    # None: tqdm shows a bar on a terminal only.
    bar = tqdm(drawn, "Drawing", count, unit=" cells", disable=None if progress else True)
    rows = []
    for label, file, cell in bar:
        # Level 1 takes a third of the time of the default and a tenth more space.
        Image.fromarray(cell.image).save(folder / "cell_images" / file, compress_level=1)
        rows.append(row_of(label, file, cell))
    write_truth(folder / TRUTH, rows)


def row_of(label, file, drawn):
    """A cell's row of `truth.csv`."""
    return dict(zip(COLUMNS, (file, label, *map(int, drawn[1:])), strict=True))


def write_truth(path, rows):
    """Write `truth.csv`."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
