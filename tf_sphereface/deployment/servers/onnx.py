"""ONNX files for servers, through tf2onnx and checked with onnxruntime (extra `onnx`).

tf2onnx writes PReLU as Relu, Neg, Mul and Add. That stays: onnxruntime's own PRelu
interrupts the blocked layout of its convolutions, and is slower than all four.
"""

from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from tf_sphereface import __version__, embedding_models
from tf_sphereface.bundle.contract import OnnxContract
from tf_sphereface.bundle.records import INPUT_NAME, OUTPUT_NAME, STEPS, FeatureRecord
from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
from tf_sphereface.deployment.conversion.graph import embedding_graph, input_dtype
from tf_sphereface.deployment.parity.drift import (
    LEAST_EXACT_COSINE,
    check_exact,
    check_least_cosine,
)
from tf_sphereface.deployment.parity.keras_features import (
    held_out_crops,
    reference_features,
)
from tf_sphereface.deployment.servers import onnx_session
from tf_sphereface.files import write_atomically
from tf_sphereface.preprocessing import PixelContract, Values

CONTRACT_KEY = "contract"
SERVER_FEATURE = FeatureRecord(mirror="concat", inside=STEPS)
_OPSET = 18


def to_onnx(
    backbone: keras.Model, pixel_contract: PixelContract, feature: FeatureRecord
) -> bytes:
    """Converts to ONNX, with batch norm folded and any number of faces in a call.

    Args:
        backbone: Built float32 network.
        pixel_contract: Normalises the crops if that is inside.
        feature: The steps that are inside.

    Returns: Content of a file with input `aligned_face` (batch, height, width, 3) and
        output `embedding`.
    Raises: InputError if the extra `onnx` is not installed.
    """
    onnx_session.check_extra()
    from tf2onnx import convert

    function = embedding_graph(fold_batch_norm(backbone), pixel_contract, feature)
    shape = (None, pixel_contract.height, pixel_contract.width, 3)
    spec = tf.TensorSpec(shape, input_dtype(feature), name=INPUT_NAME)

    @tf.function(input_signature=[spec])
    def embed(aligned_face):
        return {OUTPUT_NAME: function(aligned_face)}

    model, _ = convert.from_function(embed, input_signature=[spec], opset=_OPSET)
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model.SerializeToString()


def export_onnx(
    model_path: Path,
    out: Path,
    feature: FeatureRecord = SERVER_FEATURE,
    calibration: Path | None = None,
    min_cosine: float = LEAST_EXACT_COSINE,
    overwrite: bool = False,
    pixels: Mapping[str, str | Values] | None = None,
) -> OnnxContract:
    """Writes the backbone as one ONNX file, its contract inside as metadata.

    onnxruntime must embed crops as the Keras model does.

    Args:
        model_path: `.keras` file or run folder, as `load_backbone` takes it.
        out: The file, `*.onnx`; missing parents are made.
        feature: The steps that are inside.
        calibration: Folder of aligned faces to compare on; None: rendered faces.
        min_cosine: Least cosine of a crop to the Keras model.
        overwrite: Replace an earlier file.
        pixels: As for `ExportOptions`.

    Raises: ValueError if `min_cosine` is out of range; InputError if the extra
        `onnx` is not installed, or a path or file is unusable; DriftError if the file
        is too far from the Keras model. Nothing is written in either case.
    """
    check_least_cosine(min_cosine)
    onnx_session.check_extra()
    onnx_session.check_output(out, overwrite)
    backbone = embedding_models.load_backbone(model_path)
    contract = embedding_models.pixel_contract_of(backbone, pixels, str(model_path))
    crops = held_out_crops(contract, calibration)
    content = to_onnx(backbone, contract, feature)
    drift = check_exact(
        "onnx",
        reference_features(backbone, contract, crops, feature),
        onnx_session.embed_crops(onnx_session.open_session(content), contract, crops),
        min_cosine,
    )
    document = OnnxContract(
        library_version=__version__,
        pixels=contract,
        embedding_dim=backbone.output_shape[1],
        feature=feature,
        input=INPUT_NAME,
        output=OUTPUT_NAME,
        drift=drift,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, _with_contract(content, document))
    return document


def _with_contract(content, contract):
    import onnx

    model = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(model, {CONTRACT_KEY: contract.model_dump_json()})
    return model.SerializeToString()
