"""The golden faces of a bundle, computed again: detect, warp, embed."""

import numpy as np

from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.golden import GoldenFaces
from tf_sphereface.detection import nearest_to_centre
from tf_sphereface.geometry import align_face

# Other processors round sums in another order.
LANDMARK_TOLERANCE = 0.1  # pixels of the photo
CROP_TOLERANCE = 1  # grey levels of 255


def golden_differences(
    bundle: Bundle, golden: GoldenFaces, variants: list[str]
) -> list[str]:
    """Differences between the recomputed and the stored golden results.

    Each step begins with what the golden file has of the step before, so that a
    difference is reported where it arises. Faces with changed pictures are left out.

    Args:
        bundle: Its detector and variants are used.
        golden: Its golden faces.
        variants: Names of those to check.
    """
    intact = [(n, f) for n, f in enumerate(golden.faces) if golden.is_intact(f)]
    differences, detector = [], bundle.detector()
    for number, face in intact:
        photo = golden.picture(face, "photo")
        found = _detection_difference(detector, photo, face.detected)
        found = found or _crop_difference(bundle, photo, golden, face)
        if found:
            differences.append(f"golden face {number}: {found}")
    if intact:
        for name in variants:
            embedder = bundle.embedder(name, threads=1, self_test=False)
            drift = bundle.variant(name).drift
            for number, face in intact:
                found = golden.embedding_difference(face, name, drift, embedder)
                if found:
                    differences.append(f"golden face {number}: {found}")
    return differences


def _detection_difference(detector, photo, expected):
    (faces,) = detector.detect([photo])
    face = nearest_to_centre(faces, *photo.shape[:2])
    if face is None or expected is None:
        if (face is None) == (expected is None):
            return None
        return f"the detector finds {'no' if face is None else 'a'} face"
    shift = np.asarray(face.landmarks) - np.asarray(expected.landmarks)
    distance = np.linalg.norm(shift, axis=1).max()
    if distance <= LANDMARK_TOLERANCE:
        return None
    return (
        f"a landmark is found {distance:.2f} pixels away, the tolerance is "
        f"{LANDMARK_TOLERANCE}"
    )


def _crop_difference(bundle, photo, golden, face):
    try:
        crop = align_face(photo, np.asarray(face.landmarks), bundle.contract.crop)
    except ValueError as error:  # points that coincide, a size of no crop
        return f"no crop can be cut ({error})"
    expected = golden.picture(face, "crop")
    if crop.shape != expected.shape:
        return f"the crop is {crop.shape}, not {expected.shape}"
    away = int(np.abs(crop.astype(int) - expected.astype(int)).max())
    if away <= CROP_TOLERANCE:
        return None
    return f"the crop is {away} grey levels away, the tolerance is {CROP_TOLERANCE}"
