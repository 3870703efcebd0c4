"""Practice cells: a drawn data set with the names, the patients and the pitfalls of the NIH set."""

import math
import os
import shutil
import tempfile
from pathlib import Path
from statistics import NormalDist

import numpy as np
from PIL import Image
from tqdm import tqdm

from malaria.given.cell_drawing import Patient, draw_cell

CLASSES = ("Uninfected", "Parasitized")  # at its label's place

# The patients' stain groups: name, mean colour inside the cell, SD between patients, patients.
STAINS = {
    "salmon": ((206, 151, 150), 74),
    "dusty rose": ((190, 143, 148), 30),
    "magenta": ((184, 113, 151), 8),
    "grey-lilac": ((172, 164, 181), 68),
    "blue-violet": ((149, 138, 175), 20),
}
PINK = ("salmon", "dusty rose", "magenta")


def apportion(weights, total, least=0):
    """Whole numbers in proportion to weights that add up to `total`, each at least `least`."""
    weights = np.asarray(weights, float)
    left = total - least * len(weights)
    exact = weights / weights.sum() * left
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: left - whole.sum()]] += 1
    return whole + least


def plan_counts(rng, patients, cells):
    """How many cells of each class each patient has.

    Returns:
        (patients, 2) int64: uninfected and parasitized.
    """
    infected = patients - (patients // 4 if patients > 1 else 0)
    ranks = (np.arange(infected) + 0.5) / infected
    parasitized = np.array([math.exp(1.43 * NormalDist().inv_cdf(rank)) for rank in ranks])
    for _ in range(20):
        share = parasitized / parasitized.sum()
        parasitized = np.minimum(share, max(0.14, 1.6 / infected))
    stained = max(cells // 2, 1)
    if stained < infected:
        parasitized = parasitized[-stained:] if stained else parasitized
    counts = np.zeros((patients, 2), int)
    counts[infected - len(parasitized) : infected, 1] = apportion(parasitized, stained, 1)
    uninfected = np.where(np.arange(patients) < infected, 60.0, 93.0)
    uninfected *= rng.uniform(0.75, 1.25, patients)
    counts[:, 0] = apportion(uninfected, cells - stained, 1 if cells - stained >= patients else 0)
    for k in np.flatnonzero(counts.sum(1) == 0):
        counts[k, 0] += 1
        counts[counts[:, 0].argmax(), 0] -= 1
    return counts


def patient_numbers(rng, patients, only_uninfected):
    """The numbers in the patients' names, as in the real set: C1-C13 and from C201 on uninfected."""
    free = [*range(1, 14), *range(201, 242)]
    infected = list(range(14, 201))
    needed = max(patients - only_uninfected - len(infected), 0)
    infected += range(1001, 1001 + needed)
    needed = max(only_uninfected - len(free), 0)
    free += range(242, 242 + needed)
    return [
        *sorted(rng.permutation(infected)[: patients - only_uninfected]),
        *sorted(rng.permutation(free)[:only_uninfected]),
    ]


def name_prefix(number):
    if number < 14:
        return f"C{number}_thinF"
    if 201 <= number <= 1000:
        return f"C{number}ThinF"
    return f"C{number}P{max(number - 39, 1)}ThinF"


def plan_stains(rng, counts):
    """A stain for each patient; pink cells are parasitized more often than lilac ones."""
    names = list(STAINS)
    numbers = apportion([STAINS[name][1] for name in names], len(counts))
    stains = np.repeat(names, numbers)
    best, best_error = None, None
    for _ in range(200):
        order = rng.permutation(len(counts))
        pink = np.isin(stains[order], PINK)
        shares = [
            counts[pick, 1].sum() / max(counts[pick].sum(), 1) for pick in (pink, ~pink)
        ]
        error = abs(shares[0] - 0.56) + abs(shares[1] - 0.395)
        if best is None or error < best_error:
            best, best_error = stains[order], error
    return best


def make_patient(rng, stain, unstained):
    colour = np.array(STAINS[stain][0]) + rng.normal() * np.array([6.0, 5.0, 4.0])
    colour += rng.normal(0, (5.0, 3.0, 3.0))
    # The rim is half background, so the darker the cell, the more it stands out.
    rim = np.array([0.26, 0.35, 0.06]) * (np.array([240, 211, 300]) - colour)
    flat = stain == "salmon"
    return Patient(
        colour=colour,
        rim=np.maximum(rim, (4.0, 9.0, 3.0)) * rng.uniform(0.8, 1.4),
        rim_width=rng.uniform(9.0, 14.0),
        radius=float(np.clip(rng.normal(63.0, 4.0), 53, 75)),
        contrast=float(np.clip(rng.normal(86, 9), 60, 100)),
        pallor=min(0.9, (0.05 if flat else 0.12) + rng.gamma(0.7, 0.1 if flat else 0.3)),
        ragged=min(0.6, 0.04 + rng.gamma(0.7, 0.2)),
        stippled=0.4 if rng.random() < 0.15 else 0.03,
        texture=rng.uniform(1.0, 3.0),
        grain=(0.95 if flat else 1.4) * rng.uniform(0.85, 1.25),
        debris=rng.gamma(1.5, 0.3),
        late=min(0.5, rng.gamma(0.5, 0.1)),
        unstained=unstained,
    )


def draw_patient(seed, index, number, stain, counts, unstained, folder):
    """Draws all cells of a patient; yields once a cell."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, index + 1]))
    patient = make_patient(rng, stain, unstained)
    uninfected, parasitized = (int(count) for count in counts)
    total = uninfected + parasitized
    fields = int(min(total, 4 + min(17, rng.poisson(total / 13))))
    labels = np.repeat([0, 1], [uninfected, parasitized])
    of_field = np.concatenate([np.arange(fields), rng.integers(0, fields, total - fields)])
    rng.shuffle(of_field)
    date = f"2015{rng.integers(3, 13):02d}{rng.integers(1, 29):02d}"
    clock = int(rng.integers(9, 17)) * 3600 + int(rng.integers(3600))
    for field in range(fields):
        clock += int(rng.integers(15, 90))
        time = f"{clock // 3600:02d}{clock // 60 % 60:02d}{clock % 60:02d}"
        stem = f"{name_prefix(number)}_IMG_{date}_{time}_cell_"
        colour = patient.colour + rng.normal(0, 2.5, 3)
        own = np.sort(labels[of_field == field])
        numbers = np.sort(rng.permutation(max(220, 2 * len(own)))[: len(own)]) + 1
        for label, cell in zip(own, numbers, strict=True):
            image = draw_cell(rng, patient, colour, bool(label))
            path = folder / CLASSES[label] / f"{stem}{cell}.png"
            Image.fromarray(image).save(path, compress_level=3)
            yield


def draw_cells(folder, patients=60, cells=2400, seed=0, progress=True):
    """Draws a set of practice cells into a new folder."""
    folder = Path(folder)
    if patients < 1:
        raise ValueError(f"There must be at least 1 patient, not {patients}.")
    if cells < patients:
        raise ValueError(f"{patients} patients need at least {patients} cells, not {cells}.")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} already holds something.")
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    counts = plan_counts(rng, patients, cells)
    stains = plan_stains(rng, counts)
    numbers = patient_numbers(rng, patients, int((counts[:, 1] == 0).sum()))
    noisy = rng.permutation(patients)[: max(1, patients // 50)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    drawn = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    drawn.chmod(0o755)
    try:
        root = drawn / "cell_images"
        for name in CLASSES:
            (root / name).mkdir(parents=True)
        with tqdm(total=cells, desc="drawing", unit=" cells", disable=not progress) as bar:
            for k in range(patients):
                unstained = 0.35 if k in noisy else 0.01
                for _ in draw_patient(seed, k, numbers[k], stains[k], counts[k], unstained, root):
                    bar.update()
        os.replace(drawn, folder)
    except BaseException:
        shutil.rmtree(drawn, ignore_errors=True)
        raise
    return folder / "cell_images"
