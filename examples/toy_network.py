"""The small convolutional network of the MNIST pictures."""

import keras
from keras import layers


def toy_network(
    image_size: tuple[int, int], embedding_dim: int, precision: str = "float32"
) -> keras.Model:
    """Three stages of two 3 x 3 convolutions with PReLU, then a dense embedding.

    The plan is that of the papers' MNIST networks (center loss: three stages of two
    convolutions, an embedding of 2; L-Softmax: stages of 3 x 3 convolutions with
    PReLU). As in SphereFace's own networks, a stage begins with a convolution of
    stride 2 in place of pooling, and nothing follows the dense layer: an activation
    would keep embeddings out of a part of the sphere.

    Args:
        image_size: Height and width in pixels.
        embedding_dim: 2 or 3 for pictures; any number.
        precision: Keras dtype policy of the convolutions; the embedding is float32.

    Returns: Model of float32 (batch, height, width, 1), -1..1, to float32
        (batch, embedding_dim).
    """
    images = keras.Input((*image_size, 1))
    values = images
    for width in (16, 32, 64):
        for stride in (2, 1):
            values = layers.Conv2D(
                width,
                3,
                strides=stride,
                padding="same",
                kernel_initializer="he_normal",
                dtype=precision,
            )(values)
            values = layers.PReLU(
                alpha_initializer=keras.initializers.Constant(0.25),
                shared_axes=[1, 2],
                dtype=precision,
            )(values)
    values = layers.Flatten(dtype=precision)(values)
    embeddings = layers.Dense(embedding_dim, dtype="float32")(values)
    return keras.Model(images, embeddings, name="toy_network")
