"""What an experiment is, and finding all of them."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from malaria.given.experiments import catalogue


@dataclass(frozen=True)
class Experiment:
    """A question, and how it is answered. See the room's `__init__` for an example.

    Attributes:
        name: Such as "leaky-split".
        lesson: The lesson that it belongs to.
        question: A sentence that ends with a question mark.
        figures: A dict from a key to what is measured, in words; the first one stands in front.
        arms: The names of what is compared; the first one is what the others are compared with.
        modules: The lesson modules that it uses.
        minutes: How long it takes on two quiet cores.
        run: From an arm and a seed to a dict of floats, one for each figure.
        seeds: How many.
    """

    name: str
    lesson: int
    question: str
    figures: dict[str, str]
    arms: tuple[str, ...]
    modules: tuple[str, ...]
    minutes: float
    run: Callable[[str, int], dict[str, float]]
    seeds: int = 5


def all_experiments() -> dict[str, Experiment]:
    """All experiments by name, in the order of the lessons."""
    found = [
        importlib.import_module(f"{catalogue.__name__}.{file.name}").EXPERIMENT
        for file in pkgutil.iter_modules(catalogue.__path__)
    ]
    return {one.name: one for one in sorted(found, key=lambda one: (one.lesson, one.name))}
