"""Variants by TensorFlow's own converter, to compare with ai-edge-quantizer's."""

import warnings

import numpy as np
import tensorflow as tf

from tf_sphereface.bundle.records import INPUT_NAME
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.errors import InputError
from tf_sphereface.progress import Progress


class ConverterQuantizer:
    """`Quantizer` by `tf.lite.TFLiteConverter`.

    Its int8 PReLU runs outside the CPU delegate: a network falls into some twenty
    partitions and is slower than float.
    """

    name = "tf.lite"
    variants = frozenset({"fp16", "dynamic", "int8", "int8-io"})

    def quantize(
        self,
        model: FloatModel,
        variant: str,
        aligned_faces: np.ndarray,
        keep_float: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> bytes:
        """As `variants.Quantizer.quantize`; it keeps no layer float."""
        if keep_float:
            raise InputError(
                "tf.lite cannot keep single layers float: say --quantizer "
                "ai-edge-quantizer"
            )

        def representative():
            for index, face in enumerate(model.inputs(aligned_faces)):
                yield {INPUT_NAME: face[None]}
                if progress:
                    progress(index + 1, len(aligned_faces))

        def configure(converter):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if variant == "fp16":
                converter.target_spec.supported_types = [tf.float16]
            if variant in ("int8", "int8-io"):
                converter.representative_dataset = representative
            if variant == "int8-io":
                converter.inference_output_type = tf.int8
                if not model.options.pixels:
                    converter.inference_input_type = tf.int8

        with warnings.catch_warnings():  # its calibrator uses a deprecated interpreter
            warnings.simplefilter("ignore")
            return model.convert(configure)
