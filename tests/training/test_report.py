"""Early warnings, and the page of a run."""

import re
import shutil
import stat

import keras
import numpy as np
import pytest

from tests.training.small_recipe import recipe
from tf_sphereface.commands.report import main
from tf_sphereface.data.batches.shuffled import shuffled_order
from tf_sphereface.data.records.writer import write_records
from tf_sphereface.training.angles import class_angles
from tf_sphereface.training.batches import PartOrder
from tf_sphereface.training.early_warnings import (
    EarlyWarnings,
    colour_warning,
    early_warnings,
)
from tf_sphereface.training.run_folder import open_run
from tf_sphereface.training.trainer import train


def rows(**columns):
    names = [name for name in columns if columns[name]]
    figures = zip(*(columns[name] for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in figures]


GUESSING = {"loss": [9.3, 9.27], "accuracy": [0.0, 0.001], "lambda": [5.0, 5.0]}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (GUESSING, "the loss, 9.27, is that of guessing among 10,572 people (9.27)"),
        (GUESSING | {"lambda": [6.0, 5.0]}, None),
        (GUESSING | {"loss": [9.3, 8.0]}, None),
        (GUESSING | {"accuracy": [0.1, 0.5]}, None),  # a margin has a loss of its own
        (
            {"loss": [3, 5], "accuracy": [0.8, 0.3], "lambda": ["20", "5"]},
            "the accuracy fell from 80.0% to 30.0% while lambda fell from 20 to 5",
        ),
        ({"loss": [3, 5], "accuracy": [0.8, 0.7], "lambda": [20, 5]}, None),
        ({"loss": [3, 5], "accuracy": [0.8, 0.3], "lambda": [5, 5]}, None),
        (
            {
                "loss": [4, 3, 2, 1],
                "accuracy": [0.1, 0.2, 0.3, 0.4],
                "verification_accuracy": [0.9, 0.8, 0.7, 0.6],
            },
            "verification fell for 3 epochs",
        ),
        (
            {
                "loss": [4, 3, 2, 1],
                "accuracy": [0.1, 0.2, 0.3, 0.4],
                "verification_accuracy": [0.9, 0.8, 0.7, 0.71],
            },
            None,
        ),
        ({"loss": [4, 3], "accuracy": [0.0, 0.0]}, None),
    ],
)
def test_known_failures_are_said_in_words(columns, words):
    found = early_warnings(rows(**columns), 10_572)
    assert len(found) == (words is not None)
    assert words is None or found[0].startswith(words)


@pytest.mark.parametrize(
    ("losses", "accuracies", "lambdas", "warned"),
    [  # SphereFaceCNN with 10 layers on 801 people of LFW; batches of 32, and of 64
        ([6.703, 6.732, 6.687], [0.068, 0.107, 0.130], [7.35, 5, 5], True),
        ([6.625, 6.586, 6.400], [0.085, 0.169, 0.249], [8.26, 5, 5], False),
    ],
    ids=["came to 62 % of the pairs", "came to 87 %"],
)
def test_trainings_that_were_stuck_and_were_not(losses, accuracies, lambdas, warned):
    history = rows(loss=losses, accuracy=accuracies, **{"lambda": lambdas})
    assert bool(early_warnings(history, 801)) == warned


def test_a_warning_comes_once():
    told, history = [], []
    callback = EarlyWarnings(history, 10_572, told.append)
    for row in rows(**GUESSING) + rows(**GUESSING):
        history.append(row)
        callback.on_epoch_end(len(history))
    assert len(told) == 1


def coloured(folder, colour, people=12):
    import cv2

    rng = np.random.default_rng(0)
    for person in range(people):
        (folder / "aligned" / f"p{person:02}").mkdir(parents=True)
        crop = np.clip(colour + rng.normal(0, 20, (112, 96, 3)), 0, 255)
        path = folder / "aligned" / f"p{person:02}" / "0.png"
        cv2.imwrite(str(path), crop[..., ::-1].astype(np.uint8))
    write_records(folder / "aligned", folder / "records", 1)
    return PartOrder(recipe(), folder / "records").reader


def test_exchanged_colours_are_seen(tmp_path):
    skin = np.array([200, 150, 120])
    assert colour_warning(coloured(tmp_path / "right", skin)) is None
    warning = colour_warning(coloured(tmp_path / "wrong", skin[::-1]))
    assert warning.startswith("12 of 12 crops are more blue than red")
    assert colour_warning(coloured(tmp_path / "few", skin[::-1], 3)) is None


def surpluses(run, records):
    """Angle to the nearest other person minus the own one, means, the least first."""
    classifier = keras.saving.load_model(run / "best.keras", compile=False)
    contract = classifier.backbone.pixel_contract
    order = shuffled_order(records, 24, seed=0)
    (batch,) = order.batches(contract=contract, mirrored=False).take(1)
    angles = class_angles(classifier, *(part.numpy() for part in batch))
    people = np.array([name.partition("/")[0] for name in order.photos(0)])
    means = {
        person: (angles.nearest - angles.target)[people == person].mean()
        for person in set(people)
    }
    return sorted((mean, person) for person, mean in means.items())


def test_a_page_with_photos_of_other_records_is_refused(records, tmp_path, capsys):
    """Their labels are other people's: angles and hardest people would be wrong."""
    run, other = tmp_path / "run", tmp_path / "other"
    with open_run(run, recipe(), records):
        (run / "history.csv").write_text("epoch,loss\n1,2.0\n")
    write_records(records.parent / "aligned", other, shards=1, seed=1)
    assert main([str(run), "--records", str(other)]) == 2
    assert f"{run} was trained on other records than" in capsys.readouterr().err
    same = shutil.copytree(records, tmp_path / "same")
    assert main([str(run), "--records", str(same)]) == 2
    assert "no best.keras or last.keras" in capsys.readouterr().err


@pytest.mark.usefixtures("eagerly")
def test_the_page_of_a_run(records, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([str(run)]) == 2
    assert "no such recipe" in capsys.readouterr().err
    train(recipe(schedule={"steps": 2, "steps_per_epoch": 1}), records, run)
    assert main([str(run)]) == 0
    page = (run / "training.html").read_text("utf-8")
    assert page.count("<svg") == 6 and "<img" not in page
    assert "2 of 2 steps, 4 people" in page
    assert main([str(run), "--records", str(records)]) == 0
    page = (run / "training.html").read_text("utf-8")
    assert page.count("<svg") == 7
    pictures = re.findall(r'<img src="data:image/jpeg[^>]* alt="(.*?)"', page)
    batch = PartOrder(recipe(), records).photos(0)
    assert pictures[:8] == batch
    assert {name.split("/")[0] for name in pictures[8:]} == {
        f"person {number}" for number in range(4)
    }
    assert "Of 24 photos of 4 people" in page
    surplus = re.findall(r'alt="(person \d)/[^>]*><b>(.*?)</b>', page)
    assert surplus == [
        (person, f"{mean:+.2f}") for mean, person in surpluses(run, records)
    ]
    assert "RGB, (pixel - 127.5) / 128" in page
    assert stat.S_IMODE((run / "training.html").stat().st_mode) == 0o600
    (run / "history.csv").unlink()
    assert main([str(run)]) == 2
    assert "is over yet" in capsys.readouterr().err
