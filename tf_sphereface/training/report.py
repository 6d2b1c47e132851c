"""training.html: a run's curves, a batch as the network sees it, hardest people."""

import dataclasses
from collections import defaultdict
from pathlib import Path

import keras
import numpy as np

import tf_sphereface.embedding_models  # noqa: F401 - registers what a run's files hold
from tf_sphereface.data.batches.shuffled import shuffled_order_of
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.foreign.keras_files import check_keras_file
from tf_sphereface.model_files import model_file
from tf_sphereface.pages.rendering import picture_address, plural, render_page
from tf_sphereface.pages.svg import SERIES, new_figure, to_svg
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.training.angles import ClassAngles, class_angles
from tf_sphereface.training.batches import PartOrder, naming_damaged_records
from tf_sphereface.training.callbacks import read_history
from tf_sphereface.training.early_warnings import colour_warning, early_warnings
from tf_sphereface.training.recipes.recipe import read_recipe
from tf_sphereface.training.recipes.shipped import published_figure
from tf_sphereface.training.run_folder import HISTORY, RECIPE, check_records

PAGE = "training.html"
_SHOWN, _LOOKED_AT, _TOGETHER, _HARDEST = 24, 1024, 64, 12
_PLOTS = (
    ("loss", ("loss", "loss_*"), "Loss with the margin, mean of each epoch."),
    (
        "accuracy",
        ("accuracy", "verification_accuracy"),
        "Accuracy in training, without the margin, and of verification.",
    ),
    (
        "angles",
        ("target_angle", "nearest_angle"),
        "Angles to the class weights of the own and of the nearest other person, "
        "radians; mean of 128 crops of the training, after each epoch.",
    ),
    ("norms", ("embedding_norm",), "L2 norm of the embeddings of these crops."),
    ("lambda", ("lambda",), "lambda, which lets the margin in as it falls."),
    ("learning_rate", ("learning_rate",), "Learning rate."),
)


def write_run_report(run: Path, records: Path | None = None) -> Path:
    """Writes RUN/training.html.

    Args:
        run: Run folder of `train`.
        records: Those of the run; None: a page without photos.

    Returns: The page.
    Raises: InputError if the folder is no run, has no epoch yet, the records are
        others than those of the run, or they or the model are unusable.
    """
    recipe = read_recipe(run / RECIPE)
    rows = read_history(run / HISTORY)
    if not rows:
        raise InputError(f"no epoch of {run} is over yet: there is nothing to report")
    with_photos = {"batch": [], "hardest": [], "pixels": "", "looked_at": ""}
    plots = list(_plots(rows, recipe.schedule.steps_per_epoch))
    people, warnings = None, []
    if records is not None:
        check_records(run, records)
        classifier = _classifier(run)
        with naming_damaged_records(records):
            order = PartOrder(recipe, records)
            people = order.people
            warnings = [colour_warning(order.reader)]
            with_photos, angles = _photos(classifier, order)
        plots += _angle_plots(angles)
    elif recipe.head.name != "none":
        people = _classifier(run).head.num_classes
    warnings += early_warnings(rows, recipe.classes_of_a_step(people)) if people else []
    steps = int(rows[-1]["epoch"]) * recipe.schedule.steps_per_epoch
    page = render_page(
        "training/report.html",
        heading=run.absolute().name,
        faces=records is not None,
        lead=f"{steps:,} of {recipe.schedule.steps:,} steps"
        + (f", {plural(people, 'person', 'people')}." if people else "."),
        warnings=[warning for warning in warnings if warning],
        cards=[
            (name.replace("_", " "), f"{float(rows[-1][name]):.4g}", "last epoch")
            for name in ("loss", "accuracy", "verification_accuracy")
            if rows[-1].get(name)
        ],
        plots=plots,
        published=published_figure(recipe),
        details=[("Recipe", recipe.to_toml())],
        **with_photos,
    )
    write_atomically(run / PAGE, page.encode(), private=records is not None)
    return run / PAGE


def _plots(rows, steps_per_epoch):
    steps = [int(row["epoch"]) * steps_per_epoch for row in rows]
    for name, columns, caption in _PLOTS:
        found = [
            column
            for column in rows[-1]
            if column in columns or (name == "loss" and column.startswith("loss_"))
        ]
        if not found:
            continue
        figure, axes = new_figure()
        for column, colour in zip(found, SERIES, strict=False):
            values = [float(row.get(column) or "nan") for row in rows]
            label = column.replace("_", " ")
            axes.plot(steps, values, color=colour, marker=".", label=label)
        if name in ("lambda", "learning_rate"):
            axes.set_yscale("log")
        axes.set_xlabel("steps")
        if len(found) > 1:
            axes.legend(frameon=False, labelcolor="linecolor")
        yield to_svg(figure, name, caption), caption


def _angle_plots(angles):
    if angles is None:
        return
    bins = np.linspace(0.0, max(angles.target.max(), angles.nearest.max()), 41)
    figure, axes = new_figure()
    for values, label, colour in (
        (angles.target, "own", SERIES[0]),
        (angles.nearest, "nearest other", SERIES[1]),
    ):
        axes.hist(values, bins, histtype="step", linewidth=1.6, color=colour)
        axes.plot([], color=colour, label=label)
    axes.set_xlabel("angle, radians")
    axes.set_ylabel("photos")
    axes.legend(frameon=False, labelcolor="linecolor")
    caption = (
        "Angles of the model to the class weights of the own and of the nearest other "
        "person. Photos whose own angle is the larger one are taken for another."
    )
    yield to_svg(figure, "angle_histogram", caption), caption


def _photos(classifier, order):
    """Parts of the page with photos, and the angles of many; None without a head."""
    contract = classifier.backbone.pixel_contract
    faces, _ = next(order.batches(contract, 0).as_numpy_iterator())
    names = order.photos(0)
    batch = [
        (name, _picture(face, contract), "")
        for name, face in zip(names[:_SHOWN], faces, strict=False)
    ]
    hardest, looked_at, angles = [], "", None
    if classifier.head is not None:
        hardest, looked_at, angles = _hardest(classifier, order.reader)
    shown = {
        "batch": batch,
        "pixels": contract.formula,
        "hardest": hardest,
        "looked_at": looked_at,
    }
    return shown, angles


def _hardest(classifier, reader):
    """Tiles of the least sure people, with their least sure photo, and all angles."""
    contract = classifier.backbone.pixel_contract
    count = len(reader.index.labels)
    size = min(_TOGETHER, count)
    order = shuffled_order_of(reader, size, seed=0)
    batches = order.batches(contract=contract, mirrored=False)
    number = max(1, min(_LOOKED_AT, count) // size)
    people, found = defaultdict(list), []
    for step, (faces, labels) in enumerate(batches.take(number).as_numpy_iterator()):
        angles = class_angles(classifier, faces, labels)
        found.append(angles)
        surplus = (angles.nearest - angles.target).tolist()
        photos = zip(surplus, order.photos(step), faces, strict=True)
        for label, photo in zip(labels, photos, strict=True):
            people[label].append(photo)
    means = {label: np.mean([p[0] for p in photos]) for label, photos in people.items()}
    tiles = []
    for label in sorted(means, key=means.get)[:_HARDEST]:
        _, name, face = min(people[label], key=lambda photo: photo[0])
        tiles.append((name, _picture(face, contract), f"{means[label]:+.2f}"))
    photos = plural(number * size, "photo")
    looked_at = f"{photos} of {plural(len(means), 'person', 'people')}"
    return tiles, looked_at, _together(found)


def _together(parts):
    names = [field.name for field in dataclasses.fields(ClassAngles)]
    return ClassAngles(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )


def _picture(face, contract: PixelContract):
    pixels = face * np.array(contract.scale) + np.array(contract.mean)
    if contract.channel_order == "BGR":
        pixels = pixels[..., ::-1]
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    height, width, _ = pixels.shape
    address = picture_address(np.ascontiguousarray(pixels))
    return {"address": address, "width": width, "height": height}


def _classifier(run):
    path = model_file(run)
    check_keras_file(path)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file makes Keras raise anything
        raise InputError(f"not a usable Keras model: {path}") from error
