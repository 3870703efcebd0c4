"""A run folder: where one training run leaves what."""

from __future__ import annotations

from pathlib import Path

from malaria import PROJECT

RUNS = PROJECT / "runs"


class RunFolder:
    """The places of the files of one run, each a `pathlib.Path`; they need not exist."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.lock = self.path / ".lock"  # held while the run is at work
        self.settings = self.path / "settings.json"  # how it is trained, and on which cells
        self.split = self.path / "split.json"  # the file names of each set: train, val, test
        self.checkpoints = self.path / "checkpoints"  # the newest finished epoch: see journal.py
        self.saved_model = self.path / "saved_model"  # the best epoch: see classifier.py
        self.history = self.path / "history.json"  # one entry an epoch
        self.scores = self.path / "scores.json"  # of the test set
        self.report = self.path / "report.html"  # all of it, to look at

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def newest(cls, folder: Path) -> RunFolder:
        """The run under `folder` whose classifier is the newest.

        Raises:
            ValueError: There is none.
        """
        runs = [cls(path) for path in folder.glob("*") if cls(path).saved_model.is_dir()]
        if not runs:
            raise ValueError(f"There is no finished run in {folder}: run `malaria train` first.")
        return max(runs, key=lambda run: run.saved_model.stat().st_mtime)

    def leftovers(self) -> list[Path]:
        """What a run was writing when it was killed (see system/whole.py)."""
        written = (
            self.settings,
            self.split,
            self.saved_model,
            self.history,
            self.scores,
            self.report,
        )
        return [part for path in written for part in self.path.glob(f"{path.name}.*.part")]

    def holds_other_things(self) -> bool:
        """Whether there is more in the folder than a run that was killed at once leaves."""
        ours = {self.lock, self.split, *self.leftovers()}
        return self.path.is_dir() and not ours.issuperset(self.path.iterdir())
