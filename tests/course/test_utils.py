"""Reading: which files count as cells, which are refused; and the pictures."""

import os
import zlib
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from malaria import utils
from tests.course.png import header, png_of, write_promise

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def no_open_figures():
    """matplotlib keeps every figure until it is closed."""
    yield
    plt.close("all")


def cell(width=40, height=40, mode="RGB"):
    """An image of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def write_16_bit_rgb(path):
    """A sound PNG of 16 bits a channel."""
    pixels = zlib.compress((b"\0" + b"\x12\x34" * 48) * 16)
    path.write_bytes(png_of([header(16, 16, bits=16), (b"IDAT", pixels), (b"IEND", b"")]))


BAD = {
    "text": (lambda path: path.write_text("no image"), "is not a PNG or JPEG image"),
    "empty": (lambda path: path.write_bytes(b""), "is not a PNG or JPEG image"),
    "gif": (lambda path: cell().save(path, "GIF"), "is not a PNG or JPEG image"),
    "16 bit grey": (lambda path: Image.new("I;16", (40, 40)).save(path), "16 bits"),
    "16 bit colour": (write_16_bit_rgb, "16 bits"),
    "palette": (lambda path: cell(mode="P").save(path), "a palette"),
    "grey": (lambda path: cell(mode="L").save(path), "grey only"),
    "two colours": (lambda path: cell(mode="1").save(path), "black and white only"),
    "alpha": (lambda path: cell(mode="RGBA").save(path), "an alpha channel"),
    "dot": (lambda path: cell(1, 1).save(path), "1 x 1 pixels, too small"),
    "line": (lambda path: cell(500, 3).save(path), "500 x 3 pixels, too small"),
    "large": (lambda path: write_promise(path, 20_000), "larger than 4096 x 4096"),
    "above the limit": (lambda path: write_promise(path, 5_000), "5000 x 5000 pixels, too large"),
    "folder": (lambda path: path.mkdir(), "is not a file"),
    "missing": (lambda path: None, "does not exist"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_image_is_refused_in_one_sentence(tmp_path, kind):
    """The sentence begins with the path, says what is the matter, and is one line."""
    write, reason = BAD[kind]
    path = tmp_path / "a cell.png"
    write(path)
    sentence = utils.check_image(path)
    assert sentence.startswith(f"{path} ")
    assert reason in sentence
    assert "\n" not in sentence


def test_a_file_cut_anywhere_is_refused(tmp_path):
    """A broken download may end at any byte."""
    whole = tmp_path / "whole.png"
    cell().save(whole)
    assert utils.check_image(whole) is None
    data = whole.read_bytes()
    for length in range(1, len(data) - 16, 97):  # the last 16 bytes hold no pixels
        (tmp_path / "cut.png").write_bytes(data[:length])
        assert utils.check_image(tmp_path / "cut.png") is not None, length


def test_jpeg_is_welcome(tmp_path):
    """A picture of one's own is often one."""
    cell().save(tmp_path / "cell.jpg")
    assert utils.check_image(str(tmp_path / "cell.jpg")) is None


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_an_unreadable_file_is_refused(tmp_path):
    """Root may read everything, so the refusal is made rather than provoked there."""
    path = tmp_path / "cell.png"
    cell().save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "permission denied" in utils.check_image(path)


def test_many_images_are_checked_in_their_order(tmp_path):
    """Only the bad ones come back, each with its sentence."""
    paths = []
    for k in range(6):
        paths.append(tmp_path / f"{k}.png")
        cell(mode="L" if k % 2 else "RGB").save(paths[-1])
    assert list(utils.check_images(paths)) == paths[1::2]


def test_find_cells_passes_over_what_is_not_an_image(tmp_path):
    """Thumbs.db lies in the real set; hidden files are left by many systems."""
    for name in ("Parasitized", "Uninfected"):
        (tmp_path / name).mkdir()
        for file in ("C1_cell_2.png", "C1_cell_1.PNG", "C1_cell_3.jpeg"):
            cell().save(tmp_path / name / file, "PNG")
        for file in ("Thumbs.db", ".hidden.png", "SOURCE.txt"):
            (tmp_path / name / file).write_bytes(b"")
    paths, labels = utils.find_cells(tmp_path)
    assert [os.path.basename(path) for path in paths[:3]] == [
        "C1_cell_1.PNG",
        "C1_cell_2.png",
        "C1_cell_3.jpeg",
    ]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert labels.dtype == np.int32


def test_find_cells_says_what_is_missing(tmp_path):
    """No folder, no class, no image."""
    with pytest.raises(FileNotFoundError, match="no folder"):
        utils.find_cells(tmp_path / "nowhere")
    (tmp_path / "Uninfected").mkdir()
    cell().save(tmp_path / "Uninfected" / "C1.png")
    with pytest.raises(FileNotFoundError, match="no folder Parasitized"):
        utils.find_cells(tmp_path)
    (tmp_path / "Parasitized").mkdir()
    with pytest.raises(ValueError, match="Parasitized is empty"):
        utils.find_cells(tmp_path)


def test_overlay_tints_where_the_map_is_strong():
    """And nowhere else; a map of zeros tints nothing; a smaller map is enlarged."""
    image = np.full((40, 30, 3), 100, np.uint8)
    saliency = np.zeros((40, 30))
    saliency[20:, :] = 1
    tinted = utils.overlay(image, saliency)
    assert tinted.dtype == np.uint8
    assert tinted.shape == image.shape
    assert tinted[35, 15].tolist() == [255, 210, 0]
    assert tinted[2, 15].tolist() == [80, 80, 80]
    assert (utils.overlay(image / 255, np.zeros((5, 5))) == 80).all()


RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 40)
IMAGES = RNG.random((3, 9, 8, 3))
PATIENTS = [f"C{k % 7}" for k in range(40)]
SETS = {"train": np.arange(30), "val": np.arange(30, 40), "test": np.array([], int)}
HISTORY = {"phase": ["whole", "head"], "loss": [2.0, 1], "val_loss": [2.0, float("nan")]}
HISTORY |= {"val_accuracy": [0.5, 0.6], "val_auc": [0.5, float("nan")]}
SHORT = {"phase": ["whole"], "loss": [1.0], "val_loss": [1.0]}
KERNELS = RNG.normal(size=(3, 3, 3, 4))
ANSWERS = RNG.random((3, 5, 4, 4))
LINES = {"a": [1, 2, 3], "b": [3, 2, 1]}


def loop_of(numbers):
    """The graph of three rounds of `sin(x) + 1`, as lesson 4 draws it."""
    import tensorflow as tf

    def rounds(x):
        for _ in numbers(tf)(3):
            x = tf.sin(x) + 1
        return x

    return tf.function(rounds).get_concrete_function(tf.TensorSpec((), tf.float32)).graph


def graphs():
    """Three copies above one loop."""
    copies, loop = loop_of(lambda tf: range), loop_of(lambda tf: tf.range)
    return utils.plot_graphs({"copies": copies, "loop": loop})


PICTURES = {
    "graphs": graphs,
    "split, one set empty": lambda: utils.plot_split(PATIENTS, LABELS, SETS),
    "history": lambda: utils.plot_history(HISTORY),
    "history of one epoch": lambda: utils.plot_history(SHORT),
    "history beside others": lambda: utils.plot_history(HISTORY, {"a": HISTORY, "b": SHORT}),
    "ROC": lambda: utils.plot_roc(LABELS, {"a": np.arange(40), "b": np.zeros(40)}),
    "ROC with a threshold": lambda: utils.plot_roc(LABELS, {"a": np.arange(40)}, {"a": 20}),
    "accuracies": lambda: utils.plot_accuracies({("a", "x"): [0.5, 0.6], ("a", "y"): [0.5]}),
    "cuts": lambda: utils.plot_cuts([0.2, 0.5], [0.5, 0.9], 0.2, 0.5, 0.03, 0.05),
    "patients": lambda: utils.plot_patients("abc", {"x": [0, 1, 1], "y": [1, 1, 0]}, [3, 2, 9]),
    "forty patients": lambda: utils.plot_patients(PATIENTS, {"x": range(40)}, range(40)),
    "reliability": lambda: utils.plot_reliability(RNG.random(40), {"a": LABELS, "b": LABELS > 0}),
    "reliability of sure answers": lambda: utils.plot_reliability([0, 1.0], {"a": [0, 1]}),
    "confusion": lambda: utils.plot_confusion(LABELS, LABELS),
    "cells in rows": lambda: utils.show_cells(IMAGES, titles=["a", "b", "c"], columns=2),
    "ringed cells": lambda: utils.show_cells(IMAGES, row_names=["a"], rings=[None, (4, 2), None]),
    "one cell": lambda: utils.show_cells(IMAGES[:1]),
    "grey cells": lambda: utils.show_cells(IMAGES[..., 0], size=2),
    "lines": lambda: utils.plot_lines(LINES, "step", "loss", yscale="log"),
    "a long line": lambda: utils.plot_lines({"a": range(99)}, "step", "loss", x=range(1, 100)),
    "paths": lambda: utils.plot_paths({"a": [(2, 1), (1, 1)], "b": [(1, 2)]}, "x", "y", np.hypot),
    "arrows": lambda: utils.plot_arrows({"a": (2, 1), "b": (1, 1)}, "east", "north", 1),
    "a chain": lambda: utils.plot_chain(["add", "square"], ["x ()", "y ()", "z ()"], ["b", ""]),
    "bars": lambda: utils.plot_bars({"ours": 3.0, "theirs": 1.0}, "milliseconds"),
    "bars in parts": lambda: utils.plot_parts({"first": {"a": 1, "b": 2}, "later": {"b": 2}}, "ms"),
    "maps": lambda: utils.show_maps({"a": [[[1.0, -2.0]]], "b": [[[0.0, 3.0]]]}, ["x"]),
    "maps beside an image": lambda: utils.show_maps({"a": [[[1.0]]]}, ["i", "x"], IMAGES[0]),
    "a convolution": lambda: utils.draw_convolution(
        np.ones((3, 4, 2), int), np.ones((2, 2, 2), int), [[8, 8]], (0, 1), 2, ((0, 1), (0, 0))
    ),
    "a network": lambda: utils.draw_network(
        [("", (8, 8, 3)), ("block", (4, 4, 6)), ("dense", (2,))], {"base": (1, 1), "head": (2, 2)}
    ),
    "filters": lambda: utils.show_filters(KERNELS),
    "filters and answers": lambda: utils.show_filters(KERNELS, IMAGES, ANSWERS, ["a", "b", "c"]),
    "channels": lambda: utils.show_channels(
        IMAGES, {"a": ANSWERS[..., 0], "b": 0 * IMAGES[..., 0]}
    ),
    "fields": lambda: utils.show_fields(IMAGES[0], {"block 1": (2, 3, 4, 4), "2": (0, 0, 9, 8)}),
    "saliency": lambda: utils.show_saliency(IMAGES, IMAGES[..., 0]),
}


def blocks_of(features, channels):
    """What `block_outputs` finds of a model with these features, for two images of 8 x 8 pixels."""
    images = np.random.default_rng(1).random((2, 8, 8, 3)).astype(np.float32)
    return images, utils.block_outputs(SimpleNamespace(features=features), images, channels)


def two_blocks(images, training):
    """Two blocks without weights: one ends with ReLU, the other with a maximum over squares."""
    import tensorflow as tf

    assert training is False
    x = tf.nn.relu(tf.nn.max_pool2d(tf.concat([images, -images], -1), 2, 2, "VALID"))
    x = tf.pad(x, [(0, 0), (0, 0), (0, 0), (0, 6)])
    x = tf.reduce_max(tf.reshape(x, (-1, 2, 2, 2, 2, 12)), axis=(2, 4))
    return tf.reshape(x, (tf.shape(x)[0], -1))


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "compiled"])
def test_the_outputs_of_blocks_are_found_however_they_are_made(wrapped):
    """Each is what the block passes on in the end, after pooling and ReLU."""
    import tensorflow as tf

    images, (first, second) = blocks_of(tf.function(two_blocks) if wrapped else two_blocks, (6, 12))
    both = np.concatenate([images, -images], -1).reshape(2, 4, 2, 4, 2, 6).max((2, 4))
    assert (first == np.maximum(both, 0)).all()
    assert second.shape == (2, 2, 2, 12)
    assert (second.reshape(2, -1) == two_blocks(images, False).numpy()).all()
    assert not tf.config.functions_run_eagerly()


def test_outputs_that_no_block_has_are_refused():
    """The channels are not those of the network."""
    with pytest.raises(ValueError, match=r"an output of shape \[2, 4, 4, 7\]"):
        blocks_of(two_blocks, (7, 12))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_can_be_drawn(kind):
    """matplotlib finds many a mistake only when it draws, so every picture is drawn."""
    PICTURES[kind]().canvas.draw()


def test_the_answers_of_a_filter_share_a_scale():
    """Cells can be compared below each filter; a filter is grey where its weights are 0."""
    kernels = np.zeros((1, 2, 3, 1))
    kernels[0, 1] = [[4], [0], [-2]]
    answers = np.array([1.0, 5]).reshape(2, 1, 1, 1)
    axes = np.reshape(utils.show_filters(kernels, IMAGES[:2], answers).axes, (3, 2))
    shown = np.asarray(axes[0, 1].images[0].get_array())
    assert shown.tolist() == [[[0.5, 0.5, 0.5], [1, 0.5, 0.25]]]
    assert [axis.images[0].get_clim() for axis in axes[1:, 1]] == [(0, 5)] * 2
    assert not axes[0, 0].images


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([KERNELS[:, :, :2]], r"the shape \(h, w, 3, F\), not \(3, 3, 2, 4\)"),
        ([KERNELS, IMAGES, ANSWERS[:2]], r"shape \(3, H, W, 4\), not \(2, 5, 4, 4\)"),
        ([KERNELS, IMAGES, ANSWERS[..., :3]], r"shape \(3, H, W, 4\), not \(3, 5, 4, 3\)"),
        ([KERNELS, IMAGES], r"shape \(3, H, W, 4\), not \(0,\)"),
    ],
    ids=["two colours", "a cell short", "a filter short", "no answers"],
)
def test_filters_without_their_answers_are_refused(arguments, sentence):
    """A map beside the wrong filter or cell would be worse than none."""
    with pytest.raises(ValueError, match=sentence):
        utils.show_filters(*arguments)
    assert not plt.get_fignums()


def test_the_maps_of_a_channel_share_a_scale():
    """A map that is missing is refused: the others would stand beside the wrong cells."""
    maps = {"a": np.array([1.0, 5]).reshape(2, 1, 1), "b": np.zeros((2, 4, 4))}
    axes = np.reshape(utils.show_channels(IMAGES[:2], maps).axes, (2, 3))
    limits = [[axis.images[0].get_clim() for axis in line] for line in axes[:, 1:]]
    assert limits == [[(0, 5), (0, 1)]] * 2
    plt.close("all")
    with pytest.raises(ValueError, match=r"shape \(3, H, W\), not \(2, 1, 1\): 'a'"):
        utils.show_channels(IMAGES, maps)
    assert not plt.get_fignums()


def test_a_field_frames_whole_pixels():
    """Pixel (2, 3) is drawn from 1.5 to 2.5 and from 2.5 to 3.5."""
    (axis,) = utils.show_fields(IMAGES[0], {"block 1": (2, 3, 4, 5)}).axes
    white, orange = axis.patches
    assert white.get_bbox().bounds == orange.get_bbox().bounds == (2.5, 1.5, 5, 4)
    assert axis.get_title() == "block 1: 4 \N{MULTIPLICATION SIGN} 5 pixels"


def test_a_graph_is_drawn_with_the_body_of_its_loop():
    """Three copies of a sine; one While, its counting in one box; one sine in its body."""
    axes = graphs().axes
    drawn = [sorted(text.get_text() for text in axis.texts if text.get_text()) for axis in axes]
    assert drawn == [
        sorted(["x", *["sin", "1.0", "+"] * 3, "identity"]),
        sorted(["x", "how often:\n15 operations", "While", "identity"]),
        sorted(["x", "sin", "1.0", "+", "identity"]),
    ]
    titles = [axis.get_title(loc="left") for axis in axes]
    assert titles == ["copies, 11 operations", "loop, 18 operations", "the body of the loop, once"]


def test_an_error_is_told_without_folders():
    """And a call that raises nothing is an error itself; an unwritten exercise is not told."""
    told = utils.error_of(compile, "1 +", "here.py", "exec")
    assert told.startswith("SyntaxError: ")

    def fail():
        raise ValueError('File "/any/a/b/module.py", line 1\n  File "/any/c/123.py", line 2')

    assert utils.error_of(fail) == ('ValueError: File "module.py", line 1\n  In this cell, line 2')
    with pytest.raises(AssertionError, match="raised none"):
        utils.error_of(len, "ab")
    with pytest.raises(NotImplementedError):
        utils.error_of(unwritten)


def unwritten():
    """As a stub."""
    raise NotImplementedError("Exercise 4.1: ...")


def test_the_split_has_a_part_for_every_set():
    """An empty set has one too: that it is empty is what the picture is there to show."""
    titles = [axis.get_title() for axis in utils.plot_split(PATIENTS, LABELS, SETS).axes]
    assert [title.split("\n")[:2] for title in titles] == [
        ["train", "30 cells"],
        ["val", "10 cells"],
        ["test", "0 cells"],
    ]


def test_the_history_marks_where_the_head_begins():
    """Only if there were two phases: a run that ended in the first has no boundary."""
    marked = [text.get_text() for text in utils.plot_history(HISTORY).axes[0].texts]
    assert marked == ["head only"]
    assert not utils.plot_history(SHORT).axes[0].texts


def test_the_thresholds_in_use_are_marked_on_the_curve():
    """Of four uninfected and four parasitized cells, one each is on the wrong side of 2.5."""
    values = [0, 1, 2, 3, 2, 3, 4, 5]
    lines = utils.plot_roc([0] * 4 + [1] * 4, {"a": values}, {"a": 2.5}).axes[0].lines
    (mark,) = [line for line in lines if line.get_label() == "at the threshold 2.5"]
    assert np.array(mark.get_data()).ravel().tolist() == [0.25, 0.75]


FIVE = {name: [(0, 0), (1, 1)] for name in "abcde"}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: utils.plot_lines(FIVE, "step", "loss"),
        lambda: utils.plot_paths(FIVE, "east", "north", np.hypot),
        lambda: utils.plot_arrows(FIVE, "east", "north", 1),
        lambda: utils.plot_roc([0, 1], FIVE),
        lambda: utils.plot_parts({"a bar": dict.fromkeys(FIVE, 1)}, "ms"),
    ],
    ids=["lines", "paths", "arrows", "ROC", "parts"],
)
def test_a_fifth_line_is_refused(draw):
    """There are four styles; a line that is left out unnoticed would be worse than no picture."""
    with pytest.raises(ValueError, match=r"at most 4 lines .* not 5: a, b, c, d, e"):
        draw()
    assert not plt.get_fignums()


def test_four_lines_are_all_drawn():
    """As many as there are styles, each in its own."""
    four = {name: [1, 2] for name in "abcd"}
    lines = utils.plot_lines(four, "step", "loss").axes[0].lines
    assert [line.get_label() for line in lines] == list("abcd")
    assert len({(line.get_linestyle(), line.get_color()) for line in lines}) == 4


def test_a_reliability_diagram_counts_every_cell():
    """In its lower part; the upper one has a mark for each bin with cells."""
    above, below = utils.plot_reliability([0.05, 0.5, 0.55, 1.0], {"a": [0, 1, 0, 1]}).axes
    assert [bar.get_height() for bar in below.patches] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    _, line, few = above.lines
    marks = np.array(line.get_data()).T.round(6)
    assert np.array(few.get_data()).T.round(6).tolist() == marks.tolist()
    assert marks.tolist() == [[0.05, 0], [0.525, 0.5], [1, 1]]


def test_milliseconds_is_the_best_of_some_runs():
    """On a clock of our own: the runs take 5, 1 and 2 seconds."""
    times = iter((0, 5, 5, 6, 6, 8))
    calls = []
    assert utils.milliseconds(lambda: calls.append(1), 3, clock=lambda: next(times)) == 1000
    assert len(calls) == 3
