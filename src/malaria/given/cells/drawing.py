"""One practice cell: a red blood cell on black, as microscope and stain show it.

A cell is drawn in four steps:

    outline   the mask, decided for every third pixel, as the real cells were segmented
    body      light and shade: shading, unevenness, the pale centre, the light rim
    spots     parasites, platelets, specks, dirt
    colours   the layers of the steps before, each with its colour, and the camera's noise

The figures beside the constants were measured on the complete set of the NIH cells [1]; no picture
of it went into a practice cell. Levels are 0 to 255, lengths pixels.

Sources
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
"""

import math
from typing import NamedTuple

import numpy as np

from malaria.given.cells.hospitals import HOSPITALS
from malaria.given.cells.parasites import Layers, draw_confusers, draw_parasite, draw_stippling
from malaria.given.cells.shapes import (
    Layer,
    Shape,
    add,
    cell_shapes,
    cut_out,
    depth,
    pixel_grid,
    value_noise,
    wobble,
)

UNINFECTED_WITH_BLOB = 0.021  # of the uninfected cells carry a large stained blob: label noise
RADIUS_SD = 5.5  # the diameter's SD within a patient is 11
# Within a field of view the cells' colours differ by 4.6, 6.7, 4.4 levels (SD), most of it in step.
COLOUR_SD_TOGETHER = np.array([4.0, 5.5, 3.8])
COLOUR_SD_APART = np.array([2.3, 3.8, 2.2])
STAINED = 0.3  # of a full stain, 22 levels of green: what can be seen
HERE = HOSPITALS[1]  # where the figures were measured


class Patient(NamedTuple):
    """What the cells of one blood smear share. Colours are levels of red, green and blue."""

    colour: np.ndarray  # (3,) float64: the mean of the cells' medians
    rim: np.ndarray  # (3,) float64: how much lighter the edge is
    rim_width: float  # pixels until the light rim has faded
    radius: float  # mean, in pixels
    contrast: float  # of a full stain, in levels of green
    pallor: float  # mean lift of the pale centre, in parts of the rim's; 0: flat cells
    ragged: float  # share of the cells with a badly segmented outline
    stippled: float  # share of the infected cells with fine dots all over
    texture: float  # SD of the body's unevenness, in levels of green
    grain: float  # SD of the camera's noise
    debris: float  # mean number of faint specks in a cell
    late: float  # share of late stages among the parasites
    unstained: float  # share of the parasitized cells without any stain: label noise


class Drawn(NamedTuple):
    """A cell, and what is known of it because it was drawn."""

    image: np.ndarray  # (H, W, 3) uint8, exact black outside the cell, which touches all four sides
    parasites: int  # how many were drawn
    stained: int  # pixels inside the outline that they stain: none if they lie where it cuts off
    bitten: bool  # whether the segmentation took a large piece away


def draw_body(rng, patient, body, lumps, x, y):
    """Draw light and shade of a cell without spots.

    Args:
        rng: A `numpy.random.Generator`.
        patient: A `Patient`.
        body, lumps: The cell's `Shape`, and those attached to it.
        x, y: The pixels' centres, `(1, W)` and `(H, 1)` float32.

    Returns:
        `(light, pale)`: `(H, W)` float32 each, levels of green, and parts of the patient's rim
        colour.
    """
    height, width = y.size, x.size
    inside = depth(body, x, y)
    centre = np.clip(inside / body.radius, 0, 1)  # 0 at the edge, 1 in the middle
    for lump in lumps:
        inside = np.maximum(inside, depth(lump, x, y))

    # Shading across the diameter: 1, 6 and 23 levels (5%, median, 95%).
    tilt = 2.0 * math.exp(rng.normal(0, 0.9)) / body.radius
    angle = rng.uniform(0, 2 * math.pi)
    light = (tilt * math.cos(angle)) * x + (tilt * math.sin(angle)) * y
    light += value_noise(rng, height, width, 40) * patient.texture
    light += value_noise(rng, height, width, 12) * (0.3 * patient.texture)

    edge = np.clip(1.0 - inside / (patient.rim_width * rng.uniform(0.8, 1.2)), 0.0, 1.2)
    pale = edge * np.sqrt(edge)  # falls to a third in half its width, as the real one
    pale += (0.5 * patient.pallor + 0.1 * rng.normal()) * centre * centre
    if rng.random() < 0.15 + 0.6 * patient.pallor:
        size = body.radius * rng.uniform(0.1, 0.42)
        place = rng.normal(0, 0.1 * body.radius, 2).tolist()
        hollow = Shape(*place, size, rng.uniform(1, 1.25), rng.uniform(0, 3), wobble(rng, 0.06))
        lift = min(2.2, patient.pallor * rng.gamma(2.0, 0.8))
        add(Layer(pale, x, y), hollow, lift, size * rng.uniform(0.7, 1.9))
    return light, pale


def grain(rng, height, width):
    """Camera noise, `(height, width)` float32 of SD near 1, smeared as by a camera's processing."""
    white = rng.standard_normal((height + 1, width + 1)).astype(np.float32)
    smeared = white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]
    return white[1:, 1:] * 0.35 + smeared * 0.45


def draw_cell(rng, patient, colour, parasitized, hospital=HERE):
    """Draw one cell.

    Args:
        rng: A `numpy.random.Generator`; every call advances it.
        patient: A `Patient`.
        colour: `(3,)` levels, the stain of the field of view: near the patient's.
        parasitized: A bool, the label. As in the real set, a few labels are wrong.
        hospital: A `Hospital`; it changes colours only, so that the draws are the same in each.

    Returns:
        What was `Drawn`.
    """
    parasites = min(int(rng.geometric(0.57)), 6) if parasitized else 0
    if parasitized and rng.random() < patient.unstained:
        parasites = 0
    elif not parasitized and rng.random() < UNINFECTED_WITH_BLOB:
        parasites = 1
    # Some of the stainless "parasitized" cells lost their parasite to the segmentation.
    bitten = rng.random() < (0.35 if parasitized and not parasites else 0.01)
    radius = max(22.0, rng.normal(patient.radius, RADIUS_SD))
    body, lumps, cuts = cell_shapes(rng, radius, rng.random() < patient.ragged, bitten)
    mask, left, top = cut_out(rng, body, lumps, cuts)

    x, y = pixel_grid(left, top, mask.shape[1], mask.shape[0])
    light, pale = draw_body(rng, patient, body, lumps, x, y)
    stain, grey = np.zeros_like(light), np.zeros_like(light)
    layers = Layers(*(Layer(levels, x, y) for levels in (stain, pale, grey)))
    draw_confusers(rng, layers, body, patient.debris)
    without = stain.copy()
    for _ in range(parasites):
        draw_parasite(rng, layers, body, patient.late)
    if parasites and rng.random() < patient.stippled:
        draw_stippling(rng, layers, body)
    stained = int(((stain - without)[mask] > STAINED).sum())

    colour = colour + rng.normal() * COLOUR_SD_TOGETHER + rng.normal(0, COLOUR_SD_APART)
    colour = colour * hospital.scale + hospital.shift
    dye = hospital.dye + rng.normal(0, (0.06, 0.0, 0.06))
    dye = dye * (hospital.contrast * patient.contrast)
    light += patient.grain * grain(rng, *mask.shape) - grey
    pale, stain = np.minimum(pale, 2.5), np.minimum(stain, 1.5)  # the dye and the glass have limits
    image = np.empty((*mask.shape, 3), np.uint8)
    for k, share in enumerate((0.7, 1.0, 0.7)):  # red and blue follow green's unevenness so far
        channel = light * share + (float(colour[k]) + 0.5)
        channel += pale * float(patient.rim[k])
        channel += stain * float(dye[k])
        image[..., k] = np.clip(channel, 1, 255) * mask  # 1: only the background is exact black
    return Drawn(image, parasites, stained, bool(bitten))
