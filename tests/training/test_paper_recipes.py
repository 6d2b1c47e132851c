"""Every shipped recipe of a paper: as it is, and trained 20 steps on small faces."""

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from tf_sphereface.data.records.writer import write_records
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry, landmark_template
from tf_sphereface.training.recipes.recipe import read_recipe
from tf_sphereface.training.recipes.shipped import find_recipe, shipped_recipes
from tf_sphereface.training.trainer import train

PAPERS = [name for name in shipped_recipes() if name.endswith("_casia")]
PEOPLE, CROPS, SIZE, LARGE = 4, 4, 48, 80
# VGG-16 cannot be made narrow: its two stages are tried on another network.
SMALL = {
    "sphereface_cnn": ["depth=4", "width_multiplier=0.0625", "embedding_dim=16"],
    "mobilefacenet": ["width_multiplier=0.125", "embedding_dim=16"],
    "inception_resnet_v1": ["width_multiplier=0.0625", "embedding_dim=16"],
}
SMALL["keras_application"] = ["name=sphereface_cnn", *SMALL["sphereface_cnn"]]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Crops of 48 x 48, a colour for each person and noise."""
    return write_square(tmp_path_factory.mktemp("faces"), SIZE)


def write_square(folder, size):
    rng = np.random.default_rng(0)
    for person in range(PEOPLE):
        (folder / "aligned" / f"p{person}").mkdir(parents=True)
        for number in range(CROPS):
            crop = rng.integers(40, 215, 3) + rng.normal(0, 20, (size, size, 3))
            path = folder / "aligned" / f"p{person}" / f"{number}.png"
            cv2.imwrite(str(path), np.clip(crop, 0, 255).astype(np.uint8))
    geometry = CropGeometry(size, size, landmark_template(size, size))
    write_records(folder / "aligned", folder / "records", 1, crop=geometry)
    return folder / "records"


def small(name, steps, size=SIZE):
    whole = read_recipe(find_recipe(Path(name)))
    keys = [*SMALL[whole.backbone.name], f"height={size}", f"width={size}"]
    changes = [f"backbone.{key}" for key in keys]
    stages = {"": whole, **{f"then.{n}.": s for n, s in enumerate(whole.then)}}
    for place, stage in stages.items():
        changes += [f"{place}data.batch_size=4", f"{place}schedule.steps={steps}"]
        changes += [f"{place}schedule.steps_per_epoch={steps}"]
        changes += [f"{place}optimizer.learning_rate=0.001"]
        if stage.data.images_per_identity:
            changes += [f"{place}data.images_per_identity=2"]
    changes += ["then.0.frozen_stages=1"] if whole.then else []
    return read_recipe(find_recipe(Path(name)), changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_twenty_steps(records, tmp_path, name):
    recipe = small(name, 20, LARGE if name == "facenet_casia" else SIZE)
    if name == "facenet_casia":
        records = write_square(tmp_path, LARGE)
    summary = train(recipe, records, tmp_path / "run")
    assert summary.steps == 20 and np.isfinite(summary.logs["loss"])


def test_the_papers_numbers_are_in_their_recipes():
    paper = read_recipe(find_recipe(Path("sphereface64_casia")))
    assert paper.data.batch_size == 512
    assert paper.optimizer.boundaries == (16_000, 24_000)
    assert (paper.optimizer.weight_decay, paper.optimizer.bias_rate) == (5e-4, 2.0)
    assert paper.schedule.steps == 28_000
    assert paper.head.annealing.minimum == 5.0
    assert len(PAPERS) == 12
    for name in PAPERS:
        assert "published: " in shipped_recipes()[name]
        assert "not run here" in shipped_recipes()[name]


@pytest.mark.usefixtures("eagerly")
def test_two_stages_are_one_run_that_goes_on(records, tmp_path, monkeypatch):
    recipe, run = small("vggface_casia", 1), tmp_path / "run"
    summary = train(recipe, records, run)
    first = keras.models.load_model(run / "stage1" / "last.keras")
    last = keras.models.load_model(summary.last)
    assert first.head is not None and last.head is None
    frozen = first.backbone.get_layer("conv1_1").kernel.numpy()
    np.testing.assert_array_equal(frozen, last.backbone.get_layer("conv1_1").kernel)
    moved = last.backbone.get_layer("fc5").kernel.numpy()
    assert not np.array_equal(first.backbone.get_layer("fc5").kernel, moved)
    # A finished stage is not written again: the next one began with its bytes.
    before = (run / "stage1" / "last.keras").read_bytes()
    (run / "last.keras").unlink()
    assert train(recipe, records, run).resumed_at == 1
    assert (run / "stage1" / "last.keras").read_bytes() == before
    again = keras.models.load_model(run / "last.keras").backbone
    np.testing.assert_array_equal(again.get_layer("fc5").kernel, moved)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("then.1.schedule.steps=5", "--set .*: '1' is not a section"),
        ("then.x.schedule.steps=5", "--set .*: 'x' is not a section"),
        ("then.schedule=5", "say which, as in then.0.schedule"),
        ("then.0.backbone.depth=4", "unknown key `then.0.backbone`"),
        ("then.0.head.name=none2", "`then.0.head`: `name` must be one of"),
        ("then.0.data.batch_size=6", "multiple of `images_per_identity`"),
    ],
)
def test_a_wrong_stage_is_named(override, message):
    with pytest.raises(InputError, match=message):
        read_recipe(find_recipe(Path("vggface_casia")), [override])


def test_a_later_stage_that_cannot_be_is_said_before_the_first(records, tmp_path):
    recipe = small("vggface_casia", 1)
    stage = recipe.then[0]
    data = stage.data.model_copy(update={"batch_size": 20})
    stage = stage.model_copy(update={"data": data})
    recipe = recipe.model_copy(update={"then": (stage,)})
    with pytest.raises(InputError, match="batch_size 20 is larger than the 16 faces"):
        train(recipe, records, tmp_path / "run")
    assert not (tmp_path / "run").exists()
