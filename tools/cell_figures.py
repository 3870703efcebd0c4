"""Measures a folder of cells, so that the drawn ones can be held against the real ones.

    python -m tools.cell_figures FOLDER [FOLDER ...]

prints one column of figures a folder; each folder holds `Parasitized/` and `Uninfected/`. Run it
from the repository's root. All lengths are in pixels, all colours in levels, 0 to 255.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from malaria.given.dark_spot import THRESHOLD, dark_spot_score, shrink

CLASSES = ("Uninfected", "Parasitized")  # at its label's place
RIM = 3  # pixels: the body of a cell is what is left after this erosion
DEPTHS = 11  # pixels: how far in the light rim is followed
BLOB_DEPTH, BLOB_SIZE = 40, 6  # levels of green below the median, and pixels: what counts as a blob


def read_cells(folder, limit=None):
    """`(paths, labels)` of a folder's cells: file names' order, parasitized = 1."""
    paths, labels = [], []
    for label, name in enumerate(CLASSES):
        found = sorted((Path(folder) / name).glob("*.png"))[:limit]
        paths += found
        labels += [label] * len(found)
    return paths, np.array(labels)


def labelled(mask):
    """The connected parts (8 neighbours) of a mask (H, W): a list of (N, 2) int arrays."""
    left = set(map(tuple, np.argwhere(mask).tolist()))
    parts = []
    while left:
        part = [left.pop()]
        for row, column in part:  # grows while it is walked through
            for i in (row - 1, row, row + 1):
                for j in (column - 1, column, column + 1):
                    if (i, j) in left:
                        left.remove((i, j))
                        part.append((i, j))
        parts.append(np.array(part))
    return parts


def axes(rows, columns):
    """Long and short axis, in pixels, of the ellipse with the same second moments."""
    # 1/12 is the moment of a pixel about its own middle.
    covariance = np.cov(np.stack([rows, columns]), bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(covariance)
    return 4 * np.sqrt(long), 4 * np.sqrt(short)


def measure(image):
    """The figures of one cell.

    Args:
        image: (H, W, 3) uint8, the background exact black.

    Returns:
        A dict of floats and small arrays.
    """
    inside = image.any(-1)
    levels = image.astype(float)
    green = levels[..., 1]
    rows, columns = np.nonzero(inside)
    area = rows.size
    long, short = axes(rows, columns)
    body = shrink(inside, RIM)
    if not body.any():
        body = inside
    median = np.median(levels[body], 0)
    below = median[1] - green

    rings, left = [], inside  # the pixels 0, 1, 2, ... deep
    for _ in range(DEPTHS):
        smaller = shrink(left, 1)
        ring = levels[left & ~smaller]
        rings.append(np.median(ring, 0) - median if ring.size else np.full(3, np.nan))
        left = smaller

    y, x = rows.mean(), columns.mean()
    diameter = 2 * np.sqrt(area / np.pi)
    body_rows, body_columns = np.nonzero(body)
    body_green = green[body]
    clean = np.abs(body_green - median[1]) < 30  # without parasites
    plane = np.stack([body_rows - y, body_columns - x, np.ones(body_rows.size)], 1)
    slope = np.linalg.lstsq(plane[clean], body_green[clean], rcond=None)[0]
    far = np.hypot(body_rows - y, body_columns - x) / (diameter / 2)
    centre = body_green[far < 0.2]
    rest = (body_green - plane @ slope)[clean & (far < 0.75)]

    # High-pass: a pixel less the mean of its four neighbours; 1.25 is that difference's variance
    # for independent noise of variance 1. The median resists edges; 1.4826 makes it an SD.
    core = shrink(body, 1)[1:-1, 1:-1]
    around = green[:-2, 1:-1] + green[2:, 1:-1] + green[1:-1, :-2] + green[1:-1, 2:]
    high = np.abs(green[1:-1, 1:-1] - around / 4)[core]
    coarse = green[:-6, 3:-3] + green[6:, 3:-3] + green[3:-3, :-6] + green[3:-3, 6:]
    middle = np.abs(green[3:-3, 3:-3] - coarse / 4)[shrink(body, 3)[3:-3, 3:-3]]

    blobs = [p for p in labelled(body & (below > BLOB_DEPTH)) if len(p) >= BLOB_SIZE]
    blobs.sort(key=len)
    figures = {
        "width": image.shape[1],
        "height": image.shape[0],
        "black": 1 - area / inside.size,
        "diameter": diameter,
        "axis ratio": long / short,
        "ragged": area / (np.pi / 4 * long * short) < 0.95,
        "median": median,
        "SD of green": green[inside].std(),
        "rim": np.array(rings),  # (DEPTHS, 3)
        "pallor": (np.median(centre) if centre.size else np.nan) - median[1],
        "shading": np.hypot(*slope[:2]) * diameter,
        "texture": rest.std() if rest.size else np.nan,
        "high-pass": np.sqrt(np.mean(np.minimum(high, 8) ** 2) / 1.25) if high.size else np.nan,
        "middle-pass": np.sqrt(np.mean(np.minimum(middle, 12) ** 2) / 1.25)
        if middle.size
        else np.nan,
        "dark spot": dark_spot_score(image),
        "blobs": len(blobs),
        "stained": np.mean(below[body] > BLOB_DEPTH),
    }
    if blobs:
        blob = blobs[-1]
        i, j = blob.T
        figures["blob size"] = len(blob)
        blob_long, blob_short = axes(i, j)
        figures["blob side"] = max(np.ptp(i), np.ptp(j)) + 1
        figures["blob ratio"] = blob_long / blob_short
        figures["blob fill"] = len(blob) / max(np.pi / 4 * blob_long * blob_short, 1)
        figures["blob colour"] = levels[i, j].mean(0) - median
        figures["blob contrast"] = below[i, j].mean()
        figures["blob darkest"] = below[i, j].max()
        figures["blob place"] = np.hypot(i.mean() - y, j.mean() - x) / (diameter / 2)
        spot = np.zeros_like(inside)
        spot[i, j] = True
        edge = []  # how green falls off just outside of the blob
        for _ in range(6):
            wider = ~shrink(~spot, 1) & inside
            ring = wider & ~spot & body
            edge.append(-below[ring].mean() if ring.any() else np.nan)
            spot = wider
        figures["blob edge"] = np.array(edge)
    return figures


def auc(labels, scores):
    """The chance that a parasitized cell scores higher than an uninfected one; ties count half."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    negative = np.sort(scores[labels == 0])
    positive = scores[labels == 1]
    below = np.searchsorted(negative, positive, "left")
    upto = np.searchsorted(negative, positive, "right")
    return float((below + upto).mean() / 2 / negative.size)


def patients_of(paths):
    """The patient of each file: `C33` of `C33P1thinF_IMG_...`."""
    stems = (path.name.split("_")[0].replace("thinF", "") for path in paths)
    return np.array(
        ["C" + stem[1:].split("P")[0].split("N")[0].split("T")[0].split("B")[0] for stem in stems]
    )


def measure_folder(folder, limit=None):
    """`(paths, labels, cells)`: the last a dict of arrays, one row a cell, NaN without a blob."""
    paths, labels = read_cells(folder, limit)
    measured = [measure(np.asarray(Image.open(path).convert("RGB"))) for path in paths]
    shapes = {name: np.shape(value) for cell in measured for name, value in cell.items()}
    cells = {
        name: np.array([cell.get(name, np.full(shape, np.nan)) for cell in measured], float)
        for name, shape in shapes.items()
    }
    return paths, labels, cells


def summary(folder, limit=None):
    """The table's column for a folder: a dict from a figure's name to its value."""
    paths, labels, cells = measure_folder(folder, limit)
    patients = patients_of(paths)
    table = {"cells": len(paths), "patients": len(set(patients)), "parasitized": labels.mean()}
    pink = cells["median"][:, 0] > cells["median"][:, 2] + 5
    table["parasitized, pink"] = labels[pink].mean()
    table["parasitized, lilac"] = labels[~pink].mean()
    scores = cells["dark spot"]
    table["dark spot accuracy"] = ((scores > THRESHOLD) == labels).mean()
    table["dark spot sensitivity"] = (scores > THRESHOLD)[labels == 1].mean()
    table["dark spot specificity"] = (scores <= THRESHOLD)[labels == 0].mean()
    for name, key in (
        ("dark spot", "dark spot"),
        ("SD of green", "SD of green"),
        ("width", "width"),
        ("height", "height"),
        ("black", "black"),
        ("high-pass", "high-pass"),
    ):
        table[f"AUC {name}"] = auc(labels, cells[key])

    def spread(name, values, percentiles=(5, 50, 95)):
        values = values[~np.isnan(values)]
        for p in percentiles:
            table[f"{name} p{p}"] = np.percentile(values, p) if values.size else np.nan

    for label, kind in enumerate(("uninf.", "par.")):
        own = labels == label
        for name in ("width", "height"):
            spread(f"{kind} {name}", cells[name][own], (0, 50, 100))
        long = np.maximum(cells["width"], cells["height"])[own]
        spread(f"{kind} longer side", long, (5, 95))
        for name in ("black", "diameter", "axis ratio"):
            spread(f"{kind} {name}", cells[name][own])
        table[f"{kind} ragged"] = cells["ragged"][own].mean()
        table[f"{kind} SD of green"] = cells["SD of green"][own].mean()
        spread(f"{kind} SD of green", cells["SD of green"][own], (5, 50, 95))
        spread(f"{kind} dark spot", scores[own], (1, 5, 25, 50, 75, 90, 95, 98, 99))
        table[f"{kind} pallor > 10"] = (cells["pallor"][own] > 10).mean()
        table[f"{kind} pallor > 20"] = (cells["pallor"][own] > 20).mean()
        counts = cells["blobs"][own]
        for n in range(4):
            table[f"{kind} blobs {n}"] = (counts == n).mean()
        table[f"{kind} blobs more"] = (counts > 3).mean()

    names = sorted(set(patients))
    for label, kind in enumerate(("uninf.", "par.")):
        groups = [cells["median"][(patients == n) & (labels == label)] for n in names]
        groups = [group for group in groups if len(group) > 4]
        means = np.array([group.mean(0) for group in groups])
        inner = np.sqrt(np.mean([group.var(0, ddof=1) for group in groups], 0))
        for channel, colour in enumerate("RGB"):
            table[f"{kind} {colour} mean"] = means[:, channel].mean()
            table[f"{kind} {colour} SD between"] = means[:, channel].std()
            table[f"{kind} {colour} SD within"] = inner[channel]
    diameters = [cells["diameter"][patients == n] for n in names]
    means = np.array([group.mean() for group in diameters])
    table["diameter of patients min"] = means.min()
    table["diameter of patients max"] = means.max()
    table["diameter SD within"] = np.sqrt(np.mean([g.var() for g in diameters]))
    rim = np.nanmedian(cells["rim"], 0)
    for d in (0, 1, 2, 3, 5, 7, 9):
        table[f"rim at {d}"] = rim[d]
    spread("shading", cells["shading"])
    spread("texture, uninf.", cells["texture"][labels == 0])
    spread("high-pass", cells["high-pass"])
    spread("middle-pass, uninf.", cells["middle-pass"][labels == 0])
    for label, kind in enumerate(("uninf.", "par.")):
        own = (labels == label) & (cells["blobs"] > 0)
        spread(f"{kind} blob size", cells["blob size"][own], (5, 25, 50, 75, 95))
        spread(f"{kind} blob side", cells["blob side"][own], (5, 25, 50, 75, 95))
        spread(f"{kind} stained", cells["stained"][own], (50,))
        table[f"{kind} blob colour"] = np.median(cells["blob colour"][own], 0)
        spread(f"{kind} blob contrast", cells["blob contrast"][own])
        spread(f"{kind} blob darkest", cells["blob darkest"][own])
        table[f"{kind} blob edge"] = np.nanmedian(cells["blob edge"][own], 0)
        place = cells["blob place"][own]
        for low, high in ((0, 0.33), (0.33, 0.66), (0.66, 0.9), (0.9, 9)):
            table[f"{kind} blob place {low}-{high}"] = ((place >= low) & (place < high)).mean()
        table[f"{kind} blob ratio > 2"] = (cells["blob ratio"][own] > 2).mean()
        table[f"{kind} blob fill < .8"] = (cells["blob fill"][own] < 0.8).mean()
    return table


def show(value):
    if np.ndim(value):
        return " ".join(f"{v:.0f}" for v in value)
    return f"{value:.3f}" if abs(value) < 10 and value != int(value) else f"{value:.1f}"


def main(folders):
    tables = [summary(folder) for folder in folders]
    for name in tables[0]:
        print(f"{name:28}" + "".join(f"{show(table[name]):>22}" for table in tables))


if __name__ == "__main__":
    main(sys.argv[1:])
