"""Draws one practice cell: a red blood cell on black, with what a microscope, a stain and a parasite leave on it.

The figures come from the NIH thin-smear cells (Rajaraman et al., 2018, PeerJ 6:e4568), measured on
the complete set; lengths are in pixels of the pictures, in which a cell is about 127 wide. No
picture of the set went into a practice cell.

A cell is drawn in three steps:

    mask      the outline, decided on a grid of every third pixel: the real cells were segmented at
              a third of the scale, which is where the stair steps of their outlines come from
    scene     the cell's body on all pixels: stain, shading, pallor, a light rim, texture
    spots     parasites, or what an uninfected cell can be mistaken for: platelets, specks, dirt

Everything round is one `Shape`, and one function, `depth`, says how far inside it a pixel lies.

The same seed must give the same pixels on every computer. Arrays are therefore only added,
multiplied, divided and rooted, which IEEE 754 rounds alike everywhere; `np.exp` or `np.sin` may
differ in the last bit between two processors.
"""

import math
from typing import NamedTuple

import numpy as np

GRID = 3  # pixels: the steps of the outline


class Shape(NamedTuple):
    """A wobbly ellipse. Lengths in pixels, `turn` in radians."""

    x: float
    y: float
    radius: float  # of the circle with the same area
    stretch: float = 1.0  # the root of the axis ratio: 1.1 is an ellipse of 1.21 to 1
    turn: float = 0.0
    wobble: tuple = ()  # complex, in parts of the radius: k-th for the wave with k + 2 periods


class Patient(NamedTuple):
    """What the cells of one blood smear share. Colours are RGB levels, 0 to 255."""

    colour: np.ndarray  # (3,) float64: the cells' median
    rim: np.ndarray  # (3,) float64: how much lighter the edge is
    rim_width: float  # pixels until the light rim has faded
    radius: float  # mean, in pixels
    contrast: float  # of the parasites, in levels of green
    pallor: float  # mean lift of a pale centre, in parts of the rim's; 0: flat cells
    ragged: float  # share of the cells with a badly segmented outline
    stippled: float  # share of the infected cells with fine dots all over
    texture: float  # SD of the body's unevenness, in levels of green
    grain: float  # SD of the camera's noise
    debris: float  # mean number of faint specks in a cell
    late: float  # share of late stages among the parasites
    unstained: float  # share of the parasitized cells without any stain: label noise


# --------------------------------------------------------------------------------------- geometry


def pixel_grid(left, top, width, height, step=1):
    """The centres of pixels, `step` apart: x (1, W) and y (H, 1), float64."""
    x = left + (np.arange(width) + 0.5) * step
    y = top + (np.arange(height) + 0.5) * step
    return x[None, :], y[:, None]


def depth(shape, x, y):
    """How far inside a shape the points lie, in pixels; negative outside.

    The distance to the outline is taken along the ray from the centre, which is exact for a circle
    and near enough for a cell.

    Args:
        shape: a `Shape`.
        x, y: float64 arrays that broadcast to (H, W).

    Returns:
        (H, W) float64.
    """
    cos, sin = math.cos(shape.turn), math.sin(shape.turn)
    along = (cos * (x - shape.x) + sin * (y - shape.y)) / shape.stretch
    across = (cos * (y - shape.y) - sin * (x - shape.x)) * shape.stretch
    distance = np.sqrt(along * along + across * across) + 1e-9
    edge = 1.0
    if shape.wobble:
        # cos(k t) and sin(k t) by the angle-sum formulas: no trigonometry on arrays.
        cos_1, sin_1 = along / distance, across / distance
        cos_k, sin_k = cos_1, sin_1
        for wave in shape.wobble:
            cos_k, sin_k = cos_k * cos_1 - sin_k * sin_1, sin_k * cos_1 + cos_k * sin_1
            edge = edge + wave.real * cos_k + wave.imag * sin_k
    return shape.radius * edge - distance


def smooth_step(x):
    """0 below 0, 1 above 1, and 3x^2 - 2x^3 between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def wobble(rng, size, waves=5):
    """Random waves, complex and weaker the shorter they are, for a `Shape`."""
    draws = rng.normal(0.0, size, (waves, 2))
    return tuple(complex(*draw) / (k + 1) for k, draw in enumerate(draws))


def value_noise(rng, height, width, spacing):
    """Smooth noise of SD near 1: random values `spacing` pixels apart, blended between.

    Returns:
        (height, width) float64.
    """
    rows, columns = height // spacing + 2, width // spacing + 2
    knots = rng.standard_normal((rows, columns)) * 1.35  # blending takes a quarter of the SD
    y, x = (np.arange(height) / spacing, np.arange(width) / spacing)
    i, j = y.astype(int), x.astype(int)
    v, u = smooth_step(y - i)[:, None], smooth_step(x - j)[None, :]
    lines = knots[i] + (knots[i + 1] - knots[i]) * v  # (H, columns)
    return lines[:, j] + (lines[:, j + 1] - lines[:, j]) * u  # (H, W)


# ------------------------------------------------------------------------------------------- mask


def connected(inside, seed):
    """The part of `inside` (H, W) that hangs together with `seed`, side by side."""
    reached = seed & inside
    while True:
        grown = reached.copy()
        grown[1:] |= grown[:-1]
        grown[:-1] |= grown[1:]
        grown[:, 1:] |= grown[:, :-1]
        grown[:, :-1] |= grown[:, 1:]
        grown &= inside
        if (grown == reached).all():
            return reached
        reached = grown


def around(rng, body, reach):
    """A point at `reach` radii from the cell's centre, in a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    along, across = reach * math.cos(angle) * body.stretch, reach * math.sin(angle) / body.stretch
    cos, sin = math.cos(body.turn), math.sin(body.turn)
    return body.radius * (cos * along - sin * across), body.radius * (sin * along + cos * across)


def cell_shapes(rng, patient, bitten):
    """The outline of a cell, what is attached to it, and what the segmentation cut away.

    Args:
        bitten: whether a large piece is missing.

    Returns:
        (body, lumps, cuts): a `Shape` and two lists of `Shape`.
    """
    radius = max(22.0, rng.normal(patient.radius, 5.5))  # SD of the diameter within a patient: 11
    # Axis ratios: median 1.16, 95% below 1.55.
    ratio = 1.0 + 0.1 * rng.gamma(1.2) if rng.random() < 0.94 else rng.uniform(1.4, 2.0)
    irregular = 0.014 + 0.016 * rng.gamma(1.5)
    body = Shape(0, 0, radius, math.sqrt(ratio), rng.uniform(0, 3), wobble(rng, irregular))
    lumps, cuts = [], []
    if bitten:
        size = radius * rng.uniform(0.25, 0.5)
        place = around(rng, body, rng.uniform(0.75, 1.1))
        cuts.append(Shape(*place, size, rng.uniform(1, 1.4), rng.uniform(0, 3), wobble(rng, 0.1)))
    if rng.random() < patient.ragged:
        for _ in range(rng.integers(1, 5)):
            size, chance = radius * rng.uniform(0.08, 0.45), rng.random()
            if chance < 0.2:  # a straight cut is one by a huge circle
                x, y = around(rng, body, 1.0)
                away = rng.uniform(0.72, 0.95) + 10 * radius / math.hypot(x, y)
                cuts.append(Shape(x * away, y * away, radius * 10))
                continue
            place = around(rng, body, rng.uniform(0.95, 1.2))
            lump = Shape(
                *place, size, rng.uniform(1.0, 1.7), rng.uniform(0, 3), wobble(rng, 0.15)
            )
            (lumps if chance < 0.75 else cuts).append(lump)
            if chance < 0.4:  # a tail that ends in a knob
                knob = 1.0 + 1.2 * size / body.radius
                lumps.append(lump._replace(x=place[0] * knob, y=place[1] * knob, radius=size * 0.8))
    return body, lumps, cuts


def cut_out(rng, body, lumps, cuts):
    """The mask of a cell, tightly cropped.

    Returns:
        (mask, left, top): (H, W) bool, True inside, touching all four sides; and the place of its
        upper left corner relative to the cell's centre, in pixels.
    """
    half = int(body.radius * 2.1 / GRID) + 1
    x, y = pixel_grid(-half * GRID, -half * GRID, 2 * half, 2 * half, GRID)
    field = depth(body, x, y)
    core = field > 0.3 * body.radius
    for lump in lumps:
        field = np.maximum(field, depth(lump, x, y))
    for cut in cuts:
        left_over = np.minimum(field, -depth(cut, x, y))
        if (left_over > 0).sum() > 0.35 * core.size * 0.17:  # else next to nothing would be left
            field = left_over
    ragged = bool(lumps or cuts)
    field = field + rng.normal(0, 0.8 if ragged else 0.4, field.shape)
    field = field + (2.0 if ragged else 0.8) * value_noise(rng, *field.shape, 5)
    inside = connected(field > 0, core)
    mask = np.pad(inside.repeat(GRID, 0).repeat(GRID, 1), 8)
    for _ in range(rng.poisson(0.5)):  # hairs, one pixel wide, that the segmentation left
        turned = np.rot90(mask, rng.integers(4))  # a view: what is drawn in it is in the mask
        columns = np.flatnonzero(turned.any(0))
        column = columns[rng.integers(len(columns))]
        first = turned[:, column].argmax()
        turned[first - rng.integers(1, 7) : first, column] = True
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = rows[0], columns[0]
    mask = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return mask, left - 8 - half * GRID, top - 8 - half * GRID


# ------------------------------------------------------------------------------------------ scene


def add(layer, x, y, shape, strength=1.0, soft=6.0):
    """Adds a soft-edged shape to a layer, in place.

    Args:
        layer: (H, W) float64.
        x, y: its pixels' centres, (1, W) and (H, 1).
        shape: a `Shape`.
        strength: what is added in the middle.
        soft: width of the edge in pixels, half of it outside the shape.
    """
    reach = shape.radius * shape.stretch * 1.5 + soft  # look only where the shape can be
    columns = slice(*np.searchsorted(x[0], (shape.x - reach, shape.x + reach)))
    rows = slice(*np.searchsorted(y[:, 0], (shape.y - reach, shape.y + reach)))
    cover = smooth_step(depth(shape, x[:, columns], y[rows]) / soft + 0.5)
    layer[rows, columns] += strength * cover


def grain(rng, height, width):
    """Camera noise (H, W) of SD near 1, which the camera's own processing smeared a little."""
    white = rng.standard_normal((height + 1, width + 1))
    return 0.35 * white[1:, 1:] + 0.45 * (
        white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]
    )


def draw_body(rng, patient, body, lumps, x, y):
    """Light and shade of a cell without spots.

    Returns:
        (light, rim): (H, W) float64 each: levels of green, and parts of the patient's rim colour.
    """
    height, width = y.size, x.size
    inside = depth(body, x, y)
    centre = np.clip(inside / body.radius, 0, 1)  # 0 at the edge, 1 in the middle
    for lump in lumps:
        inside = np.maximum(inside, depth(lump, x, y))
    # Shading across the diameter: 1, 6 and 23 levels (5%, median, 95%).
    tilt = 2.6 * math.exp(rng.normal(0, 0.75)) / body.radius
    angle = rng.uniform(0, 2 * math.pi)
    light = (tilt * math.cos(angle)) * x + (tilt * math.sin(angle)) * y
    light = light + patient.texture * value_noise(rng, height, width, 40)
    light = light + 0.3 * patient.texture * value_noise(rng, height, width, 12)
    edge = np.clip(1.0 - inside / (patient.rim_width * rng.uniform(0.8, 1.2)), 0.0, 1.2)
    rim = edge * np.sqrt(edge)
    rim = rim + (patient.pallor * 0.5 + 0.1 * rng.normal()) * centre * centre
    if rng.random() < 0.15 + 0.6 * patient.pallor:
        size = body.radius * rng.uniform(0.1, 0.42)
        place = rng.normal(0, 0.1 * body.radius, 2)
        pale = Shape(*place, size, 1.0 + 0.25 * rng.random(), rng.uniform(0, 3), wobble(rng, 0.1))
        lift = min(2.2, patient.pallor * rng.gamma(2.0, 0.8))
        add(rim, x, y, pale, lift, size * rng.uniform(0.5, 1.9))
    return light, rim


# ------------------------------------------------------------------------------------------ spots


def place_in(rng, body, nearest=0.0, farthest=0.97):
    """A place in the cell, x and y in pixels, alike likely all over the ring between two radii."""
    return around(rng, body, math.sqrt(rng.uniform(nearest**2, farthest**2)))


def spot(rng, place, radius, longest=1.3, wobbly=0.12):
    """A small irregular `Shape`, up to `longest` times as long as wide."""
    stretch = math.sqrt(rng.uniform(1, longest))
    return Shape(*place, radius, stretch, rng.uniform(0, math.pi), wobble(rng, wobbly, 4))


def near(rng, place, distance):
    """A place about so many pixels from another."""
    return place[0] + rng.normal(0, distance), place[1] + rng.normal(0, distance)


def draw_parasite(rng, stain, pale, x, y, body, patient):
    """Adds one parasite to two layers, in one of the forms that the real cells show.

    Args:
        stain, pale: (H, W) float64, in parts of the patient's contrast and of his rim colour.
    """
    place = place_in(rng, body)
    if rng.random() < 0.15:
        place = place_in(rng, body, 0.0, 0.4)
    dark = rng.normal(1.3, 0.16) if rng.random() < 0.86 else rng.uniform(0.4, 1.1)
    size = rng.uniform(4.7, 8.8)
    soft = rng.uniform(6.0, 8.5)
    form = rng.random()
    if rng.random() < 0.16:  # pressed on the rim: flat along it, often in a pale yard
        place = around(rng, body, rng.uniform(0.86, 0.98))
        flat = spot(rng, place, size, 3.5)
        flat = flat._replace(turn=math.atan2(place[1], place[0]) + math.pi / 2)
        add(pale, x, y, flat._replace(radius=size + 5), rng.uniform(0.0, 1.2), 7)
        add(stain, x, y, flat, dark, soft)
    elif rng.random() < patient.late:  # a large body with dark grains in it
        wide = rng.uniform(11, 24)
        add(stain, x, y, spot(rng, place, wide, 1.6), dark * rng.uniform(0.3, 0.55), 9)
        for _ in range(rng.integers(2, 9)):
            grains = spot(rng, near(rng, place, wide / 2), rng.uniform(3, 6), 2)
            add(stain, x, y, grains, dark * rng.uniform(0.4, 0.8), soft)
    elif form < 0.52:  # a dot, most with a fainter body beside it
        add(stain, x, y, spot(rng, place, size), dark * 0.85, soft)
        beside = spot(rng, near(rng, place, size * 0.5), size * rng.uniform(0.8, 1.5), 2)
        add(stain, x, y, beside, dark * rng.uniform(0.05, 0.35), soft)
    elif form < 0.72:  # a ring: a dot on a thin arc round a pale vacuole
        radius = rng.uniform(5.5, 10.5)
        arc = spot(rng, place, radius + 2.0, 1.5, 0.08)
        faint = dark * rng.uniform(0.35, 0.65)
        add(stain, x, y, arc, faint, 5)
        hole = arc._replace(radius=radius - 2.0)
        gap = near(rng, place, 2.5)  # off the middle: the arc is thinner on one side
        add(stain, x, y, hole._replace(x=gap[0], y=gap[1]), -faint * rng.uniform(0.75, 1), 5)
        add(pale, x, y, hole, rng.uniform(0.1, 0.7), 6)
        angle = rng.uniform(0, 2 * math.pi)
        on = place[0] + radius * math.cos(angle), place[1] + radius * math.sin(angle)
        add(stain, x, y, spot(rng, on, rng.uniform(3.2, 5.5), 1.8), dark * 0.8, soft)
    elif form < 0.84:  # a bar or a smear
        add(stain, x, y, spot(rng, place, size, 5.0), dark, soft)
        add(stain, x, y, spot(rng, near(rng, place, size), size, 3.0), dark * 0.25, soft)
    else:  # a double dot, most of them with a pale gap
        gap = near(rng, place, 1.2 * size)
        add(stain, x, y, spot(rng, place, size * 0.85, 1.8), dark * 0.85, soft)
        add(stain, x, y, spot(rng, gap, size * 0.75, 1.8), dark * 0.8, soft)
        middle = (place[0] + gap[0]) / 2, (place[1] + gap[1]) / 2
        add(pale, x, y, spot(rng, middle, size * 0.7), rng.uniform(0, 1.0), 6)
    # The optics leave a thin pale line round whatever is dark.
    add(pale, x, y, spot(rng, place, size + 7), rng.uniform(0.0, 0.3), 9)


def draw_confusers(rng, stain, pale, grey, x, y, body, patient):
    """Adds what an uninfected cell can be mistaken for: specks, streaks, dirt, platelets.

    Args:
        stain, pale: as for `draw_parasite`.
        grey: (H, W) float64, levels that all three colours lose.
    """
    for _ in range(rng.poisson(patient.debris)):
        where, faint = place_in(rng, body), 0.55 * rng.random() ** 2 + 0.06
        add(stain, x, y, spot(rng, where, rng.uniform(1.5, 5.0), 3), faint, 4.5)
    if rng.random() < 0.08:  # a smear of stain
        shape = spot(rng, place_in(rng, body, 0.4, 1.0), rng.uniform(7, 20), 5, 0.25)
        add(stain, x, y, shape, rng.uniform(0.08, 0.4), 10)
    if rng.random() < 0.04:  # dirt out of focus
        add(grey, x, y, spot(rng, place_in(rng, body), rng.uniform(4, 11)), rng.uniform(8, 35), 10)
    if rng.random() < 0.02:  # a neighbour lies on top
        shape = spot(rng, around(rng, body, rng.uniform(1.2, 1.5)), 0.6 * body.radius)
        add(grey, x, y, shape, rng.uniform(5, 16), 5)
    if rng.random() < 0.025:  # a platelet on the rim, often in a pale yard
        where = place_in(rng, body, 0.8, 1.0)
        add(pale, x, y, spot(rng, where, rng.uniform(8, 13)), rng.uniform(0.0, 1.2), 8)
        add(stain, x, y, spot(rng, where, rng.uniform(2.5, 7), 2), rng.uniform(0.4, 1.0), 6)
    if rng.random() < 0.05:  # a pale fleck or crack
        add(pale, x, y, spot(rng, place_in(rng, body), rng.uniform(2, 7), 6), rng.uniform(0.3, 1.2))


def draw_cell(rng, patient, colour, parasitized):
    """Draws one cell.

    Args:
        rng: a `numpy.random.Generator`; every call advances it.
        patient: a `Patient`.
        colour: (3,) levels of the field of view's stain.
        parasitized: bool, the label. As in the real set, a few labels are wrong.

    Returns:
        (H, W, 3) uint8, exact black outside the cell, which touches all four sides.
    """
    count = min(int(rng.geometric(0.57)), 6) if parasitized else 0
    if parasitized and rng.random() < patient.unstained:
        count = 0
    elif not parasitized and rng.random() < 0.021:  # a large stained blob all the same
        count = 1
    # Some of the stainless "parasitized" cells lost the parasite to the segmentation.
    bitten = rng.random() < (0.35 if parasitized and not count else 0.01)
    body, lumps, cuts = cell_shapes(rng, patient, bitten)
    mask, left, top = cut_out(rng, body, lumps, cuts)
    x, y = pixel_grid(left, top, mask.shape[1], mask.shape[0])
    light, pale = draw_body(rng, patient, body, lumps, x, y)
    stain, grey = np.zeros_like(light), np.zeros_like(light)
    draw_confusers(rng, stain, pale, grey, x, y, body, patient)
    for _ in range(count):
        draw_parasite(rng, stain, pale, x, y, body, patient)
    if count and rng.random() < patient.stippled:
        for _ in range(rng.integers(6, 25)):
            fine = spot(rng, place_in(rng, body), rng.uniform(1.5, 3.0), 2)
            add(stain, x, y, fine, rng.uniform(0.1, 0.4), 4)
    # Within a field the colours differ by 4.6, 6.7, 4.4 (SD), most of it in step.
    colour = colour + rng.normal() * np.array([4.0, 5.5, 3.8]) + rng.normal(0, (2.3, 3.8, 2.2))
    magenta = np.array([-0.37, -1.0, -0.19]) + rng.normal(0, (0.06, 0.0, 0.06))
    noise = patient.grain * grain(rng, *mask.shape)
    image = colour + (light - grey)[..., None] * np.array([0.7, 1.0, 0.7])  # (H, W, 3)
    image += np.minimum(pale, 2.5)[..., None] * patient.rim
    image += np.minimum(stain, 1.75)[..., None] * (magenta * patient.contrast) + noise[..., None]
    image += rng.standard_normal(image.shape) * (0.25 * patient.grain)
    image = np.clip(image + 0.5, 1, 255).astype(np.uint8)  # 1: only the background is black
    return image * mask[..., None]
