"""Sort faces into people without names: clusters by the angles of their embeddings.

Writes a CSV of photo and cluster. If the folders of the images are people, it also says
how well the clusters are those people.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.pixels import add_pixel_options, given_pixels
from tf_sphereface.commands.options.thumbnails import (
    add_thumbnails_option,
    tell_of_faces,
)
from tf_sphereface.commands.options.trust import (
    add_trust_model_option,
    add_trust_option,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import (
    add_json_option,
    print_notes,
    print_result,
)
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.new_files import new_files
from tf_sphereface.stated_paths import stated_command
from tf_sphereface.whole_folders import check_folder

_DEFAULT_FAR = 0.01  # as that of `match`


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        type=Path,
        help=".keras or .tflite file, SavedModel, bundle or run folder, or a .npz file "
        "that `embed` wrote",
    )
    parser.add_argument(
        "--images",
        type=Path,
        help="folder that `align` wrote; with a .npz only the faces of --html need it",
    )
    parser.add_argument(
        "--method",
        choices=["agglomerative", "dbscan", "hdbscan"],
        default="agglomerative",
        help="agglomerative: average linkage, the default; dbscan: chains of "
        "neighbours; hdbscan: no threshold, a level for each cluster. All pairs of "
        "faces are compared, which takes 4 GB of memory for 20,000 faces, or 12,000 by "
        "the other two; more are refused",
    )
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--threshold", type=float, metavar="X", help="cosine of one person, -1..1"
    )
    level.add_argument(
        "--far",
        type=float,
        help="take the threshold of a bundle at this FAR (default of a bundle: 0.01)",
    )
    parser.add_argument(
        "--min-faces",
        type=int,
        default=2,
        metavar="N",
        help="smaller clusters are unknown (default: %(default)s)",
    )
    parser.add_argument(
        "--no-people",
        action="store_true",
        help="the folders are not people: give no precision and recall",
    )
    parser.add_argument("--out", type=Path, required=True, help="new list, CSV")
    parser.add_argument("--html", type=Path, help="page with the faces, new")
    add_thumbnails_option(parser, "faces on the page")
    parser.add_argument(
        "--projector",
        type=Path,
        metavar="DIR",
        help="also write the embeddings for `tensorboard --logdir DIR`",
    )
    parser.add_argument("--variant", help="model of a bundle (default: the bundle's)")
    add_trust_option(parser)
    add_trust_model_option(parser)
    add_pixel_options(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args(argv)
    report, source = _cluster(args, stated_command("cluster", argv))
    print_result(report.summary(), args.json, allow_nan=False)
    print_notes(source.notes)
    tell(f"list: {args.out}")
    if args.html is not None:
        tell(f"page: {args.html}")
        if args.thumbnails:
            tell_of_faces(args.html)
    return 0


def _cluster(args, command):
    from tf_sphereface.evaluation.clustering.clustering import cluster_features
    from tf_sphereface.evaluation.clustering.report import (
        ClusterReport,
        write_cluster_list,
        write_cluster_page,
    )

    _check_options(args)
    with new_files({"--out": args.out, "--html": args.html}) as made:
        threshold = _threshold(args)
        file, source = _embeddings(args)
        try:
            clusters = cluster_features(
                file.embeddings, args.method, threshold, args.min_faces
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        people = file.identities or tuple(map(identity_of, file.names))
        report = ClusterReport(
            names=file.names,
            clusters=clusters,
            method=args.method,
            threshold=threshold,
            people=None if args.no_people else people,
        )
        if args.html is not None:
            images = args.images if args.thumbnails else None
            write_cluster_page(
                report, images, made["--html"], command, source.pixel_contract
            )
        if args.projector is not None:
            _write_projector(args.projector, file, report)
        write_cluster_list(report, made["--out"])
    return report, source


def _check_options(args):
    if args.projector is not None:
        check_folder("--projector", args.projector)
    if args.html is not None and args.thumbnails and args.images is None:
        raise InputError("--html needs --images, or --no-thumbnails")


def _threshold(args):
    """The cosine that was given, or that of the bundle."""
    from tf_sphereface.evaluation.embeddings.sources import is_bundle

    if args.method == "hdbscan":
        if args.threshold is not None or args.far is not None:
            raise InputError("--method hdbscan takes no --threshold and no --far")
        return None
    if args.threshold is not None:
        return args.threshold
    if not is_bundle(args.model):
        raise InputError(
            f"only a bundle has thresholds: say --threshold X. Received: {args.model}"
        )
    from tf_sphereface.bundle.scores import measured_threshold
    from tf_sphereface.deployment import load_bundle

    variant = load_bundle(args.model, args.trust).variant(args.variant)
    far = _DEFAULT_FAR if args.far is None else args.far
    threshold = measured_threshold(variant.thresholds, far)
    if threshold is None:
        raise InputError(
            f"no threshold was measured for this bundle: {args.model}; say "
            "--threshold X, or measure one with `sphereface calibrate`"
        )
    return threshold


def _embeddings(args):
    from tf_sphereface import evaluation
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.evaluation.embeddings.npz import SUFFIX
    from tf_sphereface.evaluation.embeddings.sources import is_bundle

    source = evaluation.open_features(
        args.model, args.variant, given_pixels(args), args.trust, args.trust_model
    )
    # All faces of a file are sorted, whatever the folder holds that the page shows.
    images = None if args.model.suffix == SUFFIX else args.images
    mirror = True
    if is_bundle(args.model):  # its thresholds hold for its own policy only
        from tf_sphereface.deployment import load_bundle

        mirror = load_bundle(args.model, args.trust).contract.feature.mirror == "concat"
    with progress_bar("embedding", "faces") as progress:
        file = evaluation.embed_folder(source, images, mirror, progress)
    return file, source


def _write_projector(folder, file, report):
    from tf_sphereface.evaluation.embeddings.projector import write_projector

    columns = {"cluster": [str(number) for number in report.clusters]}
    if report.people is not None:
        columns["person"] = report.people
    write_projector(folder, file.embeddings, file.names, columns)


if __name__ == "__main__":
    sys.exit(main())
