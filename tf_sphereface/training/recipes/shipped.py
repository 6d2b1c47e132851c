"""Training recipes that ship with the package, by name."""

from importlib import resources
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.training.recipes.recipe import Recipe, read_recipe

_SUFFIX = ".toml"
_PUBLISHED, _NONE = "published:", "none"
_SAME = ("backbone", "head", "metric_losses")


def shipped_recipes() -> dict[str, str]:
    """The first sentence of each recipe's comment, by the recipe's name.

    One with a published figure, in a line of the comment, says that it is not ours.
    """
    folder = resources.files("tf_sphereface.recipes")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(_SUFFIX): _summary(file.read_text("utf-8"))
        for file in files
        if file.name.endswith(_SUFFIX)
    }


def published_figure(recipe: Recipe) -> str | None:
    """The published figure of the shipped recipe with the same network and losses.

    Of its stages the last counts; data and schedule may differ.
    """
    folder = resources.files("tf_sphereface.recipes")
    for name, summary in shipped_recipes().items():
        _, found, figure = summary.partition(f"({_PUBLISHED} ")
        if not found or figure.startswith(_NONE):
            continue
        shipped = read_recipe(Path(str(folder / f"{name}{_SUFFIX}"))).stages([])[-1]
        if all(getattr(shipped, part) == getattr(recipe, part) for part in _SAME):
            return figure.rpartition(";")[0]
    return None


def find_recipe(given: Path) -> Path:
    """The file of a recipe.

    Args:
        given: A file, or the name of a shipped recipe; a file of that name comes first.

    Raises: InputError if it is neither.
    """
    if given.exists():
        return given
    names = shipped_recipes()
    if str(given) in names:
        return Path(str(resources.files("tf_sphereface.recipes") / f"{given}{_SUFFIX}"))
    raise InputError(
        f"no such recipe: {given}; give a TOML file or one of {', '.join(names)}"
    )


def _summary(text):
    lines, published = [], ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        line = line.removeprefix("#").strip()
        if line.startswith(_PUBLISHED):
            published = f" ({line}; not run here)"
        else:
            lines.append(line)
    return " ".join(lines).partition(". ")[0].removesuffix(".") + published
