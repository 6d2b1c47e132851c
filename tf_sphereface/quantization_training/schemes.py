"""Three ways to a smaller file, and none for control, around a twin that is trained.

A scheme has `model`, what is trained; `begin` and `after_epoch`, around the training;
and `weights`, what is then stored.
"""

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.clustering import keras as tfmot_clustering
from tensorflow_model_optimization.sparsity import keras as tfmot_sparsity

from tf_sphereface.deployment.quantization.ai_edge import input_ends
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.quantization_training.eight_bit_file import EightBitPlan
from tf_sphereface.quantization_training.plan import KERNELS
from tf_sphereface.quantization_training.quantizers import quantized_copy
from tf_sphereface.quantization_training.recipe import SchemeRecipe

_UPDATES = 100  # of the masks while sparsity grows


class Plain:
    """Common part of the schemes: a model, and the weights of its layers."""

    def __init__(self, model: tf_keras.Model):
        self.model = model

    def begin(self, batches: tf.data.Dataset, contract: PixelContract) -> None:
        """Before the first step."""

    def after_epoch(self) -> None:
        """Brings the weights to what would be stored now."""

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Weights by layer of the twin, in Keras' order."""
        stripped = self.stripped()
        return {layer.name: layer.get_weights() for layer in stripped.layers}

    def stripped(self) -> tf_keras.Model:
        """The model without what the scheme put around its layers."""
        return self.model


class QAT(Plain):
    """Weights and activations are rounded to 8 bits in every step.

    Args:
        twin: Of the plan's network.
        plan: What is rounded.
        range_batches: Batches that the ranges of the activations begin with.
    """

    def __init__(self, twin, plan, *, range_batches):
        super().__init__(quantized_copy(twin, plan))
        self.twin = twin
        self.range_batches = range_batches

    def begin(self, batches, contract):
        # The library begins with -6..6 and moves by a thousandth a step.
        wrappers = self._rounded()
        names = [layer.layer.name for layer in wrappers]
        probe = tf_keras.Model(
            self.twin.inputs, [self.twin.get_layer(name).output for name in names]
        )
        ends = []
        for images, _ in batches.take(self.range_batches):
            outputs = tf.nest.flatten(probe(images, training=False))
            # 0 is in every range, as TFLite wants it.
            ends.append([(min(np.min(x), 0.0), max(np.max(x), 0.0)) for x in outputs])
        for wrapper, values in zip(wrappers, np.mean(ends, axis=0), strict=True):
            _assign_range(wrapper, "output", values)
        pixels = np.array(input_ends(contract))
        rounded_images = self.model.layers[1]
        _assign_range(rounded_images, rounded_images.name, pixels)
        # The scales of the kernels; the ranges above move by a thousandth.
        images, _ = next(iter(batches))
        self.model(images, training=True)

    def weights(self):
        values = {variable.name: variable.numpy() for variable in self.model.variables}
        return {
            layer.name: [values[variable.name] for variable in layer.weights]
            for layer in self.twin.layers
        }

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Least and greatest value of the outputs that are rounded, by layer."""
        return {
            wrapper.layer.name: tuple(
                float(end.numpy()) for end in _range_of(wrapper, "output")
            )
            for wrapper in self._rounded()
        }

    def _rounded(self):
        wrappers = [
            layer for layer in self.model.layers if hasattr(layer, "quantize_config")
        ]
        return [layer for layer in wrappers if _range_of(layer, "output")]

    def stored_kernels(self) -> dict[str, np.ndarray]:
        """Kernels by layer as they are stored: multiples of their scales."""
        kernels = {}
        for wrapper in self.model.layers:
            for weight, quantizer, ranges in getattr(wrapper, "_weight_vars", ()):
                if wrapper.layer.__class__.__name__ in KERNELS:
                    rounded = quantizer(weight, False, weights=ranges)
                    kernels[wrapper.layer.name] = rounded.numpy()
        return kernels


class Prune(Plain):
    """The smallest weights become 0, more and more of them.

    Args:
        twin: With batch norm, which learns.
        sparsity: Share of zeros at the end.
        initial_sparsity: Share of zeros in the first step.
        ramp_steps: Steps until the end's share is reached.
    """

    def __init__(self, twin, *, sparsity, initial_sparsity, ramp_steps):
        every = max(1, ramp_steps // _UPDATES)
        schedule = tfmot_sparsity.PolynomialDecay(
            initial_sparsity,
            sparsity,
            begin_step=0,
            end_step=ramp_steps - ramp_steps % every,  # a step with an update
            frequency=every,
        )

        def wrap(layer):
            copy = _copy_of(layer)
            if type(layer).__name__ in ("Conv2D", "Dense"):
                return tfmot_sparsity.prune_low_magnitude(copy, schedule)
            return copy

        super().__init__(_wrapped(twin, wrap))
        self._callback = tfmot_sparsity.UpdatePruningStep()
        self._callback.set_model(self.model)

    def begin(self, batches, contract):
        self._callback.on_train_begin()

    def after_epoch(self):
        self._callback.on_epoch_end(batch=0)

    def stripped(self):
        return tfmot_sparsity.strip_pruning(self.model)


class Cluster(Plain):
    """Each kernel has few values, which learn, as does which weight has which.

    Args:
        twin: With batch norm, which learns.
        clusters: Values of a kernel.
    """

    def __init__(self, twin, *, clusters):
        ready = set()
        start = tfmot_clustering.CentroidInitialization.KMEANS_PLUS_PLUS

        def wrap(layer):
            copy = _copy_of(layer)
            size = sum(weight.size for weight in layer.get_weights()[:1])
            if type(layer).__name__ in ("Conv2D", "Dense") and size > clusters:
                # The wrapper looks at the weights while it is made.
                copy.build(layer.input_shape)
                copy.set_weights(layer.get_weights())
                ready.add(layer.name)
                return tfmot_clustering.cluster_weights(
                    copy,
                    number_of_clusters=clusters,
                    cluster_centroids_init=start,
                    # The default is the sum over a value's weights: steps so long that
                    # a kernel may end with a single value.
                    cluster_gradient_aggregation="GradientAggregation.AVG",
                )
            return copy

        super().__init__(_wrapped(twin, wrap, ready))

    def stripped(self):
        return tfmot_clustering.strip_clustering(self.model)


def make_scheme(
    recipe: SchemeRecipe,
    twin: tf_keras.Model,
    steps: int,
    plan: EightBitPlan | None = None,
) -> Plain:
    """The scheme of a recipe around a twin.

    Args:
        recipe: `[scheme]`.
        twin: Without batch norm if `folds_batch_norm`.
        steps: Of the training.
        plan: Of "qat": what is rounded.
    """
    if recipe.name == "float":
        return Plain(twin)
    if recipe.name == "qat":
        return QAT(twin, plan, range_batches=recipe.range_batches)
    if recipe.name == "prune":
        return Prune(
            twin,
            sparsity=recipe.sparsity,
            initial_sparsity=recipe.initial_sparsity,
            ramp_steps=max(1, round(recipe.ramp * steps)),
        )
    return Cluster(twin, clusters=recipe.clusters)


def folds_batch_norm(recipe: SchemeRecipe) -> bool:
    """True if the scheme takes the network with its batch norm folded."""
    return recipe.name in ("qat", "float")


def _copy_of(layer):
    return layer.__class__.from_config(layer.get_config())


def _wrapped(twin, wrap, ready=frozenset()):
    """A copy with layers in wrappers; those named in `ready` have their weights."""
    with tf_keras.utils.custom_object_scope(
        {type(layer).__name__: type(layer) for layer in twin.layers}
    ):
        model = tf_keras.models.clone_model(twin, clone_function=wrap)
    by_name = {layer.name: layer for layer in twin.layers}
    for layer in model.layers:
        inner = getattr(layer, "layer", layer)
        if inner.name not in ready:
            inner.set_weights(by_name[inner.name].get_weights())
    return model


def _range_of(wrapper, name):
    ends = {weight.name.split("/")[-1]: weight for weight in wrapper.weights}
    pair = [ends.get(f"{name}_{end}:0") for end in ("min", "max")]
    return None if pair[0] is None else pair


def _assign_range(wrapper, name, values):
    for variable, value in zip(_range_of(wrapper, name), values, strict=True):
        variable.assign(value)
