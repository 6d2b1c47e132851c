"""A recipe that trains in seconds."""

from tf_sphereface.training.recipes.recipe import Recipe

SMALL = {
    "backbone": {"depth": 4, "width_multiplier": 0.0625, "embedding_dim": 16},
    "head": {"name": "a_softmax", "annealing": {"base": 20.0, "gamma": 0.2}},
    "data": {"batch_size": 8},
    "optimizer": {"learning_rate": 0.01, "boundaries": [], "gradient_norm": 1.0},
    "schedule": {"steps": 12, "steps_per_epoch": 4, "seed": 3},
}


def recipe(**sections):
    tree = {name: dict(section) for name, section in SMALL.items()}
    for name, section in sections.items():
        tree[name].update(section)
    return Recipe.model_validate(tree)
