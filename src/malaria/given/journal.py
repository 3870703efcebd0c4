"""What survives a kill: the state of a training run, stored after every epoch."""

import json

import tensorflow as tf


class BestWeights(tf.Module):
    """A copy of a model's variables at its best epoch so far."""

    def __init__(self, model):
        """Make room for a copy of the values of `model`, a `tf.Module`."""
        super().__init__()
        # Behind a function, so that a checkpoint does not store the model's variables twice.
        self._source = lambda: model.variables
        self.copies = [tf.Variable(variable, trainable=False) for variable in model.variables]
        self.loss = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)

    def keep_if_better(self, loss):
        """Copy the model's values if `loss` is below that of the copies."""
        if loss < self.loss:
            self.loss.assign(loss)
            for copy, variable in zip(self.copies, self._source(), strict=True):
                copy.assign(variable)

    def restore(self):
        """Give the model back the values of its best epoch; before the first, change nothing."""
        if tf.math.is_inf(self.loss):
            return
        for copy, variable in zip(self.copies, self._source(), strict=True):
            variable.assign(copy)


class Journal:
    """The history of a run, and a checkpoint of everything that its next epoch depends on.

    Attributes:
        history: A dict of lists, one entry for each finished epoch.
    """

    def __init__(self, folder, **parts):
        """Go on from the newest checkpoint in `folder`, if there is one.

        Args:
            folder: Where checkpoints are kept; None keeps none.
            **parts: What is to be stored and restored: modules, optimizers.
        """
        self.history = {}
        self._stored = tf.Variable("{}", dtype=tf.string, trainable=False)
        self._manager = None
        if folder is not None:
            # History and weights in one checkpoint: TensorFlow writes it under another name and
            # renames it, so a kill leaves either the old state or the new one, never half of each.
            checkpoint = tf.train.Checkpoint(history=self._stored, **parts)
            self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
            if self._manager.restore_or_initialize():
                self.history = json.loads(self._stored.numpy())

    @property
    def epochs(self):
        """The number of finished epochs."""
        return len(self.history.get("loss", []))

    def epochs_of(self, phase):
        """The number of finished epochs of a phase."""
        return self.history.get("phase", []).count(phase)

    def record(self, **figures):
        """Add a finished epoch's figures to the history and store the state."""
        for name, value in figures.items():
            self.history.setdefault(name, []).append(value)
        self._stored.assign(json.dumps(self.history))
        if self._manager is not None:
            self._manager.save()


def fast_forward(batches, passes):
    """Read through `batches` as if for so many epochs, and do nothing with them.

    A dataset that shuffles draws another order at each pass. A training that goes on from a stored
    state repeats the passes made before, so that its next one is what it would have been.
    """
    for _ in range(passes):
        for _ in batches:
            pass
