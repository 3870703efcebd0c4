"""Spots of the practice cells: parasites, and what can be mistaken for one.

The forms, numbers, sizes and places follow the real cells [1], measured on the complete set: blobs
in a parasitized cell (none 4%, one 48%, two 28%, three 11%, more 8.5%), the largest of 172 pixels
(66 to 389 in nine cells of ten) and 75 levels of green below the cell, 52% compact dots, 9% sparse
rings or arcs, 24% beyond nine tenths of the radius; 6% of the uninfected cells have a blob too.

Sources
    [1] Rajaraman et al., 2018, PeerJ 6:e4568, https://doi.org/10.7717/peerj.4568
"""

import math
from typing import NamedTuple

from malaria.given.cells.shapes import Layer, Shape, add, around, wobble


class Layers(NamedTuple):
    """What spots are added to; the cell is painted with the three afterwards."""

    stain: Layer  # the dye, in parts of the patient's contrast
    pale: Layer  # what is lighter than the cell, in parts of the patient's rim colour
    grey: Layer  # dirt and shadow, in levels that all colours lose


def place_in(rng, body, nearest=0.0, farthest=0.96):
    """A place in the cell, x and y in pixels, equally likely all over the ring of two radii."""
    return around(rng, body, math.sqrt(rng.uniform(nearest**2, farthest**2)))


def near(rng, place, distance):
    """A place about so many pixels from another."""
    return place[0] + rng.normal(0, distance), place[1] + rng.normal(0, distance)


def spot(rng, place, radius, longest=1.3, wobbly=0.12):
    """A small irregular `Shape`, up to `longest` times as long as wide."""
    stretch = math.sqrt(rng.uniform(1, longest))
    return Shape(*place, radius, stretch, rng.uniform(0, math.pi), wobble(rng, wobbly, 4))


def dot(rng, layers, place, dark, size, soft):
    """A compact nucleus, most of them with a fainter body beside it."""
    add(layers.stain, spot(rng, place, size), 0.85 * dark, soft)
    beside = spot(rng, near(rng, place, 0.5 * size), size * rng.uniform(0.8, 1.5), 2)
    add(layers.stain, beside, dark * rng.uniform(0.05, 0.35), soft)


def ring(rng, layers, place, dark, size, soft):
    """A signet ring: a dot on a thin arc round a pale vacuole."""
    radius = rng.uniform(5.5, 10.5)
    outer = spot(rng, place, radius + 2.0, 1.5, 0.08)
    faint = dark * rng.uniform(0.35, 0.65)
    add(layers.stain, outer, faint, 5)
    hole = outer._replace(radius=radius - 2.0)
    aside = near(rng, place, 2.5)  # off the middle, so that the arc is thinner on one side
    add(layers.stain, hole._replace(x=aside[0], y=aside[1]), -faint * rng.uniform(0.75, 1), 5)
    add(layers.pale, hole, rng.uniform(0.1, 0.7), 6)
    angle = rng.uniform(0, 2 * math.pi)
    on = place[0] + radius * math.cos(angle), place[1] + radius * math.sin(angle)
    add(layers.stain, spot(rng, on, rng.uniform(3.4, 5.8), 1.8), 0.8 * dark, soft)


def bar(rng, layers, place, dark, size, soft):
    """An elongated form, up to five times as long as wide, in a smear."""
    add(layers.stain, spot(rng, place, size, 5.0), dark, soft)
    add(layers.stain, spot(rng, near(rng, place, size), size, 3.0), 0.25 * dark, soft)


def double(rng, layers, place, dark, size, soft):
    """Two nuclei, some with a pale gap between."""
    other = near(rng, place, 1.2 * size)
    add(layers.stain, spot(rng, place, 0.85 * size, 1.8), 0.85 * dark, soft)
    add(layers.stain, spot(rng, other, 0.75 * size, 1.8), 0.8 * dark, soft)
    middle = (place[0] + other[0]) / 2, (place[1] + other[1]) / 2
    add(layers.pale, spot(rng, middle, 0.7 * size), rng.uniform(0, 1.0), 6)


# Shares of the parasites that are neither on the rim nor late stages.
FORMS = {dot: 0.52, ring: 0.2, bar: 0.12, double: 0.16}


def rim_form(rng, layers, body, dark, size, soft):
    """A form pressed on the rim: flat along it, often in a pale halo."""
    place = around(rng, body, rng.uniform(0.86, 0.97))
    tangent = math.atan2(place[1], place[0]) + math.pi / 2
    flat = spot(rng, place, size, 3.2)._replace(turn=tangent)
    add(layers.pale, flat._replace(radius=size + 5), rng.uniform(0.0, 1.2), 7)
    add(layers.stain, flat, dark, soft)


def late_stage(rng, layers, body, place, dark, soft):
    """A large body with dark grains in it; one in four fills the cell."""
    whole = rng.random() < 0.25
    wide = 0.95 * body.radius if whole else rng.uniform(11, 24)
    outline = body._replace(radius=wide) if whole else spot(rng, place, wide, 1.6)
    add(layers.stain, outline, dark * rng.uniform(0.25, 0.5), 25 if whole else 9)
    for _ in range(rng.integers(4, 16) if whole else rng.integers(2, 9)):
        where = place_in(rng, body, 0, 0.9) if whole else near(rng, place, wide / 2)
        grain = spot(rng, where, rng.uniform(3, 8 if whole else 6), 2)
        add(layers.stain, grain, dark * rng.uniform(0.3, 0.8), soft)


def draw_parasite(rng, layers, body, late):
    """Add one parasite, in one of the forms that the real cells show.

    Args:
        rng: A `numpy.random.Generator`.
        layers: The `Layers`.
        body: The cell's `Shape`.
        late: 0 to 1, the share of late stages.
    """
    place = place_in(rng, body) if rng.random() < 0.85 else place_in(rng, body, 0.0, 0.4)
    # The stain's peak; one parasite in twelve is faint or out of focus.
    dark = rng.normal(1.32, 0.11) if rng.random() < 0.92 else rng.uniform(0.55, 1.1)
    size = rng.uniform(5.4, 8.8)
    soft = rng.uniform(6.0, 8.5)  # green fades over four pixels on either side of the outline
    if rng.random() < 0.32:
        rim_form(rng, layers, body, dark, size, soft)
    elif rng.random() < late:
        late_stage(rng, layers, body, place, dark, soft)
    else:
        form = list(FORMS)[rng.choice(len(FORMS), p=list(FORMS.values()))]
        form(rng, layers, place, dark, size, soft)
    # The optics leave a thin pale line round whatever is dark.
    add(layers.pale, spot(rng, place, size + 7), rng.uniform(0.0, 0.3), 9)


def draw_stippling(rng, layers, body):
    """Add the fine dots that some patients' infected cells have all over."""
    for _ in range(rng.integers(6, 25)):
        fine = spot(rng, place_in(rng, body), rng.uniform(1.5, 3.0), 2)
        add(layers.stain, fine, rng.uniform(0.1, 0.4), 4)


def draw_confusers(rng, layers, body, debris):
    """Add what a cell of either class can have, and what can be mistaken for a parasite.

    Args:
        rng: A `numpy.random.Generator`.
        layers: The `Layers`.
        body: The cell's `Shape`.
        debris: Mean number of faint specks.
    """
    for _ in range(rng.poisson(debris)):  # specks, most of them hardly visible
        faint = 0.06 + 0.55 * rng.random() ** 2
        speck = spot(rng, place_in(rng, body), rng.uniform(1.5, 5.0), 3)
        add(layers.stain, speck, faint, 4.5)
    if rng.random() < 0.08:  # a smear of stain
        smear = spot(rng, place_in(rng, body, 0.4, 1.0), rng.uniform(7, 20), 5, 0.25)
        add(layers.stain, smear, rng.uniform(0.06, 0.32), 10)
    if rng.random() < 0.04:  # dirt out of focus
        add(layers.grey, spot(rng, place_in(rng, body), rng.uniform(4, 11)), rng.uniform(8, 35), 10)
    if rng.random() < 0.02:  # a neighbour lies on top
        neighbour = spot(rng, around(rng, body, rng.uniform(1.2, 1.5)), 0.6 * body.radius)
        add(layers.grey, neighbour, rng.uniform(5, 16), 5)
    if rng.random() < 0.025:  # a platelet on the rim, often in a pale halo
        where = place_in(rng, body, 0.8, 1.0)
        add(layers.pale, spot(rng, where, rng.uniform(8, 13)), rng.uniform(0.0, 1.2), 8)
        add(layers.stain, spot(rng, where, rng.uniform(2.5, 8), 2), rng.uniform(0.5, 1.1), 6)
    if rng.random() < 0.05:  # a pale fleck or a crack
        fleck = spot(rng, place_in(rng, body), rng.uniform(2, 7), 6)
        add(layers.pale, fleck, rng.uniform(0.3, 1.2))
