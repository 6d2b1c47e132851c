"""An ONNX file, compared with the model (needs `pip install 'tf-sphereface[onnx]'`)."""

from tf_sphereface.commands.export.options import add_server_options
from tf_sphereface.commands.options.pixels import given_pixels
from tf_sphereface.commands.terminal.output import print_result


def add_arguments(parser):
    add_server_options(parser, "file, *.onnx")
    parser.add_argument(
        "--leave-out",
        nargs="+",
        choices=["pixels", "l2"],
        default=[],
        help="what the file does not do: take uint8 crops and normalise them, give "
        "embeddings of length 1 (default: it does both)",
    )


def run(args):
    from tf_sphereface.deployment.servers import onnx_session
    from tf_sphereface.native_messages import load_tensorflow

    onnx_session.check_extra()  # before TensorFlow loads
    onnx_session.check_output(args.out, args.overwrite)
    load_tensorflow()
    from tf_sphereface.bundle.records import STEPS, FeatureRecord
    from tf_sphereface.deployment.servers.onnx import export_onnx

    inside = [step for step in STEPS if step not in args.leave_out]
    feature = FeatureRecord(mirror=args.mirror, inside=inside)
    contract = export_onnx(
        args.model,
        args.out,
        feature,
        args.calibration,
        args.min_cosine,
        args.overwrite,
        pixels=given_pixels(args),
    )
    result = {"onnx": str(args.out), **contract.model_dump(mode="json")}
    print_result(result, args.json)
    return 0
