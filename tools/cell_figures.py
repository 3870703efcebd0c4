"""Measures folders of cells, so that the drawn ones can be held against the real ones.

    python -m tools.cell_figures FOLDER [FOLDER ...]

prints one column of figures a folder; each folder holds `Parasitized/` and `Uninfected/`. Run it
from the repository's root. All lengths are in pixels, all colours in levels, 0 to 255.
"""

import sys
from typing import NamedTuple

import numpy as np
from PIL import Image

from malaria.given.cells.images import find_cells
from malaria.given.dark_spot import THRESHOLD, dark_spot_score, shrink
from malaria.given.scores import area_under, roc_curve, scores
from solutions.train_test_split import patient_of

RIM = 3  # pixels: the body of a cell is what is left after this erosion
DEPTHS = 11  # pixels: how far in the light rim is followed
BLOB_DEPTH, BLOB_SIZE = 40, 6  # levels of green below the median, and pixels: what counts as a blob
BLOB_EDGE = 6  # pixels: how far out the edge of a blob is followed
KINDS = ("uninf.", "par.")  # the two classes, short, by label


# One cell


class Cell(NamedTuple):
    """What every figure of a cell begins with."""

    levels: np.ndarray  # (H, W, 3) float64
    inside: np.ndarray  # (H, W) bool: all but the black background
    body: np.ndarray  # (H, W) bool: without the rim
    median: np.ndarray  # (3,) float64: the body's colour
    below: np.ndarray  # (H, W) float64: how far green lies below its median
    place: np.ndarray  # (2,) float64: row and column of the centre
    diameter: float  # of the circle with the same area


def measure(image):
    """The figures of one cell.

    Args:
        image: `(H, W, 3)` uint8, the background exact black.

    Returns:
        A dict from a figure's name to a float or a small array. Those of a blob are missing where
        there is none.
    """
    cell = cell_in(image)
    figures = {
        "dark spot": dark_spot_score(image),
        "SD of green": cell.levels[cell.inside, 1].std(),
    }
    return figures | outline(cell) | light_and_shade(cell) | unevenness(cell) | blobs(cell)


def cell_in(image):
    """The `Cell` of an image."""
    inside = image.any(-1)
    levels = image.astype(float)
    body = shrink(inside, RIM)
    if not body.any():
        body = inside
    median = np.median(levels[body], 0)
    return Cell(
        levels=levels,
        inside=inside,
        body=body,
        median=median,
        below=median[1] - levels[..., 1],
        place=np.argwhere(inside).mean(0),
        diameter=2 * np.sqrt(inside.sum() / np.pi),
    )


def axes(places):
    """Long and short axis of the ellipse with the same second moments as some pixels, `(N, 2)`."""
    # 1/12 is the moment of a pixel about its own middle.
    covariance = np.cov(places.T, bias=True) + np.eye(2) / 12
    short, long = np.linalg.eigvalsh(covariance)
    return 4 * np.sqrt(long), 4 * np.sqrt(short)


def outline(cell):
    """Size and form of a cell."""
    height, width = cell.inside.shape
    area = cell.inside.sum()
    long, short = axes(np.argwhere(cell.inside))
    return {
        "width": width,
        "height": height,
        "black": 1 - area / cell.inside.size,
        "diameter": cell.diameter,
        "axis ratio": long / short,
        "ragged": area / (np.pi / 4 * long * short) < 0.95,
    }


def light_and_shade(cell):
    """Colour, light rim, pale centre and shading of a cell."""
    rings, left = [], cell.inside  # the pixels 0, 1, 2, ... deep
    for _ in range(DEPTHS):
        smaller = shrink(left, 1)
        ring = cell.levels[left & ~smaller]
        rings.append(np.median(ring, 0) - cell.median if ring.size else np.full(3, np.nan))
        left = smaller

    places = np.argwhere(cell.body) - cell.place  # (N, 2)
    green = cell.levels[cell.body, 1]
    clean = np.abs(green - cell.median[1]) < 30  # without parasites
    plane = np.concatenate([places, np.ones((len(places), 1))], 1)
    slope = np.linalg.lstsq(plane[clean], green[clean], rcond=None)[0]
    far = np.hypot(*places.T) / (cell.diameter / 2)
    centre = green[far < 0.2]
    rest = (green - plane @ slope)[clean & (far < 0.75)]
    return {
        "median": cell.median,
        "rim": np.array(rings),  # (DEPTHS, 3)
        "pallor": (np.median(centre) if centre.size else np.nan) - cell.median[1],
        "shading": np.hypot(*slope[:2]) * cell.diameter,
        "texture": rest.std() if rest.size else np.nan,
    }


def unevenness(cell):
    """How much green differs from pixel to pixel, and over three pixels."""
    return {
        "high-pass": high_pass(cell, step=1, most=8),
        "middle-pass": high_pass(cell, step=3, most=12),
    }


def high_pass(cell, step, most):
    """The SD of green once its mean over the four pixels `step` away is taken off.

    Args:
        cell: A `Cell`.
        step: In pixels.
        most: Levels; larger differences are edges, and count as this.
    """
    green, (rows, columns) = cell.levels[..., 1], cell.inside.shape
    middle = slice(step, rows - step), slice(step, columns - step)
    around = green[: -2 * step, middle[1]] + green[2 * step :, middle[1]]
    around = around + green[middle[0], : -2 * step] + green[middle[0], 2 * step :]
    difference = np.abs(green[middle] - around / 4)[shrink(cell.body, step)[middle]]
    if not difference.size:
        return np.nan
    # For independent noise of variance 1 the difference's variance is 1.25.
    return np.sqrt(np.mean(np.minimum(difference, most) ** 2) / 1.25)


def blobs(cell):
    """The stained blobs of a cell: how many, and what the largest is like."""
    stained = cell.body & (cell.below > BLOB_DEPTH)
    found = [part for part in connected_parts(stained) if len(part) >= BLOB_SIZE]
    figures = {"blobs": len(found), "stained": np.mean(cell.below[cell.body] > BLOB_DEPTH)}
    return figures | blob(cell, sorted(found, key=len)[-1]) if found else figures


def connected_parts(mask):
    """The connected parts (8 neighbours) of a mask `(H, W)`: a list of `(N, 2)` int arrays."""
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


def blob(cell, places):
    """Size, form, colour and place of a blob, given as the places `(N, 2)` of its pixels."""
    where = tuple(places.T)
    long, short = axes(places)
    return {
        "blob size": len(places),
        "blob side": np.ptp(places, 0).max() + 1,
        "blob ratio": long / short,
        "blob fill": len(places) / max(np.pi / 4 * long * short, 1),
        "blob colour": cell.levels[where].mean(0) - cell.median,
        "blob contrast": cell.below[where].mean(),
        "blob darkest": cell.below[where].max(),
        "blob place": np.hypot(*(places.mean(0) - cell.place)) / (cell.diameter / 2),
        "blob edge": blob_edge(cell, where),
    }


def blob_edge(cell, where):
    """How green falls off outside a blob, pixel by pixel: `(BLOB_EDGE,)` levels."""
    spot, edge = np.zeros_like(cell.inside), []
    spot[where] = True
    for _ in range(BLOB_EDGE):
        wider = ~shrink(~spot, 1) & cell.inside
        ring = wider & ~spot & cell.body
        edge.append(-cell.below[ring].mean() if ring.any() else np.nan)
        spot = wider
    return np.array(edge)


# A folder of cells: its column of the table, a dict from a figure's name to its value


def summary(folder):
    """The table's column for a folder."""
    paths, labels = find_cells(folder)
    patients = np.array([patient_of(path) for path in paths])
    cells = measured(paths)
    table = counts(labels, patients, cells) | separation(labels, cells)
    for label, kind in enumerate(KINDS):
        table |= sizes_and_stain(kind, chosen(cells, labels == label))
    for label, kind in enumerate(KINDS):
        table |= colours(kind, patients[labels == label], cells["median"][labels == label])
    table |= diameters(patients, cells["diameter"]) | lights(labels, cells)
    for label, kind in enumerate(KINDS):
        table |= largest_blobs(kind, chosen(cells, (labels == label) & (cells["blobs"] > 0)))
    return table


def measured(paths):
    """The figures of many cells: a dict of arrays, one row a cell, NaN without a blob."""
    found = [measure(np.asarray(Image.open(path).convert("RGB"))) for path in paths]
    shapes = {name: np.shape(value) for cell in found for name, value in cell.items()}
    return {
        name: np.array([cell.get(name, np.full(shape, np.nan)) for cell in found], float)
        for name, shape in shapes.items()
    }


def chosen(cells, rows):
    """The figures of some of the cells."""
    return {name: values[rows] for name, values in cells.items()}


def spread(name, values, percentiles=(5, 50, 95)):
    """Percentiles of a figure, NaN left out."""
    values = values[~np.isnan(values)]
    return {
        f"{name} p{p}": np.percentile(values, p) if values.size else np.nan for p in percentiles
    }


def counts(labels, patients, cells):
    """How many cells, patients and parasitized cells, these also by stain."""
    pink = cells["median"][:, 0] > cells["median"][:, 2] + 5
    return {
        "cells": len(labels),
        "patients": len(set(patients)),
        "parasitized": labels.mean(),
        "parasitized, pink": labels[pink].mean(),
        "parasitized, lilac": labels[~pink].mean(),
    }


def separation(labels, cells):
    """How far single figures tell the classes apart."""
    rule = scores(labels, cells["dark spot"], THRESHOLD)
    names = ("dark spot", "SD of green", "width", "height", "black", "high-pass")
    areas = {f"AUC {name}": area_under(*roc_curve(labels, cells[name])) for name in names}
    figures = ("accuracy", "sensitivity", "specificity")
    return {f"dark spot {figure}": rule[figure] for figure in figures} | areas


def sizes_and_stain(kind, cells):
    """Sizes, outlines, stain and number of blobs of the cells of a class."""
    table = {}
    for name in ("width", "height"):
        table |= spread(f"{kind} {name}", cells[name], (0, 50, 100))
    longer = np.maximum(cells["width"], cells["height"])
    table |= spread(f"{kind} longer side", longer, (5, 95))
    for name in ("black", "diameter", "axis ratio"):
        table |= spread(f"{kind} {name}", cells[name])
    table[f"{kind} ragged"] = cells["ragged"].mean()
    table[f"{kind} SD of green"] = cells["SD of green"].mean()
    table |= spread(f"{kind} SD of green", cells["SD of green"])
    table |= spread(f"{kind} dark spot", cells["dark spot"], (1, 5, 25, 50, 75, 90, 95, 98, 99))
    for levels in (10, 20):
        table[f"{kind} pallor > {levels}"] = (cells["pallor"] > levels).mean()
    for number in range(4):
        table[f"{kind} blobs {number}"] = (cells["blobs"] == number).mean()
    return table | {f"{kind} blobs more": (cells["blobs"] > 3).mean()}


def colours(kind, patients, medians):
    """Colour between and within the patients, of those with more than four cells of a class."""
    groups = [medians[patients == patient] for patient in sorted(set(patients))]
    groups = [group for group in groups if len(group) > 4]
    means = np.array([group.mean(0) for group in groups])
    within = np.sqrt(np.mean([group.var(0, ddof=1) for group in groups], 0))
    table = {}
    for channel, colour in enumerate("RGB"):
        table[f"{kind} {colour} mean"] = means[:, channel].mean()
        table[f"{kind} {colour} SD between"] = means[:, channel].std()
        table[f"{kind} {colour} SD within"] = within[channel]
    return table


def diameters(patients, values):
    """Diameters between and within the patients."""
    groups = [values[patients == patient] for patient in sorted(set(patients))]
    means = [group.mean() for group in groups]
    return {
        "diameter of patients min": min(means),
        "diameter of patients max": max(means),
        "diameter SD within": np.sqrt(np.mean([group.var() for group in groups])),
    }


def lights(labels, cells):
    """Rim, shading, unevenness and noise."""
    rim = np.nanmedian(cells["rim"], 0)  # (DEPTHS, 3)
    uninfected = chosen(cells, labels == 0)
    return (
        {f"rim at {depth}": rim[depth] for depth in (0, 1, 2, 3, 5, 7, 9)}
        | spread("shading", cells["shading"])
        | spread("texture, uninf.", uninfected["texture"])
        | spread("high-pass", cells["high-pass"])
        | spread("middle-pass, uninf.", uninfected["middle-pass"])
    )


def largest_blobs(kind, cells):
    """The largest blob of each cell of a class that has one."""
    table = spread(f"{kind} blob size", cells["blob size"], (5, 25, 50, 75, 95))
    table |= spread(f"{kind} blob side", cells["blob side"], (5, 25, 50, 75, 95))
    table |= spread(f"{kind} stained", cells["stained"], (50,))
    table[f"{kind} blob colour"] = np.median(cells["blob colour"], 0)
    table |= spread(f"{kind} blob contrast", cells["blob contrast"])
    table |= spread(f"{kind} blob darkest", cells["blob darkest"])
    table[f"{kind} blob edge"] = np.nanmedian(cells["blob edge"], 0)
    place = cells["blob place"]
    for low, high in ((0, 0.33), (0.33, 0.66), (0.66, 0.9), (0.9, 9)):
        table[f"{kind} blob place {low}-{high}"] = ((place >= low) & (place < high)).mean()
    table[f"{kind} blob ratio > 2"] = (cells["blob ratio"] > 2).mean()
    table[f"{kind} blob fill < .8"] = (cells["blob fill"] < 0.8).mean()
    return table


def show(value):
    """A figure, or the figures of an array, as text."""
    if np.ndim(value):
        return " ".join(f"{v:.0f}" for v in value)
    return f"{value:.3f}" if abs(value) < 10 and value != int(value) else f"{value:.1f}"


def main(folders):
    """Print the table."""
    tables = [summary(folder) for folder in folders]
    for name in tables[0]:
        print(f"{name:28}" + "".join(f"{show(table[name]):>22}" for table in tables))


if __name__ == "__main__":
    main(sys.argv[1:])
