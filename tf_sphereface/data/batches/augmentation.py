"""Augmentation of training faces: presets by name, and any Keras layer.

Everything here works on float32 (batch, height, width, 3), RGB, 0..255, between the
mirror and the pixel contract's normalisation.
"""

import inspect
from collections.abc import Callable

import keras
import tensorflow as tf

from tf_sphereface.errors import InputError

_SHIFT = 4  # pixels
_CUTOUT_SHARE = (0.1, 0.4)  # of height and width
_CUTOUT_RATE, _COLOUR_RATE, _GREY_RATE, _SMALL_RATE, _BLUR_RATE = (
    0.5,
    0.5,
    0.1,
    0.2,
    0.2,
)
_BRIGHTNESS, _CONTRAST, _HUE = 0.15, 0.3, 0.02
_SATURATION = (0.4, 0.6)  # keras-cv's scale: 0 is grey, 0.5 changes nothing
_GREATEST_REDUCTION = 4.0
_BLUR_PIXELS, _BLUR_SIGMA = 7, (0.3, 1.5)


def preset(name: str) -> tuple[bool, "StrongAugmentation | None"]:
    """Augmentation of a name in a recipe.

    Args:
        name: "none"; "paper", the mirror alone; or "strong", the mirror and
            `StrongAugmentation`.

    Returns: `mirrored` and `augmentation` of `training_batches`.
    Raises: InputError if the name is another, or "strong" is asked for without
        keras-cv.
    """
    if name not in ("none", "paper", "strong"):
        raise InputError(
            f'augmentation must be "none", "paper" or "strong". Received: {name!r}'
        )
    return name != "none", StrongAugmentation() if name == "strong" else None


class StrongAugmentation:
    """For faces from cameras in the wild; each step changes some faces of a batch.

    Shift by up to 4 pixels (all faces); colour: brightness, contrast, saturation, hue
    (half); grey (a tenth); low resolution, down to a quarter (a fifth); Gaussian blur
    (a fifth); cutout of 10 to 40 % of height and width (half), filled with mid-grey.

    keras-cv's layers change the pixels. Their random numbers are drawn here, by seed
    and number of the batch: several of the layers do not heed their `seed`, and none
    gives the same batches when batches are made in parallel.

    Raises: InputError if keras-cv is missing.
    """

    def __init__(self):
        try:
            from keras_cv import layers
        except ImportError as error:
            raise InputError(
                'augmentation "strong" needs keras-cv: '
                "pip install 'tf-sphereface[augmentation]'"
            ) from error
        # Not in the policy's precision: half of it cannot count to 255.
        self._brightness = layers.RandomBrightness(0.0, dtype="float32")
        self._contrast = layers.RandomContrast((0, 255), 0.0, dtype="float32")
        self._saturation = layers.RandomSaturation(0.5, dtype="float32")
        self._hue = layers.RandomHue(0.0, (0, 255), dtype="float32")
        self._grey = layers.Grayscale(output_channels=3, dtype="float32")
        self._blur = layers.RandomGaussianBlur(_BLUR_PIXELS, 1.0, dtype="float32")
        self._cutout = layers.RandomCutout(0.1, 0.1, fill_value=127.5, dtype="float32")

    def __call__(self, faces: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Augments a batch; the seed is int64 (2,)."""
        draw = _Draws(seed)
        faces = _shift(faces, draw)
        for rate, step in (
            (_COLOUR_RATE, self._recolour),
            (_GREY_RATE, lambda some, draw: self._grey.augment_images(some)),
            (_SMALL_RATE, _reduce),
            (_BLUR_RATE, self._blurred),
            (_CUTOUT_RATE, self._cut_out),
        ):
            faces = _on_some(faces, rate, step, draw)
        return faces

    def _recolour(self, faces, draw):
        count = tf.shape(faces)[0]
        delta = 255 * draw((count, 1, 1, 1), -_BRIGHTNESS, _BRIGHTNESS)
        faces = self._brightness.augment_images(faces, transformations=delta)
        gain = draw((count, 1, 1, 1), 1 - _CONTRAST, 1 + _CONTRAST)
        faces = self._contrast.augment_images(faces, transformations=gain)
        saturation = draw((count,), *_SATURATION)
        faces = self._saturation.augment_images(faces, transformations=saturation)
        turn = draw((count,), -_HUE, _HUE)
        faces = self._hue.augment_images(faces, transformations=turn)
        return tf.clip_by_value(faces, 0.0, 255.0)

    def _blurred(self, faces, draw):
        sigmas = draw((tf.shape(faces)[0],), *_BLUR_SIGMA)

        def blurred(one):
            face, sigma = one
            kernel = self._blur.get_kernel(sigma, _BLUR_PIXELS)
            across = tf.reshape(kernel, (1, -1, 1, 1))
            down = tf.reshape(kernel, (-1, 1, 1, 1))
            # The layer pads with black, so that it gets a wider picture than it gives.
            edge = _BLUR_PIXELS // 2
            wide = tf.pad(face, [(edge, edge), (edge, edge), (0, 0)], "SYMMETRIC")
            wide = self._blur.augment_image(wide, transformation=(down, across))
            return wide[edge:-edge, edge:-edge]

        signature = tf.TensorSpec(faces.shape[1:], tf.float32)
        return tf.map_fn(blurred, (faces, sigmas), fn_output_signature=signature)

    def _cut_out(self, faces, draw):
        count = tf.shape(faces)[0]
        height, width = faces.shape[1:3]

        def pixels(size, low, high):
            return tf.cast(size * draw((count,), low, high), tf.int32)

        rectangles = {
            "centers_x": pixels(width, 0, 1),
            "centers_y": pixels(height, 0, 1),
            "rectangles_height": pixels(height, *_CUTOUT_SHARE),
            "rectangles_width": pixels(width, *_CUTOUT_SHARE),
        }
        return self._cutout.augment_images(faces, transformations=rectangles)


def keras_step(layer: keras.layers.Layer) -> Callable:
    """A preprocessing layer as a function of (faces, seed); it has its own seed."""
    training = "training" in inspect.signature(layer.call).parameters
    arguments = {"training": True} if training else {}
    return lambda faces, seed: tf.cast(layer(faces, **arguments), tf.float32)


class _Draws:
    """Uniform random numbers: each call gives others, the same seed gives the same."""

    def __init__(self, seed):
        self._seed, self._calls = seed, 0

    def __call__(self, shape, low, high):
        self._calls += 1
        seed = tf.random.fold_in(self._seed, self._calls)
        return tf.random.stateless_uniform(shape, seed, low, high)


def _on_some(faces, rate, step, draw):
    """Changes each face with some probability; the others cost nothing."""
    chosen = tf.where(draw((faces.shape[0],), 0.0, 1.0) < rate)
    some = tf.ensure_shape(tf.gather_nd(faces, chosen), (None, *faces.shape[1:]))

    def changed():
        return tf.tensor_scatter_nd_update(faces, chosen, step(some, draw))

    return tf.cond(tf.size(chosen) > 0, changed, lambda: faces)


def _shift(faces, draw):
    """Moves each face by whole pixels; the edge is repeated."""
    count, height, width, _ = faces.shape
    for axis, size in ((1, height), (2, width)):
        steps = tf.floor(draw((count, 1), -_SHIFT, _SHIFT + 1))
        places = tf.range(size)[None] + tf.cast(steps, tf.int32)
        places = tf.clip_by_value(places, 0, size - 1)
        if axis == 1:
            faces = tf.gather(faces, places, axis=1, batch_dims=1)
        else:
            # Columns of a row lie together: each row is gathered by the same places.
            faces = tf.gather(tf.transpose(faces, (0, 2, 1, 3)), places, batch_dims=1)
            faces = tf.transpose(faces, (0, 2, 1, 3))
    return faces


def _reduce(faces, draw):
    """As from a camera far away: smaller, and enlarged again."""
    height, width = faces.shape[1:3]
    # One size for the faces of a batch: each size would be a picture of its own.
    size = tf.constant((height, width), tf.float32) / draw((), 1.5, _GREATEST_REDUCTION)
    small = tf.image.resize(faces, tf.cast(size, tf.int32), antialias=True)
    return tf.image.resize(small, (height, width))
