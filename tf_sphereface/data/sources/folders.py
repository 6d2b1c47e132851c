"""A folder with a folder of photos for each person: LFW, CASIA-WebFace, one's own."""

from pathlib import Path

from tf_sphereface.data.aligned.settings import SETTINGS_NAME
from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.data.photos.images import read_content, read_header
from tf_sphereface.data.sources.files_reader import FileReader, file_photo
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CROP_HEIGHT, CROP_WIDTH

_LOOKED_AT = 20  # photos that tell a folder of crops from one of photos


class FolderSource:
    """SOURCE/IDENTITY/PHOTO.

    Args:
        path: The folder.
        subfolders: As for `sort_files`.

    Raises: InputError as `list_photos`, or if the photos are aligned faces already.
    """

    aligned = False

    def __init__(self, path: Path, subfolders: bool = False):
        if (path / SETTINGS_NAME).exists():
            raise InputError(f"{path} is aligned already; {_NEXT_STEP}")
        folders = list_photos(path, subfolders)
        self.path = path
        self.names = folders.photos
        self.passed_over = folders.passed_over
        self._places = folders.places
        self._refuse_crops()

    def photo(self, name: str) -> Photo:
        return file_photo(self.path, name, self._places[name])

    def reader(self) -> FileReader:
        return FileReader(self.path)

    def _refuse_crops(self):
        # Only the default size tells: photos are square for many reasons.
        step = -(-len(self.names) // _LOOKED_AT)
        places = list(self._places.values())[::step]
        sizes = {_size(self.path / place) for place in places}
        if sizes == {(CROP_WIDTH, CROP_HEIGHT)}:
            raise InputError(
                f"the photos in {self.path} are aligned already, by their size of "
                f"{CROP_WIDTH} x {CROP_HEIGHT}; {_NEXT_STEP}"
            )


_NEXT_STEP = (
    "`sphereface records` and `sphereface evaluate` read such a folder as it is"
)


def _size(path):
    try:
        header = read_header(read_content(path), str(path))
    except InputError:
        return None
    return header.width, header.height
