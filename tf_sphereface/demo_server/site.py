"""The built page of the web demo: of a checkout, or out of the wheel."""

import shutil
import subprocess
from pathlib import Path

from tf_sphereface.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_BUILT_IN = _PACKAGE / "demo_site"
_SOURCES = _PACKAGE.parent / "mobile_demo" / "web"
_MADE = {"node_modules", "dist", "tests", "bench"}


def find_site(tell=lambda _: None, sources: Path = _SOURCES) -> Path:
    """The folder of the built page; in a checkout it is built first if need be.

    Args:
        tell: Takes a line before something that lasts.
        sources: `mobile_demo/web` of the checkout; elsewhere there is none.

    Raises: InputError if npm is missing or fails, or if the package has no page in it.
    """
    if (sources / "package.json").is_file():
        return build_site(tell, sources)
    if not (_BUILT_IN / "index.html").is_file():
        raise InputError(
            "this installation has no web page in it; start the command from a "
            "checkout of tf_sphereface, or install a wheel built after `make demo-site`"
        )
    return _BUILT_IN


def build_site(tell=lambda _: None, sources: Path = _SOURCES) -> Path:
    """Builds `mobile_demo/web/dist` with npm if a source is newer.

    Raises: InputError if npm is missing or fails.
    """
    dist, lock = sources / "dist", sources / "package-lock.json"
    if not is_stale(dist / "index.html", sources):
        return dist
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "npm is missing, which builds the page: install Node.js 20 or later "
            "(https://nodejs.org, or `apt-get install npm`)"
        )
    tell(f"building the page in {sources}")
    installed = sources / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([npm, "ci"], sources)
    _run([npm, "run", "build"], sources)
    if not (dist / "index.html").is_file():
        raise InputError(f"`npm run build` made no index.html; run it in {sources}")
    return dist


def is_stale(made: Path, sources: Path) -> bool:
    """True if a built file is missing, or older than a source of the page."""
    if not made.is_file():
        return True
    newest = max(
        path.stat().st_mtime for path in _source_files(sources) if path.is_file()
    )
    return made.stat().st_mtime < newest


def _source_files(sources):
    for path in sources.iterdir():
        if path.name not in _MADE and not path.name.startswith("."):
            yield from path.rglob("*") if path.is_dir() else [path]


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = said[-1].strip() if said else f"status {done.returncode}"
        call = " ".join(["npm", *command[1:]])
        raise InputError(f"`{call}` failed in {folder}: {reason}")
