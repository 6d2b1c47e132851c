"""Cases of pixels: resizing, warps, the pixel contract, camera planes."""

import base64

import cv2
import numpy as np

from case_makers.case_folder import CaseFolder
from tf_sphereface.data.synthetic import (
    Capture,
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection.crops import (
    Pyramid,
    pyramid_levels,
    square_crops,
    warped_crops,
)
from tf_sphereface.geometry import (
    CropGeometry,
    align_face,
    crop_transform,
    landmark_template,
)
from tf_sphereface.preprocessing import PixelContract

# A mean that lies half-way between two grey levels may be rounded to either.
_RESIZE = {"grey_levels": 1, "share_of_bytes": 0.005}
_WARP = {"grey_levels": 1, "share_of_bytes": 0.002}
_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def sample_photo() -> tuple[np.ndarray, np.ndarray]:
    """A rendered person, uint8 (96, 79, 3), and the landmarks, float (5, 2)."""
    rng = np.random.default_rng(12)
    identity, found = sample_identity(rng), sample_capture(rng)
    capture = Capture(**{**vars(found), "noise": 0.5, "yaw": 8.0, "roll": 6.0})
    photo = render_photo(identity, capture, 96)
    return np.ascontiguousarray(photo.image[:, 9:88]), photo.landmarks - (9, 0)


def sample_texture() -> np.ndarray:
    """Noise, uint8 (37, 45, 3): every byte of it tells a wrong pixel."""
    return np.random.default_rng(3).integers(0, 256, (37, 45, 3), np.uint8)


def add_pixel_cases(folder: CaseFolder) -> None:
    """Adds the topics of pixels."""
    photo, landmarks = sample_photo()
    texture = sample_texture()
    pictures = {
        folder.png("photo", photo): photo,
        folder.png("texture", texture): texture,
    }
    _add_resizes(folder, pictures)
    _add_pyramids(folder, pictures)
    _add_warps(folder, pictures)
    _add_aligned(folder, photo, landmarks.round(3))
    _add_similarities(folder, landmarks.round(3))
    _add_normalised(folder)
    _add_planes(folder)


def _bytes(normalised):
    return np.rint(normalised * 128 + 127.5).astype(np.uint8)


def _add_resizes(folder, pictures):
    wanted = [
        ("photo.png", 48, 40),
        ("photo.png", 57, 47),
        ("photo.png", 40, 33),
        ("photo.png", 12, 9),
        ("texture.png", 22, 18),
        ("texture.png", 36, 44),
        ("texture.png", 1, 1),
        ("texture.png", 9, 45),
    ]
    cases = []
    for photo, height, width in wanted:
        made = cv2.resize(
            pictures[photo], (width, height), interpolation=cv2.INTER_AREA
        )
        name = f"{photo[:-4]} to {height} x {width}"
        file = folder.png(f"area_resize/{photo[:-4]}_{height}x{width}", made)
        case = {"name": name, "photo": photo, "height": height, "width": width}
        cases.append({**case, "expected": file})
    folder.topic(
        "area_resize",
        "Each pixel is the mean of the area that it covers.",
        cases,
        tolerance=_RESIZE,
    )
    small = pictures["texture.png"][:18, :22]
    larger = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    case = {"name": "twice", "photo": folder.png("enlarged/small", small), "factor": 2}
    file = folder.png("enlarged/large", larger)
    folder.topic(
        "enlarged",
        "Bilinear, about the pixels' edges, for the second look of the detector.",
        [{**case, "expected": file}],
        tolerance=_RESIZE,
    )


def _add_pyramids(folder, pictures):
    cases = []
    for photo, smallest, factor in (
        ("photo.png", 20, 0.709),
        ("photo.png", 60, 0.709),
        ("texture.png", 14, 0.8),
        ("texture.png", 40, 0.709),
    ):
        pixels = pictures[photo]
        levels = pyramid_levels(*pixels.shape[:2], 12, smallest, factor)
        pyramid, expected = Pyramid(pixels), []
        for (height, width), scales in levels:
            stem = f"pyramid/{photo[:-4]}_{smallest}_{height}x{width}"
            file = folder.png(stem, _bytes(pyramid(height, width)))
            level = {"height": height, "width": width, "scales_xy": scales}
            expected.append({**level, "expected": file})
        cases.append(
            {
                "name": f"{photo[:-4]}, faces from {smallest} pixels",
                "photo": photo,
                "smallest_face": smallest,
                "pyramid_factor": factor,
                "levels": expected,
            }
        )
    folder.topic(
        "pyramid",
        "Levels from the largest down; before a level the photo is halved as long as "
        "it is twice as large or more.",
        cases,
        cell=12,
        tolerance=_RESIZE,
    )


def _add_warps(folder, pictures):
    cases = []
    for name, photo, side, scale, degrees, corner in (
        ("as it is", "texture.png", 24, 1.0, 0.0, (5.0, 7.0)),
        ("between pixels", "texture.png", 24, 1.0, 0.0, (5.25, 7.75)),
        ("turned", "photo.png", 48, 1.31, 33.0, (30.5, -4.25)),
        ("beyond the edges", "texture.png", 24, 2.2, -20.0, (-9.0, 3.5)),
        ("enlarged", "texture.png", 48, 0.3, 100.0, (25.0, 12.0)),
        ("reduced by more than 4", "photo.png", 24, 5.5, 10.0, (-8.0, -12.0)),
    ):
        turn = np.radians(degrees)
        linear = scale * (np.cos(turn) * np.eye(2) + np.sin(turn) * _TURN)
        matrix = np.column_stack([linear.round(6), corner])
        made = warped_crops([pictures[photo]], matrix[None], np.array([0]), side)
        file = folder.png(f"warp/{name.replace(' ', '_')}", _bytes(made[0]))
        case = {"name": name, "photo": photo, "side": side, "to_photo": matrix}
        cases.append({**case, "expected": file})
    box = np.array([[12.5, 20.25, 60.0, 67.75], [-10.0, -6.0, 20.0, 24.0]])
    for number, side in enumerate((48, 24)):
        boxes, owners = box[number : number + 1], np.array([0])
        (crop,) = square_crops([pictures["photo.png"]], boxes, owners, side)
        file = folder.png(f"warp/square_{side}", _bytes(crop))
        case = {"name": f"square to {side}", "photo": "photo.png", "side": side}
        cases.append({**case, "box": box[number], "expected": file})
    folder.topic(
        "warp",
        "Bilinear crops out of a photo, grey (127.5, which gives 128) outside. Squares "
        "are warped by the matrix of their box.",
        cases,
        tolerance=_WARP,
    )


def _add_aligned(folder, photo, landmarks):
    crops = {
        "sphereface": CropGeometry(),
        "in the photo": CropGeometry(56, 48, fit="photo"),
        "square": CropGeometry(56, 56),
    }
    cases = []
    for name, crop in crops.items():
        moved = landmarks if name != "square" else landmarks - (20, 6)
        made = align_face(photo, moved, crop)
        file = folder.png(f"aligned/{name.replace(' ', '_')}", made)
        case = {
            "name": name,
            "photo": "photo.png",
            "landmarks": moved,
            "height": crop.height,
            "width": crop.width,
            **crop.kind,
        }
        cases.append({**case, "expected": file})
    folder.topic(
        "aligned",
        "The face warped so that its landmarks lie on the template: bilinear, black "
        "outside the photo.",
        cases,
        tolerance=_WARP,
    )


def _add_similarities(folder, landmarks):
    rng, cases = np.random.default_rng(8), []
    template = landmark_template(112, 96)
    turned = (template - 50) @ np.array([[0.0, 1.0], [-1.0, 0.0]]) * 2 + (300, 200)
    mirrored = template * (-1, 1) + (90, 0)
    faces = {
        "a face": landmarks,
        "exact": template * 0.5 + (7, 9),
        "a quarter turn": turned + rng.normal(0, 1, (5, 2)).round(2),
        "a mirror image": mirrored,
        "far away": landmarks * 40 + (3000, 2000),
    }
    for name, face in faces.items():
        for fit in ("crop", "photo"):
            if (name, fit) == ("a mirror image", "photo"):
                continue  # ill-conditioned: no similarity is near
            face = face.round(6)
            matrix = crop_transform(face, CropGeometry(fit=fit))
            cases.append(
                {
                    "name": f"{name}, fitted in the {fit}",
                    "landmarks": face,
                    "template": template,
                    "fit": fit,
                    "to_crop": matrix,
                }
            )
    folder.topic(
        "similarity",
        "Least-squares similarity from five landmarks to the template.",
        cases,
        tolerance=1e-6,
    )


def _add_normalised(folder):
    pixels = np.random.default_rng(5).integers(0, 256, (2, 2, 3), np.uint8)
    contracts = {
        "usual": {},
        "blue first": {"channel_order": "BGR", "mean": 127.5, "scale": 127.5},
        "of each channel": {"mean": (120.0, 110.5, 100.0), "scale": (58.0, 57.0, 56.5)},
        "of each channel, blue first": {
            **{"channel_order": "BGR", "mean": (100.0, 110.5, 120.0)},
            "scale": (56.5, 57.0, 58.0),
        },
    }
    cases = []
    for name, options in contracts.items():
        contract = PixelContract(2, 2, **options)
        case = {
            "name": name,
            "pixels": pixels,
            "channel_order": contract.channel_order,
            "mean": contract.mean,
            "scale": contract.scale,
        }
        cases.append({**case, "expected": contract.normalize(np.float32(pixels))})
    folder.topic(
        "normalised",
        "(pixel - mean) / scale of RGB pixels, in the network's order of channels; "
        "means and scales are in that order too.",
        cases,
        tolerance=1e-6,
    )


def rgb_of_planes(luma, blue, red) -> np.ndarray:
    """RGB of full-range BT.601, as JFIF has it: each sample of colour is of 2 x 2.

    Args:
        luma: uint8 (height, width).
        blue: uint8 (ceil(height / 2), ceil(width / 2)), Cb.
        red: The same of Cr.

    Returns: uint8 (height, width, 3).
    """
    height, width = luma.shape
    y, u, v = (
        np.float64(plane.repeat(step, 0).repeat(step, 1)[:height, :width]) - shift
        for plane, step, shift in ((luma, 1, 0), (blue, 2, 128), (red, 2, 128))
    )
    rgb = np.stack(
        [y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=2
    )
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


def _add_planes(folder):
    rng, cases = np.random.default_rng(9), []
    for name, height, width, row_gap, pixel_stride, rotation in (
        ("planes one by one", 6, 8, 0, 1, 0),
        ("colours in turn", 6, 8, 0, 2, 0),
        ("rows with a gap", 8, 6, 10, 2, 90),
        ("upside down", 4, 6, 3, 1, 180),
        ("the other way", 4, 6, 2, 2, 270),
        ("odd sides", 5, 7, 1, 1, 90),
    ):
        halves = (height + 1) // 2, (width + 1) // 2
        luma = rng.integers(0, 256, (height, width), np.uint8)
        blue, red = (rng.integers(0, 256, halves, np.uint8) for _ in range(2))
        luma[0, :3], blue[0, 0], red[0, 0] = (0, 255, 128), 255, 0  # are clipped
        strides = width + row_gap, halves[1] * pixel_stride + row_gap
        upright = np.rot90(rgb_of_planes(luma, blue, red), -rotation // 90)
        file = folder.png(f"camera/{name.replace(' ', '_')}", upright.copy())
        cases.append(
            {
                "name": name,
                "height": height,
                "width": width,
                "y": _plane(luma, strides[0], 1),
                "u": _plane(blue, strides[1], pixel_stride),
                "v": _plane(red, strides[1], pixel_stride),
                "y_row_stride": strides[0],
                "uv_row_stride": strides[1],
                "uv_pixel_stride": pixel_stride,
                "rotation": rotation,
                "expected": file,
            }
        )
    folder.topic(
        "camera",
        "Planes of YUV_420_888 (base64; full-range BT.601), turned clockwise by the "
        "rotation in degrees. A plane ends with its last sample: the rest of its last "
        "row is missing, as Android's are.",
        cases,
        tolerance={"grey_levels": 1},
    )


def _plane(samples, row_stride, pixel_stride):
    rows, columns = samples.shape
    laid = np.full((rows, row_stride), 7, np.uint8)
    laid[:, : columns * pixel_stride : pixel_stride] = samples
    end = (rows - 1) * row_stride + (columns - 1) * pixel_stride + 1
    return base64.b64encode(laid.tobytes()[:end]).decode()
