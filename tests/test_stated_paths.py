"""Tests for tf_sphereface.stated_paths."""

import pytest

from tf_sphereface.stated_paths import stated_command, stated_path


@pytest.mark.parametrize(
    ("path", "stated"),
    [
        ("runs/a/best.keras", "runs/a/best.keras"),
        ("./crops", "./crops"),
        ("crops", "crops"),
        ("/home/ann/crops", "crops"),
        ("/home/ann/crops/", "crops"),
        ("../../ann/crops", "crops"),
        ("runs/../../ann/crops", "crops"),
        ("~ann/crops", "crops"),
        (r"C:\Users\ann\crops", "crops"),
        (r"\\server\ann\crops", "crops"),
        ("/", "/"),
        ("..", ".."),
        ("", ""),
    ],
)
def test_folders_of_a_user_are_left_out(path, stated):
    assert stated_path(path) == stated


@pytest.mark.parametrize(
    ("argument", "stated"),
    [
        ("--far", "--far"),
        ("0.001", "0.001"),
        ("/home/ann/a b.keras", "'a b.keras'"),
        ("--images=/home/ann/crops", "--images=crops"),
        ("/home/ann/a=b/crops", "crops"),
        ("fine_tuning.initial_weights=/home/ann/x.keras", None),
        ("fine_tuning.initial_weights='/home/ann/x.keras'", None),
        ("https://example.org/x.pth", "https://example.org/x.pth"),
        ("PERSON/1.jpg", "PERSON/1.jpg"),
    ],
)
def test_a_command_has_no_folder_of_a_user_in_any_argument(argument, stated):
    line = stated_command("evaluate", ["m", argument])
    if stated is None:
        assert "ann" not in line and "x.keras" in line
    else:
        assert line == f"sphereface evaluate m {stated}"
