"""Convert a trained model to a SavedModel with its contract, and check it."""

import argparse
import json
import sys

from tf_sphereface.commands.errors import reports_errors
from tf_sphereface.commands.export_options import add_server_options


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser, "SavedModel folder")
    return parser


@reports_errors
def main(argv=None):
    args = build_parser().parse_args(argv)
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
    )
    result = {"saved_model": str(args.out), **contract.model_dump(mode="json")}
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
