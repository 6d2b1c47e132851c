"""The crops that a bundle must cut: those that its network was trained on."""

from collections.abc import Iterable
from pathlib import Path

from tf_sphereface.data.aligned.settings import differing_crops, recorded_crop
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import PixelContract


def crop_of_model(
    own: CropGeometry | None, contract: PixelContract, folders: Iterable[Path | None]
) -> CropGeometry:
    """Size, template and fit of a network's crops.

    Those that it was trained on, if it knows them; else those of the folders, by their
    align.json; else those that `align` makes of the size.

    Args:
        own: What the network was trained on, or None.
        contract: Says the size.
        folders: Of aligned faces that the network is measured on; None is none.

    Raises: InputError if a folder has other crops.
    """
    crop, whose = own, "the network was trained on"
    for folder in filter(None, folders):
        found = recorded_crop(folder)
        if found is None or (found.height, found.width) != (
            contract.height,
            contract.width,
        ):
            continue  # another size is refused where crops are read
        if crop is None:
            crop, whose = found, f"{folder} holds"
        elif difference := differing_crops(found, crop):
            raise InputError(
                f"{folder} holds other crops than {whose}: {difference}; align the "
                "photos again"
            )
    return contract.crop if crop is None else crop
