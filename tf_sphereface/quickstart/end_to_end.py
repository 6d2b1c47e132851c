"""Photos, crops, records, training, evaluation, bundle and match, one after another.

Every stage is that of a command, and leaves its output in a folder of its
own; a second run goes on where the first was interrupted.
"""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from tf_sphereface.data.alignment.align import AlignmentSummary, align_photos
from tf_sphereface.data.alignment.rows import heif_note
from tf_sphereface.data.alignment.settings import crop_of_size
from tf_sphereface.data.photos.kinds import NEEDS_HEIF
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.report_types import Figure
from tf_sphereface.files import is_vacant, remove_torn_files, write_atomically
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.model_files import QUICKSTART_RUN
from tf_sphereface.progress import ProgressBar
from tf_sphereface.quickstart.contact_sheet import SHEET_FILE, draw_matches, write_sheet
from tf_sphereface.quickstart.formats import (
    FAR,
    Formats,
    ModelRow,
    export_and_evaluate,
)
from tf_sphereface.quickstart.matches import (
    DRAWN,
    Matches,
    choose_pairs,
    match_pairs,
    verdict_line,
)
from tf_sphereface.quickstart.photos import (
    StarterPhotos,
    check_people,
    prepare_photos,
)
from tf_sphereface.quickstart.verdict import verdict
from tf_sphereface.stated_paths import stated_path

FOLDS = 5
_BUILT_IN = ("synthetic", "lfw")
# Small collections get fewer pairs, halved as often as it takes, but not below this.
PAIRS_PER_FOLD, FEWEST_PAIRS_PER_FOLD = 200, 4

# Given a title and a unit, a context that gives a function of (done, total).


@dataclasses.dataclass(frozen=True)
class QuickstartResult:
    """Counts over all photos, a row for each model format, and ten matched pairs.

    `matches` is None until the pairs are matched. `verdict` says in words what the
    model is good for, and the next command.
    """

    photos: int
    detected: int
    identities: int
    unseen_identities: int
    steps: int
    far: float
    models: tuple[ModelRow, ...]
    verdict: str
    matches: Matches | None
    seconds: float
    stages: dict[str, float]


def run_quickstart(
    out: Path,
    data: str = "synthetic",
    *,
    recipe: Path | None = None,
    overrides: tuple[str, ...] = (),
    command: str = "run_quickstart",
    starter: StarterPhotos | None = None,
    subfolders: bool = False,
    thumbnails: bool = True,
    progress_bar: ProgressBar = lambda title, unit: nullcontext(lambda *_: None),
    say: Callable[[str], None] = lambda line: None,
    on_evaluated: Callable[[QuickstartResult], None] = lambda result: None,
) -> QuickstartResult:
    """Makes a phone model from photos, and measures it on people it has not seen.

    Args:
        out: Folder for everything; an interrupted run in it is finished.
        data: "synthetic", "lfw" (downloaded), or a folder with one folder of photos
            for each person.
        recipe: Training recipe; None is the one for quickstart.
        overrides: Changes to the recipe, as for `read_recipe`.
        command: What the report says it was made with.
        starter: How many synthetic people and photos; None is the default set.
        subfolders: Whether photos below the people's folders are taken too.
        thumbnails: Without them no page shows a face, and there is no `SHEET_FILE`.
        progress_bar: Makes the progress bars.
        say: Told what happens, line by line.
        on_evaluated: Given the figures when the report is written, before the match.

    Raises: InputError if the data or the folder is unusable.
    """
    from tf_sphereface.data.audit import write_audit

    started, stages = time.monotonic(), {}

    def stage(name: str, title: str):
        say(title)
        return _Timed(stages, name)

    checked = _read_recipe(recipe, overrides)
    crop = _crop_of(checked)
    if data not in _BUILT_IN:
        _, passed_over = check_people(Path(data), subfolders)
        for note in passed_over.notes("--subfolders"):
            say(f"note: {note}")
    _claim(out, data)
    _agree_on_recipe(out, checked)
    with stage("photos", f"photos of people ({data})"):
        photos = out / "photos"
        folders = prepare_photos(data, photos, starter, progress_bar, subfolders)
    with stage("align", "detecting and aligning faces"):
        aligned = {}
        for name, source in (("train", folders.train), ("unseen", folders.unseen)):
            folder = out / "aligned" / name
            aligned[name] = _align(source, folder, crop, progress_bar, say)
            with progress_bar("auditing", "crops") as progress:
                write_audit(
                    folder,
                    thumbnails=thumbnails,
                    command=command,
                    source=source,
                    progress=progress,
                )
    with stage("records", "packing records"):
        _pack(out)
    pairs = _draw_pairs(out)
    chosen = choose_pairs(pairs)
    with stage("train", "training"):
        training = _train(out, checked)
    with stage("export", "exporting and evaluating each format on unseen people"):
        formats = export_and_evaluate(out, pairs, training.last, progress_bar)
        _write_report(out, formats, command)
    said = functools.partial(
        verdict,
        training.identities,
        formats.report.accuracy,
        fine_tuned=checked.fine_tuning is not None,
    )
    result = QuickstartResult(
        photos=sum(summary.photos for summary in aligned.values()),
        detected=sum(summary.kept for summary in aligned.values()),
        identities=training.identities,
        unseen_identities=aligned["unseen"].identities,
        steps=training.steps,
        far=FAR,
        models=formats.rows,
        verdict=said(data=data),
        matches=None,
        seconds=round(time.monotonic() - started, 1),
        stages=stages,
    )
    on_evaluated(result)
    with stage("match", "matching ten pairs of photos with the bundle"):
        matches = match_pairs(out, chosen)
        if thumbnails:
            sheet = draw_matches(matches, out / "aligned" / "unseen")
            write_sheet(sheet, out / SHEET_FILE)
        if thumbnails and data == "synthetic":  # the report is a page to hand around
            told = f"{DRAWN}: {verdict_line(matches)}."
            figure = Figure("Ten pairs, matched from photos", told, sheet)
            _write_report(out, formats, command, [figure])
    seconds = round(time.monotonic() - started, 1)
    result = dataclasses.replace(result, matches=matches, seconds=seconds)
    stored = dataclasses.replace(result, verdict=said(data=stated_path(data)))
    content = json.dumps(dataclasses.asdict(stored), indent=2) + "\n"
    write_atomically(out / "quickstart.json", content.encode())
    return result


def _write_report(
    out: Path, formats: Formats, command: str, figures: Sequence[Figure] = ()
) -> None:
    from tf_sphereface.evaluation import describe_model, write_report

    inputs = {"pairs": out / "pairs.txt"}
    model = describe_model(formats.model)
    model = dataclasses.replace(model, pixels=formats.pixels)
    write_report(formats.report, out, command, model, inputs, figures=figures)


class _Timed:
    def __init__(self, stages: dict[str, float], name: str):
        self.stages, self.name = stages, name

    def __enter__(self):
        self.started = time.monotonic()

    def __exit__(self, *exception):
        self.stages[self.name] = round(time.monotonic() - self.started, 1)


def _claim(out: Path, data: str) -> None:
    """Makes `out`, or checks that it is an earlier quickstart on the same data."""
    marker = out / "data.txt"
    if data not in _BUILT_IN:
        # The name alone: that the photos are the same ones is seen by people.json.
        data = f"the folder {Path(data).resolve().name}"
    if marker.exists():
        earlier = marker.read_text(encoding="utf-8")
        if Path(earlier).is_absolute():  # as earlier versions wrote it
            earlier = f"the folder {Path(earlier).name}"
        if earlier != data:
            raise InputError(
                f"{out} holds a quickstart on {earlier}; choose another --out"
            )
        return
    remove_torn_files(out)
    if not is_vacant(out):
        raise InputError(f"{out} exists and is not a quickstart folder")
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(marker, data.encode())


def _agree_on_recipe(out: Path, recipe) -> None:
    """Refuses another training than that of `out` before the photos are aligned."""
    from tf_sphereface.training.recipes.recipe import read_recipe

    earlier = out / QUICKSTART_RUN / "recipe.toml"
    if earlier.exists() and read_recipe(earlier).stated() != recipe.stated():
        raise InputError(
            f"{out} holds a quickstart with another recipe; give the same --recipe and "
            "--set, or another --out"
        )


def _align(
    source: Path, out: Path, crop: CropGeometry, progress_bar, say
) -> AlignmentSummary:
    with progress_bar("aligning", "photos") as progress:
        summary = align_photos(source, out, progress=progress, crop=crop)
    if summary.dropped.get(NEEDS_HEIF):
        say("note: " + heif_note(out))
    if failure := summary.failure():
        raise InputError(f"{failure} ({source})")
    for note in filter(None, (summary.losses(), summary.doubts("centre"))):
        say(f"note: {out}: {note}")
    return summary


def _pack(out: Path) -> None:
    from tf_sphereface.data.records.writer import write_records

    if not (out / "records").exists():
        write_records(out / "aligned" / "train", out / "records", shards=4)


def _draw_pairs(out: Path):
    from tf_sphereface.evaluation import make_pairs, write_lfw_pairs

    wanted = PAIRS_PER_FOLD
    while True:
        try:
            pairs = make_pairs(out / "aligned" / "unseen", FOLDS, wanted)
            break
        except InputError:
            wanted //= 2
            if wanted < FEWEST_PAIRS_PER_FOLD:
                raise
    write_lfw_pairs(pairs, out / "pairs.txt")
    return pairs


def _read_recipe(recipe: Path | None, overrides: tuple[str, ...]):
    from tf_sphereface.training.recipes.recipe import read_recipe
    from tf_sphereface.training.recipes.shipped import find_recipe

    return read_recipe(find_recipe(recipe or Path("quickstart")), overrides)


def _crop_of(recipe) -> CropGeometry:
    """The crops that the recipe's network takes."""
    if recipe.backbone is not None:
        return crop_of_size(recipe.backbone.height, recipe.backbone.width)
    from tf_sphereface.training.fine_tuning import initial_backbone

    network = initial_backbone(recipe.fine_tuning.initial_file)
    pixels = network.pixel_contract
    return network.crop or crop_of_size(pixels.height, pixels.width)


def _train(out: Path, recipe):
    from tf_sphereface.training.trainer import train

    return train(recipe, out / "records", out / QUICKSTART_RUN)
