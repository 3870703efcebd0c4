"""A trained classifier as a file: exported so that plain TensorFlow loads it, and loaded here.

An exported classifier is a TensorFlow SavedModel with three signatures:

    serving_default   files `(B,)`, the bytes of PNG or JPEG files   -> probability `(B,)`
    images            images `(B, S, S, 3)`, float32 in [0, 1]       -> probability `(B,)`
    saliency          images `(B, S, S, 3)`, float32 in [0, 1]       -> saliency `(B, S, S)`

`tf.saved_model.load(folder).signatures["serving_default"]` needs nothing of this package.
"""

import numpy as np
import tensorflow as tf

from malaria.given.system.whole import whole_folder

BATCH = 64  # images at once; three feature maps of the first block then take 100 MB


def decode(data, image_size):
    """The bytes of a PNG or JPEG file to an image `(S, S, 3)`, float32 in [0, 1], as lesson 2."""
    image = tf.image.convert_image_dtype(tf.io.decode_png(data, channels=3), tf.float32)
    image = tf.image.resize(image, (image_size, image_size), method="bilinear", antialias=True)
    return tf.ensure_shape(image, (image_size, image_size, 3))


def export_classifier(folder, model, classify, saliency, image_size):
    """Write a classifier as a SavedModel, whole or not at all.

    Args:
        folder: Where to write, a `pathlib.Path`; replaced if it is there.
        model: The `tf.Module` that holds the weights.
        classify: A function from images `(B, S, S, 3)` to P(parasitized), `(B,)`.
        saliency: A function from images to maps, `(B, S, S)`.
        image_size: The side S of the images, in pixels.
    """
    images_spec = tf.TensorSpec((None, image_size, image_size, 3), tf.float32, name="images")
    files_spec = tf.TensorSpec((None,), tf.string, name="files")
    exported = tf.Module()
    exported.model = model

    @tf.function(input_signature=[images_spec])
    def from_images(images):
        return {"probability": classify(images)}

    @tf.function(input_signature=[files_spec])
    def from_files(files):
        spec = tf.TensorSpec((image_size, image_size, 3), tf.float32)
        images = tf.map_fn(lambda f: decode(f, image_size), files, fn_output_signature=spec)
        return from_images(images)

    @tf.function(input_signature=[images_spec])
    def maps(images):
        return {"saliency": saliency(images)}

    signatures = {"serving_default": from_files, "images": from_images, "saliency": maps}
    with whole_folder(folder) as unfinished:
        tf.saved_model.save(exported, str(unfinished), signatures=signatures)


class Classifier:
    """An exported classifier, loaded.

    Attributes:
        image_size: The side S of the images that it looks at, in pixels.
    """

    def __init__(self, folder):
        """Load the SavedModel in `folder`.

        Raises:
            ValueError: There is no classifier of this course in the folder.
        """
        try:
            # Kept, because the signatures do not keep their own weights alive.
            self._loaded = tf.saved_model.load(str(folder))
            self._images = self._loaded.signatures["images"]
            self._saliency = self._loaded.signatures["saliency"]
            specs = self._images.structured_input_signature[1]
            self.image_size = specs["images"].shape[1]
        except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
            raise ValueError(f"{folder} holds no classifier that `malaria train` made.") from error

    def _batches(self, paths):
        """The images of some files, decoded on every core, in order."""
        files = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
        return files.map(
            lambda path: decode(tf.io.read_file(path), self.image_size),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).batch(BATCH)

    def probabilities(self, paths, progress=lambda batches: batches):
        """P(parasitized) for each file of a list, `(N,)` float32. The files must be sound."""
        if not paths:
            return np.zeros(0, np.float32)
        batches = progress(self._batches(paths))
        return np.concatenate([self._images(images=b)["probability"].numpy() for b in batches])

    def saliency(self, paths):
        """Yield `(image, map)` for each file: float32 `(S, S, 3)` in [0, 1] and `(S, S)`.

        They come batch by batch, so that the pictures need not all be in memory.
        """
        for batch in self._batches(paths):
            maps = self._saliency(images=batch)["saliency"]
            yield from zip(batch.numpy(), maps.numpy(), strict=True)
