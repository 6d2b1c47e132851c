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
    summaries = {}
    for name, file in _files().items():
        summaries[name], published = _comment(file)
        if published is not None:
            summaries[name] += f" ({_PUBLISHED} {published}; not run here)"
    return summaries


def published_figure(recipe: Recipe) -> str | None:
    """The published figure of the shipped recipe with the same network and losses.

    Data and schedule may differ. None for recipes in stages and for fine-tuning, whose
    network `[backbone]` does not tell.
    """
    if recipe.fine_tuning is not None:
        return None
    for file in _files().values():
        published = _comment(file)[1]
        if published is None or published.startswith(_NONE):
            continue
        shipped = read_recipe(file)
        same = all(getattr(shipped, part) == getattr(recipe, part) for part in _SAME)
        if same and not shipped.then:
            return published
    return None


def find_recipe(given: Path) -> Path:
    """The file of a recipe.

    Args:
        given: A file, or the name of a shipped recipe; a file of that name comes first.

    Raises: InputError if it is neither.
    """
    if given.exists():
        return given
    files = _files()
    if str(given) in files:
        return files[str(given)]
    raise InputError(
        f"no such recipe: {given}; give a TOML file or one of {', '.join(files)}"
    )


def _files() -> dict[str, Path]:
    folder = Path(str(resources.files("tf_sphereface.recipes")))
    return {file.stem: file for file in sorted(folder.glob(f"*{_SUFFIX}"))}


def _comment(file) -> tuple[str, str | None]:
    """First sentence of a recipe's comment, and its published figure if it says one."""
    lines, published = [], None
    for line in file.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        line = line.removeprefix("#").strip()
        if line.startswith(_PUBLISHED):
            published = line.removeprefix(_PUBLISHED).strip()
        else:
            lines.append(line)
    return " ".join(lines).partition(". ")[0].removesuffix("."), published
