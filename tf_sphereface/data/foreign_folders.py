"""What an aligned folder that somebody else made may say of itself."""

from tf_sphereface.geometry import CROP_HEIGHT, CROP_WIDTH, CropGeometry


def stays_inside(name: str, depth: int) -> bool:
    """Whether a name of `depth` parts is of something in the folder itself.

    Crops are read, copied and removed by the names in a manifest.
    """
    parts = name.split("/")
    return len(parts) == depth and not {"", ".", ".."} & set(parts)


def are_settings(settings: object) -> bool:
    """Whether the content of align.json has the form that its readers count on."""
    if not isinstance(settings, dict):
        return False
    crop, detector = settings.get("crop", {}), settings.get("detector", {})
    if not (isinstance(crop, dict) and isinstance(detector, dict)):
        return False
    try:
        described_crop(settings)
    except (TypeError, ValueError):
        return False
    return True


def described_crop(
    settings: dict, height: int = CROP_HEIGHT, width: int = CROP_WIDTH
) -> CropGeometry:
    """The crops of which settings in align.json are.

    Args:
        settings: Of a folder; empty if it has none.
        height: Rows, pixels, if the settings do not say.
        width: Columns, pixels, likewise.

    Raises: ValueError or TypeError if there are no such crops.
    """
    said = settings.get("crop", {})
    return CropGeometry(
        said.get("height", height), said.get("width", width), said.get("template")
    )
