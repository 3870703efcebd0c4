"""How a hospital's dye and camera colour its cells.

Hospital 1 is that of the NIH cells, whose figures were measured. Hospital 2 is made up, in the way
in which laboratories differ [1, 2]: its dye is weaker and bluer, as a Giemsa stain is whose buffer
is too alkaline, and its camera is brighter and yellower.

Sources
    [1] World Health Organization, Basic Malaria Microscopy, Part I, 2nd edition, 2010: the colours
        depend on the buffer, which should have a pH of 7.2.
    [2] Tellez et al., Medical Image Analysis 58, 2019, https://doi.org/10.1016/j.media.2019.101544:
        what a network loses on the stain of another laboratory.
"""

from typing import NamedTuple

import numpy as np


class Hospital(NamedTuple):
    """What a laboratory does to red, green and blue."""

    scale: float  # by which it multiplies the levels of a cell's body,
    shift: np.ndarray  # (3,) float64: and what it then adds to them
    dye: np.ndarray  # (3,) float64: what the stain of a parasite adds, in parts of the contrast
    contrast: float  # of the stain, in parts of that of hospital 1


HOSPITALS = {
    # The stain takes 75 levels of green, 27 of red and 15 of blue, here in parts of the first.
    1: Hospital(1.0, np.zeros(3), np.array([-0.37, -1.0, -0.19]), 1.0),
    2: Hospital(0.6, np.array([78, 92, 71]), np.array([-1.0, -0.85, -0.3]), 0.7),
}


def check_hospital(number):
    """Raise a ValueError unless there is a hospital of that number."""
    if number not in HOSPITALS:
        raise ValueError(f"hospital must be {' or '.join(map(str, HOSPITALS))}, not {number}.")
