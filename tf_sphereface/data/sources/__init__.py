"""Collections of photos that `sphereface align` reads, whatever they are packed in."""

from tf_sphereface.data.sources.kinds import KINDS_HELP, open_source
from tf_sphereface.data.sources.photo_source import Photo, PhotoReader, PhotoSource

__all__ = ["KINDS_HELP", "Photo", "PhotoReader", "PhotoSource", "open_source"]
