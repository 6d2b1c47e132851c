"""A SavedModel for TensorFlow servers, with its contract, compared with the model."""

from tf_sphereface.commands.export.options import add_server_options
from tf_sphereface.commands.options.pixels import given_pixels
from tf_sphereface.commands.terminal.output import print_result


def add_arguments(parser):
    add_server_options(parser, "SavedModel folder")


def run(args):
    from tf_sphereface.deployment.folders import check_paths
    from tf_sphereface.native_messages import load_tensorflow

    check_paths(args.model, args.out, args.overwrite)  # before TensorFlow loads
    load_tensorflow()
    from tf_sphereface.deployment import export_saved_model

    contract = export_saved_model(
        args.model,
        args.out,
        args.calibration,
        args.min_cosine,
        args.overwrite,
        args.mirror,
        given_pixels(args),
    )
    result = {"saved_model": str(args.out), **contract.model_dump(mode="json")}
    print_result(result, args.json)
    return 0
