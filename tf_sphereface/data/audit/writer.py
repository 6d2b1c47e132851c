"""Writes audit.html into an aligned folder."""

import datetime
from pathlib import Path

import tf_sphereface
from tf_sphereface.data.aligned.manifest import MANIFEST_NAME
from tf_sphereface.data.aligned.settings import LOCK_NAME, SETTINGS_NAME
from tf_sphereface.data.audit.facts import read_facts
from tf_sphereface.data.audit.page import render_audit
from tf_sphereface.data.audit.sheets import choose_sheets, take_pictures
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.folder_lock import only_process
from tf_sphereface.progress import Progress
from tf_sphereface.stated_paths import stated_path

AUDIT_NAME = "audit.html"


def write_audit(
    folder: Path,
    *,
    seed: int = 0,
    thumbnails: bool = True,
    command: str | None = None,
    source: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes audit.html beside the manifest of an aligned folder.

    The page is of the whole manifest, with what an interrupted run has done. The same
    folder, seed and arguments give the same bytes.

    Args:
        folder: What `align_photos` wrote.
        seed: Of the random sheet and the samples.
        thumbnails: Without them no crop is read and the page shows no face; names of
            people and photos are still on it.
        command: The command line to state; None states the library function.
        source: Where the photos came from; None: not known.
        progress: Called with the number of crops read, and to read.

    Returns: The page's path.
    Raises: InputError if it is not an aligned folder, or damaged, or if an alignment
        is under way in it; OSError if writing fails.
    """
    if seed < 0:
        raise InputError(f"seed must not be negative. Received: {seed}")
    folder = Path(folder)
    facts = read_facts(folder)
    sheets = choose_sheets(facts.crops, seed)
    pictures = None
    if thumbnails:
        pictures = take_pictures(folder, facts, sheets, seed, progress)
    named = stated_path(folder)
    call = f"write_audit({named!r}, seed={seed}, thumbnails={thumbnails})"
    details = [
        ("Aligned folder", named),
        ("Photos from", "not recorded" if source is None else stated_path(source)),
        ("Command of this page", command or call),
        ("Aligned", _when(folder)),
        *_settings(facts.settings),
        ("Seed of the samples", str(seed)),
        ("tf_sphereface", tf_sphereface.__version__),
    ]
    name = folder.resolve().name
    page = render_audit(name, facts, sheets, pictures, details, seed)
    path = folder / AUDIT_NAME
    # An alignment would take the unfinished page for that of a killed run.
    with only_process(folder / LOCK_NAME, folder):
        # Paths may hold bytes that are no text.
        page = page.encode(errors="backslashreplace")
        write_atomically(path, page, private=thumbnails)
    return path


def _when(folder):
    """Time at which the manifest was written, so that the page can be made again."""
    path = folder / MANIFEST_NAME
    if not path.exists():
        return "not finished"
    changed = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
    return changed.strftime("%Y-%m-%d %H:%M UTC")


def _settings(settings):
    if not settings:
        return [("Settings", f"no {SETTINGS_NAME} in the folder")]
    crop, detector = settings.get("crop", {}), dict(settings.get("detector", {}))
    form = (
        f"{crop.get('width')} × {crop.get('height')} px, {crop.get('channel_order')}, "
        f"{crop.get('format')} quality {crop.get('quality')}"
    )
    if crop.get("fit") == "photo":
        form += ", fitted in the photo"
    networks = detector.pop("networks_sha256", "not recorded")
    name = detector.pop("name", "not recorded")
    described = ", ".join(
        f"{key.replace('_', ' ')} {_plain(value)}" for key, value in detector.items()
    )
    return [
        ("Crops", form),
        ("Choice of the face", str(settings.get("choice", "not recorded"))),
        ("Detector", f"{name}: {described}"),
        ("SHA-256 of its networks", networks),
    ]


def _plain(value):
    return " / ".join(map(str, value)) if isinstance(value, list) else str(value)
