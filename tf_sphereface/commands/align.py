"""Find, align and crop the faces of any collection of photos of people.

The folder of the crops gets a manifest.csv and a page to look at, audit.html.
"""

import argparse
import dataclasses
import functools
import sys
from pathlib import Path

from tf_sphereface.commands.options.crops import add_crop_options, chosen_crop
from tf_sphereface.commands.options.thumbnails import (
    add_thumbnails_option,
    tell_of_faces,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.stated_paths import stated_command


def build_parser() -> argparse.ArgumentParser:
    from tf_sphereface.data.alignment.crops import ALIGNMENT_CHOICES, LAST_RESORTS
    from tf_sphereface.data.photos.kinds import PHOTO_SUFFIXES
    from tf_sphereface.data.sources import KINDS_HELP

    parser = argparse.ArgumentParser(
        prog="sphereface align",
        description=__doc__,
        epilog="Exit status: 0 crops were made, 1 no photo had a face, 2 bad input. "
        "Run it again to go on after an interruption, or to add photos. With "
        "`--runner beam`, what follows `--` goes to Apache Beam, such as "
        "`-- --runner=FlinkRunner --flink_master=HOST:PORT`.",
    )
    parser.add_argument(
        "source",
        type=Path,
        help=f"{KINDS_HELP}; photos of the kinds {' '.join(sorted(PHOTO_SUFFIXES))}",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the crops")
    parser.add_argument(
        "--root", type=Path, help="where a list's paths start (default: beside it)"
    )
    parser.add_argument(
        "--subfolders",
        action="store_true",
        help="take photos in folders below a person's too: PERSON/2004/1.jpg gives "
        "PERSON/2004_1.jpg",
    )
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="FILE.csv",
        help="photo and x,y of its five points a line: crop by these, detect nothing",
    )
    parser.add_argument(
        "--choose",
        choices=ALIGNMENT_CHOICES,
        default="centre",
        help="of several faces, the one nearest the centre (default), the largest, "
        "all: x.jpg, x#2.jpg, ..., or the one that most of the person's photos share "
        "(consistent)",
    )
    parser.add_argument(
        "--choose-model",
        type=Path,
        metavar="MODEL",
        help="with --choose consistent: compares the faces; a bundle, which needs no "
        "TensorFlow, or any model that `evaluate` takes",
    )
    parser.add_argument(
        "--last-resort",
        choices=LAST_RESORTS,
        default="none",
        help="of photos in which no face is found, crop the middle, as InsightFace's "
        "verification sets do (template); `records` leaves these crops out",
    )
    add_crop_options(
        parser, "of the crops, pixels: what the network takes (default: 112x96)"
    )
    parser.add_argument(
        "--exclude",
        metavar="LIST",
        help="leave out the people of a file, one a line, or of the built-in list "
        "casia-lfw (the 3 people of CASIA-WebFace who are in LFW)",
    )
    parser.add_argument(
        "--processes", type=int, help="worker processes (default: one per processor)"
    )
    parser.add_argument(
        "--runner",
        choices=("local", "beam"),
        default="local",
        help="this machine's processors (default), or an Apache Beam pipeline",
    )
    add_thumbnails_option(parser, "faces in audit.html")
    _add_detector_options(parser)
    add_json_option(parser)
    return parser


def _add_detector_options(parser):
    from tf_sphereface.detection import LANDMARK_RULES, MTCNNSettings

    settings = MTCNNSettings()
    parser.add_argument(
        "--landmark-rule",
        choices=LANDMARK_RULES,
        default=settings.landmark_rule,
        help="landmarks as O-Net gives them for the box of the face (single), or for "
        "the face turned upright and its mirror image, twice (consensus) "
        f"(default: {settings.landmark_rule})",
    )
    parser.add_argument(
        "--second-thresholds",
        type=float,
        nargs="*",
        default=settings.second_thresholds,
        metavar="P",
        help="the three thresholds of a second look at photos in which no face was "
        f"found; none: no second look (default: {_words(settings.second_thresholds)})",
    )
    parser.add_argument(
        "--networks",
        type=Path,
        metavar="FOLDER",
        help="with pnet.tflite, rnet.tflite and onet.tflite, such as a bundle's "
        "`detector` (default: made once, with TensorFlow, in the user's cache)",
    )
    parser.add_argument(
        "--smallest-face",
        type=float,
        default=20,
        help="side of the smallest face, pixels; larger is faster (default: 20)",
    )
    parser.add_argument(
        "--pyramid-factor",
        type=float,
        default=0.709,
        help="size ratio of pyramid levels; SphereFace had 0.85 (default: 0.709)",
    )
    parser.add_argument(
        "--thresholds",
        type=float,
        nargs=3,
        default=[0.6, 0.7, 0.9],
        metavar=("PNET", "RNET", "ONET"),
        help="least face probabilities (default: 0.6 0.7 0.9)",
    )


def _words(numbers):
    return " ".join(map(str, numbers)) or "none"


@reports_errors
def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    args, beam_options = _parse(argv)
    summary = _align(args, _runner(args, beam_options))
    audit = _audit(args, argv)
    print_result(dataclasses.asdict(summary), args.json, ensure_ascii=False)
    tell(f"audit: {audit}")
    if args.thumbnails:
        tell_of_faces(audit)
    if failure := summary.failure():
        tell(f"error: {failure}")
        return 1
    return 0


def _parse(argv):
    """The command's own options, and what follows "--" for Beam."""
    own, found, rest = list(argv), "--" in argv, []
    if found:
        at = own.index("--")
        own, rest = own[:at], own[at + 1 :]
    parser = build_parser()
    args = parser.parse_args(own)
    if found and args.runner != "beam":
        parser.error("options after -- go with --runner beam")
    return args, rest


def _runner(args, options):
    from tf_sphereface.errors import InputError

    if args.runner == "local":
        return None
    if args.processes is not None:
        raise InputError("--processes goes with --runner local; Beam has its own")
    try:
        from tf_sphereface.data.alignment.beam import BeamRunner
    except ModuleNotFoundError as error:
        raise InputError(
            f"--runner beam needs the package apache-beam ({error}); "
            "see docs/prepare_data.md"
        ) from error
    # Workers elsewhere start in other folders.
    for name in ("source", "out", "choose_model"):
        setattr(args, name, (path := getattr(args, name)) and path.absolute())
    return BeamRunner(options)


def _align(args, runner):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.data.alignment.align import align_photos
    from tf_sphereface.data.alignment.landmark_table import read_landmark_table
    from tf_sphereface.data.alignment.rows import heif_note
    from tf_sphereface.data.photos.exclusions import exclusion_note, read_exclusions
    from tf_sphereface.data.photos.kinds import NEEDS_HEIF
    from tf_sphereface.data.sources import open_photo_source

    settings, crop = _settings(args), chosen_crop(args)
    voting_model = args.choose_model and _voting_model(args.choose_model)
    excluded = read_exclusions(args.exclude) if args.exclude else ()
    landmarks = read_landmark_table(args.landmarks) if args.landmarks else None
    source = open_photo_source(args.source, args.root, args.subfolders)
    for note in source.passed_over.notes("--subfolders"):
        tell(f"note: {note}")
    with progress_bar("aligning", "photos") as progress:
        summary = align_photos(
            source,
            args.out,
            settings,
            args.processes,
            args.networks,
            progress,
            choice=args.choose,
            landmarks=landmarks,
            exclude=excluded,
            runner=runner,
            crop=crop,
            last_resort=args.last_resort,
            voting_model=voting_model,
        )
    if note := exclusion_note(args.exclude, excluded, summary.excluded_identities):
        tell(note)
    if doubts := summary.doubts(args.choose):
        tell(f"note: {doubts}")
    if summary.dropped.get(NEEDS_HEIF):
        tell(f"note: {heif_note(args.out)}")
    if hasattr(source, "pairs"):
        _write_pairs(source, args.out / "pairs.txt")
    return summary


def _voting_model(path):
    from tf_sphereface.data.alignment.vote import VotingModelFile
    from tf_sphereface.evaluation import describe_model, load_embedding_source

    open_model = functools.partial(load_embedding_source, path)
    model = open_model()  # a bad one is a line here, and no worker's end
    for note in model.notes:
        tell(f"note: {note}")
    return VotingModelFile(open_model, describe_model(path).sha256)


def _settings(args):
    from tf_sphereface.detection import MTCNNSettings
    from tf_sphereface.errors import InputError

    try:
        return MTCNNSettings(
            smallest_face=args.smallest_face,
            pyramid_factor=args.pyramid_factor,
            thresholds=tuple(args.thresholds),
            second_thresholds=tuple(args.second_thresholds),
            landmark_rule=args.landmark_rule,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def _write_pairs(source, path):
    """The pairs of a verification set, for `sphereface evaluate --pairs`."""
    from tf_sphereface.data.alignment.crops import crop_name
    from tf_sphereface.errors import InputError
    from tf_sphereface.evaluation import pair_list_of_set, write_lfw_pairs

    pairs = [
        (crop_name(left, exact=True), crop_name(right, exact=True), same)
        for left, right, same in source.pairs
    ]
    try:
        write_lfw_pairs(pair_list_of_set(pairs), path)
    except InputError as error:
        tell(f"note: no pair list: {error}")
    else:
        tell(f"pair list: {path}")


def _audit(args, argv):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.data.audit import write_audit

    with progress_bar("auditing", "crops") as progress:
        return write_audit(
            args.out,
            thumbnails=args.thumbnails,
            command=stated_command("align", argv),
            source=args.source,
            progress=progress,
        )


if __name__ == "__main__":
    sys.exit(main())
