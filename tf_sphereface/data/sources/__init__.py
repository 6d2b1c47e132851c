"""Photo sources: collections that `sphereface align` reads, in folders or packed."""

from tf_sphereface.data.sources.kinds import KINDS_HELP, open_photo_source
from tf_sphereface.data.sources.photo_source import Photo, PhotoReader, PhotoSource

__all__ = ["KINDS_HELP", "Photo", "PhotoReader", "PhotoSource", "open_photo_source"]
