"""What `check_image` passes, TensorFlow decodes: held by images that are damaged at random."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from malaria.given.cells.images import check_image
from malaria.given.runs.classifier import decode
from tests.course.png import header, png_of

IMAGES = 150  # in the suite: a few seconds; more by `count_overlooked(2000)`


def picture(rng):
    """A blob with noise, of some size."""
    side = rng.randrange(16, 72)
    noise = np.random.default_rng(rng.getrandbits(32))
    rows, columns = np.mgrid[:side, : side + 5] - side / 2
    inside = rows**2 + columns**2 < (side / 2.2) ** 2
    pixels = noise.integers(150, 220, (*inside.shape, 3)) * inside[..., None]
    return Image.fromarray(pixels.astype(np.uint8))


def sound_image(rng):
    """The bytes of a PNG or a JPEG, in one of the ways in which they are written."""
    file = io.BytesIO()
    if rng.random() < 0.5:
        picture(rng).save(file, "PNG", compress_level=rng.randrange(10))
    else:
        picture(rng).save(
            file,
            "JPEG",
            quality=rng.randrange(20, 96),
            subsampling=rng.randrange(3),
            progressive=rng.random() < 0.5,
            restart_marker_rows=rng.randrange(2),
        )
    return file.getvalue()


def chunks_of(data):
    """The kind and the content of each chunk of a sound PNG."""
    place, found = 8, []
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        found.append((kind, data[place + 8 : place + 8 + length]))
        place += length + 12
    return found


def flipped(data, rng):
    """With 1 to 8 bits turned round."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 9) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data, rng):
    """Without its end: a few bytes, or many."""
    return data[: -rng.choice([1, 2, 4, 10, 12, 16, rng.randrange(1, len(data))])]


def hole(data, rng):
    """With a run of zeros, as a bad disk leaves it."""
    start, length = rng.randrange(len(data)), rng.randrange(1, 200)
    return (data[:start] + bytes(length) + data[start + length :])[: len(data)]


def gap(data, rng):
    """With some bytes missing in the middle."""
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 40) :]


def ended(data, rng):
    """Cut, and closed as if it were whole."""
    end = data[-12:] if data[1:4] == b"PNG" else b"\xff\xd9"
    return data[: rng.randrange(20, len(data))] + end


def reordered(data, rng):
    """A PNG with a chunk left out, doubled or moved; a JPEG with two stretches exchanged."""
    if data[1:4] != b"PNG":
        one, two = sorted(rng.randrange(2, len(data)) for _ in range(2))
        return data[:one] + data[two:] + data[one:two]
    chunks = chunks_of(data)
    place = rng.randrange(len(chunks))
    taken = chunks.pop(place)
    for _ in range(rng.randrange(3)):
        chunks.insert(rng.randrange(len(chunks) + 1), taken)
    return png_of(chunks)


def checked(data, rng):
    """A PNG that was damaged before its checksums were made; of a JPEG the head, not the pixels."""
    if data[1:4] != b"PNG":
        head = data.index(b"\xff\xda") + 12
        return data[:2] + flipped(data[2:head], rng) + data[head:]
    chunks = chunks_of(data)
    place = rng.randrange(len(chunks))
    kind, content = chunks[place]
    if rng.random() < 0.3:
        kind = flipped(kind, rng)
    else:
        content = flipped(content, rng)
    chunks[place] = kind, content
    return png_of(chunks)


DAMAGES = (flipped, cut, hole, gap, ended, reordered, checked)


def decodes(data):
    """Whether TensorFlow, as in lesson 2 and in the saved model, makes an image of these bytes."""
    try:
        decode(tf.constant(data), 16)
    except tf.errors.OpError:
        return False
    return True


def count_overlooked(count, seed=0, folder="."):
    """Damage some images, and count what becomes of them.

    Returns:
        A dict from (whether `check_image` passes it, whether TensorFlow decodes it) to the damages
        and bytes that led there.
    """
    rng = random.Random(seed)
    found = {(ours, theirs): [] for ours in (True, False) for theirs in (True, False)}
    for number in range(count):
        data, damage = sound_image(rng), DAMAGES[number % len(DAMAGES)]
        data = damage(data, rng)
        path = f"{folder}/damaged.png"
        with open(path, "wb") as file:
            file.write(data)
        found[check_image(path) is None, decodes(data)].append((damage.__name__, data))
    return found


def test_no_damaged_image_passes_that_tensorflow_refuses(tmp_path):
    """One such file would end the command for all the others."""
    found = count_overlooked(IMAGES, folder=tmp_path)
    assert [name for name, _ in found[True, False]] == []
    assert len(found[False, False]) > IMAGES / 3  # the damages are worth the name


def test_every_sound_image_passes(tmp_path):
    """In all the ways in which they are written."""
    rng, path = random.Random(1), tmp_path / "sound.png"
    for _ in range(40):
        path.write_bytes(sound_image(rng))
        assert check_image(path) is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_missing_end_is_named(tmp_path, kind):
    """Pillow reads no further than the last pixel; the rest may be missing, or be wrong."""
    file, path = io.BytesIO(), tmp_path / "cell.png"
    picture(random.Random(2)).save(file, kind)
    data = file.getvalue()
    for missing in (1, 2, 4, 8, 10, 12, 16):
        path.write_bytes(data[:-missing])
        assert "is cut short" in check_image(path), missing


def test_a_wrong_checksum_is_named(tmp_path):
    """Also of a part that most readers leave out."""
    chunks = chunks_of(sound_png())
    chunks.insert(1, (b"tEXt", b"Comment\0a cell"))
    data, path = png_of(chunks), tmp_path / "cell.png"
    path.write_bytes(data)
    assert check_image(path) is None
    path.write_bytes(data.replace(b"a cell", b"a bell"))
    assert "checksum is wrong (tEXt)" in check_image(path)


@pytest.mark.parametrize("interlaced", [0, 1])
def test_missing_rows_are_named(tmp_path, interlaced):
    """All checksums are right, and the data ends as data should; there is too little of it."""
    width, height = 11, 13
    sizes = [(width, height)]
    if interlaced:  # by hand: how many of the pixels are in each of the seven passes
        sizes = [(2, 2), (1, 2), (3, 2), (3, 4), (6, 3), (5, 7), (11, 6)]
    assert sum(columns * rows for columns, rows in sizes) == width * height
    rows = b"".join((b"\0" + b"\x77" * 3 * columns) * rows for columns, rows in sizes)
    first = header(width, height, interlaced=interlaced)
    path = tmp_path / "cell.png"
    for data, sound in ((rows, True), (rows[:-1], False)):
        chunks = [first, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
        path.write_bytes(png_of(chunks))
        assert decodes(path.read_bytes()) == sound
        assert (check_image(path) is None) == sound
    assert "fewer pixels than it says" in check_image(path)


def sound_png():
    """The bytes of a PNG."""
    file = io.BytesIO()
    picture(random.Random(3)).save(file, "PNG")
    return file.getvalue()
