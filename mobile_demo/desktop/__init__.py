"""Desktop demo: names on the faces of a camera, a video or a picture."""
