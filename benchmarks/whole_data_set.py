"""Reading as many cells as the NIH set has: peak memory, and how far the cores are used.

    python benchmarks/whole_data_set.py

27,558 files stand in for the real ones: the practice cells under many names (hard links), split and
read as `malaria train` does. Linux and macOS.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import malaria

malaria.use_modules("solutions")

import tensorflow as tf  # noqa: E402

from malaria import utils  # noqa: E402
from malaria.data_preprocessing import make_dataset, read_image  # noqa: E402

CELLS, SIZE, BATCH = 27_558, 64, 64
MIB = 2**20 if sys.platform == "darwin" else 2**10  # units of ru_maxrss in a MiB


def peak():
    """The most memory that this process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def many_files(folder):
    """27,558 links to the practice cells, and their labels."""
    paths, labels = utils.find_cells(utils.practice_cells())
    links = []
    for i in range(CELLS):
        link = folder / f"{i}.png"
        os.link(paths[i % len(paths)], link)
        links.append(str(link))
    return links, [int(labels[i % len(labels)]) for i in range(CELLS)]


def seconds_to_read(paths, threads):
    """How long it takes to read and resize the files on so many threads."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    files = tf.data.Dataset.from_tensor_slices(paths).with_options(options)
    dataset = files.map(lambda path: read_image(path, SIZE), num_parallel_calls=threads)
    start = time.perf_counter()
    for _ in dataset.batch(BATCH):
        pass
    return time.perf_counter() - start


def main():
    """Print the figures."""
    folder = malaria.PROJECT / "data"  # hard links do not cross file systems
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        paths, labels = many_files(Path(temporary))
        print(f"TensorFlow alone: {peak():.0f} MiB")
        cores = os.cpu_count()
        one, all_cores = (seconds_to_read(paths[:6000], threads) for threads in (1, cores))
        print(f"reading 6,000 files: 1 thread {6000 / one:.0f} a second,", end=" ")
        print(f"{cores} threads {6000 / all_cores:.0f} a second, {one / all_cores:.2f} times")

        val, train = CELLS // 5, CELLS // 5 * 3
        val_set = make_dataset(paths[:val], labels[:val], SIZE, BATCH, False, 0).cache()
        train_rows = slice(val, val + train)
        train_set = make_dataset(paths[train_rows], labels[train_rows], SIZE, BATCH, True, 0)
        test_rows = slice(val + train, None)
        test_set = make_dataset(paths[test_rows], labels[test_rows], SIZE, BATCH, False, 0)
        start = time.perf_counter()
        for dataset in (train_set, val_set, train_set, val_set, test_set):
            for _ in dataset:
                pass
        print(f"two epochs and the test set, all {CELLS} files, without a network:", end=" ")
        print(f"{time.perf_counter() - start:.0f} s, peak {peak():.0f} MiB")


if __name__ == "__main__":
    main()
