"""Judgement on the model of a quickstart in words, and the next command."""

import shlex

# Below, no network that starts from nothing has been seen to serve strangers.
ENOUGH_PEOPLE = 1000
_PUBLISHED = (
    "published networks, trained on photos of 10,000 people and more, reach over 99 % "
    "on LFW"
)


def verdict(people: int, accuracy: float, data: str, fine_tuned: bool) -> str:
    """Says what the model is good for, and how to come to a better one.

    Args:
        people: Number that the network was trained on.
        accuracy: Of verification of unseen people, 0..1.
        data: As for `run_quickstart`.
        fine_tuned: The network began with weights that were trained already.

    Returns: A sentence or two, and perhaps lines with commands.
    """
    if data == "synthetic":
        return (
            "These people are drawn by a program: the figures show that every stage "
            "works, not how good a model for real faces is. Next, with photos of 20 "
            "people or more: sphereface quickstart --data PHOTOS --out runs/mine"
        )
    found = f"{accuracy:.1%} of the pairs of unseen people are decided rightly"
    if fine_tuned:
        return (
            f"{found}; {_PUBLISHED}. Next, the figure of the weights before the "
            "fine-tuning: sphereface evaluate, on the same crops and pairs"
        )
    if people >= ENOUGH_PEOPLE:
        return f"{found}; {_PUBLISHED}. Next: a larger recipe, docs/training.md"
    tuning = [
        *("sphereface", "quickstart", "--data", data, "--out", "runs/tuned"),
        *("--recipe", "fine_tuning"),
        *("--set", "fine_tuning.initial_weights=imported.keras"),
        *("--set", "data.batch_size=32", "--set", "schedule.steps=500"),
        *("--set", "schedule.steps_per_epoch=100"),
    ]
    return (
        f"{people} people are too few for a product: {found}, while {_PUBLISHED}. "
        "Next, published weights (docs/import_weights.md), fine-tuned with these "
        "people:\n"
        "  sphereface import-weights FILE --backbone NAME --out imported.keras\n"
        f"  {shlex.join(tuning)}"
    )
