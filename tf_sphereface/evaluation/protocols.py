"""The protocols of `sphereface evaluate` by name, and the options that each takes."""

import dataclasses
import importlib
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One protocol as the command runs it; its code is loaded on first use.

    The function takes the source of features, the protocol's name, `progress`, and the
    options that were given by their names; it returns a report as `report_types.Report`
    has it. What the user did not say has the function's own default.

    Args:
        function: "MODULE.FUNCTION" of this package.
        about: What it measures, for the help.
        needs: Options that must be given.
        takes: Options that may be given.
        has_accuracy: Whether the report has an `accuracy`, a fraction, for a gate.
    """

    function: str
    about: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    has_accuracy: bool = False

    def load(self) -> Callable:
        """The function."""
        module, _, name = self.function.rpartition(".")
        return getattr(importlib.import_module(f"{__package__}.{module}"), name)


def _pairs(about):
    takes = ("images", "mirror", "rule", "missing", "resamples", "seed", "groups")
    function = "verification.protocol.verify_pair_list"
    return Protocol(function, about, ("pairs",), takes, has_accuracy=True)


PROTOCOLS: dict[str, Protocol] = {
    "lfw": _pairs("pairs in the format of LFW's pairs.txt, in folds"),
    "cfp-fp": _pairs("frontal against profile; --pairs is CFP's folder Protocol"),
    "agedb-30": _pairs("pairs 30 years apart: lines LEFT RIGHT 1|0"),
    "calfw": _pairs("pairs_CALFW.txt: LFW's people at other ages"),
    "cplfw": _pairs("pairs_CPLFW.txt: LFW's people in other poses"),
    "pairs": _pairs("any pairs: a CSV of left,right,same[,fold]"),
    "ytf": Protocol(
        "video.youtube_faces.evaluate_videos",
        "pairs of videos; --pairs is YouTube Faces' splits.txt",
        ("pairs",),
        (
            *("images", "mirror", "rule", "missing", "resamples", "seed"),
            *("pooling", "frames"),
        ),
        has_accuracy=True,
    ),
    "identification": Protocol(
        "identification.protocols.identify_photos",
        "rank k of --images in --gallery, among --distractors",
        ("gallery",),
        ("images", "mirror", "missing", "distractors", "distractor_noise"),
    ),
    "nearest-neighbour": Protocol(
        "identification.protocols.nearest_neighbour",
        "the person of the nearest photo, of --gallery or of all others",
        (),
        ("images", "mirror", "missing", "gallery"),
    ),
    "megaface": Protocol(
        "identification.protocols.search_megaface",
        "each photo looks for each other one of its person among --distractors",
        ("distractors",),
        ("images", "mirror", "missing", "probe_noise", "distractor_noise"),
    ),
    "lfw-identification": Protocol(
        "identification.protocols.identify_lfw",
        "LFW's closed and open set; names in --known and --extra",
        (),
        ("images", "mirror", "missing", "known", "extra"),
    ),
    "ijb": Protocol(
        "templates.protocol.evaluate_ijb",
        "templates of IJB-B and IJB-C: --pairs, or --gallery with --probes",
        ("templates",),
        ("images", "mirror", "pairs", "gallery", "probes", "rule", "photo_scores"),
    ),
}
