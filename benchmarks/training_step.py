"""The training step against Keras `fit`: same network, data and machine, in one run.

    pip install --editable ".[benchmark]"
    python benchmarks/training_step.py

Ours and Keras's epochs take turns, so that a slow spell of the machine strikes both; trust the
ratios more than the images a second.
"""

import argparse
import statistics
import time

import malaria

malaria.use_modules("solutions")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from malaria.cnn_model import CNN  # noqa: E402
from malaria.gradient_tape import Adam  # noqa: E402
from malaria.model_training import make_train_step, variables_to_train  # noqa: E402

SIZE, BATCH = 64, 64


def our_epoch(phase, data):
    """A function that trains one phase of our network for an epoch."""
    model = CNN(SIZE)
    step = make_train_step(model, phase, Adam(variables_to_train(model, phase)))

    def epoch():
        for images, labels in data:
            step(images, labels)

    return epoch


def keras_epoch(phase, data):
    """The same network, optimizer and clipping, trained by Keras's `fit`."""
    images = keras.Input((SIZE, SIZE, 3))
    x = images
    for filters in (32, 64, 128, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-3)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPool2D(2)(x)
    pooled = keras.layers.GlobalMaxPool2D()(x), keras.layers.GlobalAveragePooling2D()(x)
    base = keras.Model(images, keras.layers.Concatenate()(pooled))
    base.trainable = phase == "whole"
    head = [
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential([base, *head])
    model.compile(
        keras.optimizers.Adam(1e-3, global_clipnorm=5.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return lambda: model.fit(data, epochs=1, verbose=0, shuffle=False)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="epochs timed of each; default: 7")
    parser.add_argument("--batches", type=int, default=20, help="batches an epoch; default: 20")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    images = rng.random((BATCH * arguments.batches, SIZE, SIZE, 3), np.float32)
    labels = rng.integers(0, 2, len(images)).astype(np.int32)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH).cache().prefetch(2)

    epochs = {
        (phase, who): make(phase, data)
        for phase in ("whole", "head")
        for who, make in (("ours", our_epoch), ("Keras", keras_epoch))
    }
    seconds = {key: [] for key in epochs}
    for turn in range(arguments.rounds + 1):
        for key, epoch in epochs.items():
            start = time.perf_counter()
            epoch()
            if turn > 0:  # the first one traces
                seconds[key].append(time.perf_counter() - start)

    print(f"{'images a second':18}{'ours':>8}{'Keras':>8}   ours / Keras, median (min-max)")
    for phase in ("whole", "head"):
        ours, theirs = seconds[phase, "ours"], seconds[phase, "Keras"]
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        speeds = [len(images) / statistics.median(times) for times in (ours, theirs)]
        print(
            f"{phase:18}{speeds[0]:8.0f}{speeds[1]:8.0f}   "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        )
    gains = [a / b for a, b in zip(seconds["whole", "ours"], seconds["head", "ours"], strict=True)]
    print(f"our head phase is {statistics.median(gains):.1f} times as fast as the whole network")


if __name__ == "__main__":
    main()
