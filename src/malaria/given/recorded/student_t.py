"""Student's t distribution, as far as a confidence interval of a mean needs it.

Sources
    [1] Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4
"""

import math


def central_probability(t, degrees):
    """The probability that a variable of Student's t lies between -t and t [1].

    Args:
        t: A float, at least 0.
        degrees: The degrees of freedom, an int, at least 1.
    """
    angle = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def t_quantile(degrees, level=0.95):
    """The t for which `central_probability` is `level`.

    Args:
        degrees: The degrees of freedom, an int, at least 1.
        level: In (0, 1).

    Raises:
        ValueError: There are no degrees of freedom, or the level is not in (0, 1).
    """
    if degrees < 1 or not 0 < level < 1:
        raise ValueError(f"There is no quantile of {degrees} degrees of freedom at level {level}.")
    low, high = 0.0, 1.0
    while central_probability(high, degrees) < level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if central_probability(middle, degrees) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
