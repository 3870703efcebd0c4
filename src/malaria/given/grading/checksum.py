"""What came back in a test, as one number: the same for two answers that returned the same values.

All that comes back passes through the checks of `tests/received.py`, which add it here. The number
depends on every value, on the shapes and on the order; on the last digits, in which one honest way
of computing differs from another, it depends no more than they differ.
"""

import zlib

import numpy as np

# Of two honest ways of computing: in float32 they differ by 1e-6 or so.
NEAR = 1e-4
# Below it a value is told from 0 by its distance rather than by its ratio: 1e-9 may be a rounded 0.
SMALL = 1e-2
# No two in a row are equal, and none is near 0: each value counts, and so does its place.
WEIGHTS = 1 + np.cos(np.arange(997) ** 2) / 2
NOT_A_NUMBER, INFINITE = 1e30, 2e30


class Checksum:
    """The checksum of what came back since it was last taken."""

    def __init__(self) -> None:
        """Nothing has come back."""
        self._sum, self._count = 0.0, 0

    def add(self, values: np.ndarray) -> None:
        """Take in an array of numbers, of booleans or of strings."""
        number = _of_text(str(values.shape))
        if values.dtype.kind in "fiub":
            number += _of_numbers(values)
        else:
            number += _of_text("\n".join(values.ravel().tolist()))
        self._count += 1
        self._sum += number * WEIGHTS[self._count % len(WEIGHTS)]

    def taken(self) -> float:
        """The number; begins anew."""
        taken = round(float(self._sum), 5)
        self.__init__()
        return taken


def _of_text(text: str) -> float:
    return zlib.crc32(text.encode()) / 2**32


def _of_numbers(values: np.ndarray) -> float:
    """How large an array is, and how it looks on that scale."""
    values = values.astype(float).ravel()
    values = np.nan_to_num(values, nan=NOT_A_NUMBER, posinf=INFINITE, neginf=-INFINITE)
    scale = np.max(np.abs(values), initial=0)
    weighted = np.dot(values, np.resize(WEIGHTS, values.shape))
    size = np.arcsinh(scale / SMALL)
    return float(size + weighted / (scale + SMALL) / max(len(values), 1) ** 0.5)


def near(one: float, other: float) -> bool:
    """Whether two checksums are those of the same values."""
    return abs(one - other) <= NEAR


came_back = Checksum()
