"""The result of an experiment: a few arms, each run with the same few seeds."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

from malaria.given.recorded.student_t import t_quantile
from malaria.given.recorded.table import table
from malaria.given.system.json_file import read_json

RECORDED = Path(__file__).parent / "experiments"


def interval_of_mean(values, level=0.95):
    """A confidence interval of a mean, by Student's t: honest with a few independent values.

    Args:
        values: N floats.
        level: The confidence, in (0, 1).

    Returns:
        `(low, high)`; NaN with fewer than two values, which tell nothing about their spread.
    """
    values = list(values)
    if len(values) < 2:
        return math.nan, math.nan
    half = t_quantile(len(values) - 1, level) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


@dataclass(frozen=True)
class Result:
    """What came out of an experiment. Printed, it is a table.

    Attributes:
        name: Such as "leaky-split".
        question: What it asks, a sentence.
        figure: What is measured, such as "AUC by patient".
        arms: The names of what is compared, a tuple.
        seeds: A tuple of ints. Each is a replicate of all arms.
        values: A dict from an arm to a tuple of floats, one for each seed.
        seconds: How long all arms and seeds took together.
        measured: A dict from the key of each figure that was measured to `(figure, values)`.
    """

    name: str
    question: str
    figure: str
    arms: tuple
    seeds: tuple
    values: dict
    seconds: float
    measured: dict

    @property
    def command(self):
        """The command that runs the experiment."""
        return f"malaria experiment {self.name}"

    def of(self, key):
        """The same result with another of the measured figures in front.

        Raises:
            ValueError: No such figure was measured.
        """
        if key not in self.measured:
            raise ValueError(f"{self.name} measures {', '.join(self.measured)}, not {key}.")
        figure, values = self.measured[key]
        return replace(self, figure=figure, values=values)

    def mean(self, arm):
        """The mean of an arm over the seeds."""
        return fmean(self.values[arm])

    def interval(self, arm):
        """The 95% interval of that mean, `(low, high)`; NaN with a single seed."""
        return interval_of_mean(self.values[arm])

    def difference(self, arm, other):
        """By how much `arm` lies above `other`, seed by seed: `(mean, low, high)`.

        Paired, because the arms of one seed share their cells: what makes a seed hard for all of
        them cancels out.
        """
        pairs = zip(self.values[arm], self.values[other], strict=True)
        gains = [one - two for one, two in pairs]
        return fmean(gains), *interval_of_mean(gains)

    def __str__(self):
        return "\n".join(table(self))


def result_from(content):
    """A `Result` from what its JSON file holds; the first of its figures stands in front."""
    measured = {
        key: (one["figure"], {arm: tuple(values) for arm, values in one["values"].items()})
        for key, one in content["measured"].items()
    }
    figure, values = next(iter(measured.values()))
    return Result(
        name=content["name"],
        question=content["question"],
        figure=figure,
        arms=tuple(content["arms"]),
        seeds=tuple(content["seeds"]),
        values=values,
        seconds=content["seconds"],
        measured=measured,
    )


def recorded_names():
    """The names of the experiments with a recorded result, in alphabetical order: a list."""
    return sorted(path.stem for path in RECORDED.glob("*.json"))


def experiment(name):
    """The recorded result of an experiment, as the reference had it.

    Args:
        name: Such as "leaky-split".

    Returns:
        A `Result`.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in recorded_names():
        raise ValueError(
            f'There is no recorded experiment "{name}". There are: {", ".join(recorded_names())}.'
        )
    return result_from(read_json(RECORDED / f"{name}.json"))
