"""What an aligned folder that somebody else made may say of itself."""

import numpy as np


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
    if "template" not in crop:
        return True
    try:
        template = np.array(crop["template"], np.float64)
    except (TypeError, ValueError):
        return False
    return template.shape == (5, 2) and bool(np.isfinite(template).all())
