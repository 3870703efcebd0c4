"""Shapes of the practice cells: wobbly ellipses, soft edges, smooth noise, a cell's outline.

Everything round in a drawn cell is one `Shape`, from the cell itself down to a speck, and one
function, `depth`, says how far inside it a pixel lies.

The same seed must give the same pixels on every computer. Arrays are therefore only added,
multiplied, divided and rooted, which IEEE 754 rounds the same way everywhere [1]; `np.exp` or
`np.sin` may differ in the last bit between two processors. Single numbers may go through `math`.

The figures beside the constants were measured on the complete set of the NIH cells [2]. Lengths are
in pixels of its pictures, in which a cell is about 127 wide.

Sources
    [1] IEEE 754-2019, section 5.4: the operations that must be correctly rounded
    [2] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
"""

import math
from typing import NamedTuple

import numpy as np

GRID = 3  # pixels: the real cells were segmented at a third of the scale, hence their stair steps


class Shape(NamedTuple):
    """A wobbly ellipse. Lengths in pixels, relative to the cell's centre; `turn` in radians."""

    x: float
    y: float
    radius: float  # of the circle with the same area
    stretch: float = 1.0  # the root of the axis ratio: 1.1 is an ellipse of 1.21 to 1
    turn: float = 0.0  # of the long axis
    wobble: tuple = ()  # complex, in parts of the radius: the k-th is a wave with k + 2 periods


class Layer(NamedTuple):
    """One thing that a cell is painted with, such as its stain, and where its pixels lie."""

    levels: np.ndarray  # (H, W) float32, changed by `add`
    x: np.ndarray  # (1, W) float32, the pixels' centres
    y: np.ndarray  # (H, 1) float32


def pixel_grid(left, top, width, height, step=1):
    """The centres of pixels, `step` apart: x `(1, width)` and y `(height, 1)`, float32."""
    x = left + (np.arange(width, dtype=np.float32) + 0.5) * step
    y = top + (np.arange(height, dtype=np.float32) + 0.5) * step
    return x[None, :], y[:, None]


def depth(shape, x, y):
    """How far inside a shape the points lie, in pixels; negative outside.

    The distance to the outline is taken along the ray from the centre, which is exact for a circle
    and near enough for a cell.

    Args:
        shape: A `Shape`.
        x, y: float32 arrays that broadcast to `(H, W)`.

    Returns:
        `(H, W)` float32.
    """
    cos, sin = math.cos(shape.turn), math.sin(shape.turn)
    x, y = x - float(shape.x), y - float(shape.y)
    along = (cos * x + sin * y) / shape.stretch  # (H, W)
    across = (cos * y - sin * x) * shape.stretch
    distance = np.sqrt(along * along + across * across) + 1e-6  # never 0: it divides
    edge = 1.0
    if shape.wobble:
        # cos(k t) and sin(k t) by the angle-sum formulas: no trigonometry on arrays.
        cos_1, sin_1 = along / distance, across / distance
        cos_k, sin_k = cos_1, sin_1
        for wave in shape.wobble:
            cos_k, sin_k = cos_k * cos_1 - sin_k * sin_1, sin_k * cos_1 + cos_k * sin_1
            edge = edge + (wave.real * cos_k + wave.imag * sin_k)
    return shape.radius * edge - distance


def smooth_step(x):
    """0 below 0, 1 above 1, and 3x^2 - 2x^3 between: an edge without a kink."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def add(layer, shape, strength=1.0, soft=6.0):
    """Add a soft-edged shape to a layer, in place.

    Args:
        layer: A `Layer`.
        shape: A `Shape`.
        strength: What is added in the middle.
        soft: Width of the edge in pixels, half of it outside the shape.
    """
    reach = shape.radius * shape.stretch * 1.5 + soft  # look only where the shape can be
    columns = slice(*np.searchsorted(layer.x[0], (shape.x - reach, shape.x + reach)))
    rows = slice(*np.searchsorted(layer.y[:, 0], (shape.y - reach, shape.y + reach)))
    cover = smooth_step(depth(shape, layer.x[:, columns], layer.y[rows]) / soft + 0.5)
    layer.levels[rows, columns] += float(strength) * cover


def wobble(rng, size, waves=5):
    """Random waves for a `Shape`: complex, of SD `size` and weaker the shorter they are."""
    draws = rng.normal(0.0, size, (waves, 2)).tolist()
    return tuple(complex(*draw) / (k + 1) for k, draw in enumerate(draws))


def around(rng, body, reach):
    """A point in a random direction from the middle of a body.

    Args:
        rng: A `numpy.random.Generator`.
        body: A `Shape`.
        reach: How far, in parts of the way to the outline.

    Returns:
        `(x, y)`, floats, in pixels.
    """
    angle = rng.uniform(0, 2 * math.pi)
    ray = complex(math.cos(angle), math.sin(angle))
    edge = 1.0 + sum((w.conjugate() * ray ** (k + 2)).real for k, w in enumerate(body.wobble))
    reach = reach * body.radius * edge
    along, across = reach * ray.real * body.stretch, reach * ray.imag / body.stretch
    cos, sin = math.cos(body.turn), math.sin(body.turn)
    return body.x + cos * along - sin * across, body.y + sin * along + cos * across


def value_noise(rng, height, width, spacing):
    """Smooth noise of SD near 1: random values `spacing` pixels apart, blended between.

    Returns:
        `(height, width)` float32.
    """
    knots = rng.standard_normal((height // spacing + 2, width // spacing + 2)).astype(np.float32)
    knots *= 1.35  # the blending takes a quarter of the SD
    y = np.arange(height, dtype=np.float32) / spacing
    x = np.arange(width, dtype=np.float32) / spacing
    i, j = y.astype(int), x.astype(int)
    v, u = smooth_step(y - i)[:, None], smooth_step(x - j)[None, :]
    v, u = v.astype(np.float32), u.astype(np.float32)
    lines = knots[i] + (knots[i + 1] - knots[i]) * v  # (height, columns)
    return lines[:, j] + (lines[:, j + 1] - lines[:, j]) * u  # (height, width)


def cell_shapes(rng, radius, ragged, bitten):
    """The outline of a cell, what is attached to it, and what the segmentation cut away.

    Args:
        rng: A `numpy.random.Generator`.
        radius: In pixels.
        ragged: Whether the segmentation went wrong: tails, remains of neighbours, bites, cuts.
        bitten: Whether one large piece is missing.

    Returns:
        `(body, lumps, cuts)`: a `Shape` and two lists of `Shape`.
    """
    # Axis ratios: median 1.16, 95% below 1.55.
    ratio = 1.0 + 0.09 * rng.gamma(1.2) if rng.random() < 0.95 else rng.uniform(1.4, 1.9)
    irregular = 0.018 + 0.02 * rng.gamma(1.5)
    body = Shape(0, 0, radius, math.sqrt(ratio), rng.uniform(0, 3), wobble(rng, irregular))
    lumps, cuts = [], []
    if bitten:
        size = radius * rng.uniform(0.25, 0.5)
        place = around(rng, body, rng.uniform(0.75, 1.1))
        cuts.append(Shape(*place, size, rng.uniform(1, 1.4), rng.uniform(0, 3), wobble(rng, 0.1)))
    for _ in range(rng.integers(1, 5) if ragged else 0):
        size, kind = radius * rng.uniform(0.08, 0.45), rng.random()
        if kind < 0.2:  # a straight cut is one by a huge circle
            x, y = around(rng, body, 1.0)
            away = rng.uniform(0.72, 0.95) + 10 * radius / math.hypot(x, y)
            cuts.append(Shape(x * away, y * away, 10 * radius))
            continue
        place = around(rng, body, rng.uniform(0.95, 1.2))
        lump = Shape(*place, size, rng.uniform(1.0, 1.7), rng.uniform(0, 3), wobble(rng, 0.15))
        (lumps if kind < 0.75 else cuts).append(lump)
        if kind < 0.4:  # a tail that ends in a knob
            knob = 1.0 + 1.2 * size / radius
            lumps.append(lump._replace(x=place[0] * knob, y=place[1] * knob, radius=size * 0.8))
    return body, lumps, cuts


def connected(inside, seed):
    """The part of a mask `(H, W)` that hangs together, side by side, with the mask `seed`."""
    reached = seed & inside
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= inside
        if (grown == reached).all():
            return reached
        reached = grown


def cut_out(rng, body, lumps, cuts):
    """The mask of a cell, tightly cropped.

    Args:
        rng: A `numpy.random.Generator`.
        body, lumps, cuts: What `cell_shapes` returns.

    Returns:
        `(mask, left, top)`: `(H, W)` bool, True inside, touching all four sides; and the place of
        its upper left corner relative to the cell's centre, ints, in pixels.
    """
    half = int(body.radius * 2.1 / GRID) + 1  # room for a stretched cell with its lumps
    x, y = pixel_grid(-half * GRID, -half * GRID, 2 * half, 2 * half, GRID)
    field = depth(body, x, y)  # (2 half, 2 half): one value a step of the stairs
    core = field > 0.3 * body.radius
    for lump in lumps:
        field = np.maximum(field, depth(lump, x, y))
    for cut in cuts:
        left_over = np.minimum(field, -depth(cut, x, y))
        if (core & (left_over > 0)).sum() > 0.4 * core.sum():  # no cut may take most of the cell
            field = left_over
    seed = field > 0.6 * field.max()
    ragged = bool(lumps or cuts)
    field += rng.normal(0, 0.8 if ragged else 0.4, field.shape).astype(np.float32)
    field += value_noise(rng, *field.shape, 5) * (2.0 if ragged else 0.8)
    inside = connected(field > 0, seed)
    margin = 8  # pixels, for the hairs
    mask = np.pad(inside.repeat(GRID, 0).repeat(GRID, 1), margin)
    for _ in range(rng.poisson(0.5)):  # hairs, one pixel wide, that the segmentation left
        side = np.rot90(mask, rng.integers(4))  # a view: what is drawn in it is in the mask
        columns = np.flatnonzero(side.any(0))
        column = columns[rng.integers(len(columns))]
        first = side[:, column].argmax()
        side[first - rng.integers(1, 7) : first, column] = True
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    mask = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return mask, left - margin - half * GRID, top - margin - half * GRID
