# The public names; `__init__.py` reads them from here.
from .gallery import Gallery as Gallery
from .gallery import embed_again as embed_again
from .gallery import open_gallery as open_gallery
from .places import open_store as open_store
from .sealing import read_key as read_key
from .store import GalleryStore as GalleryStore
from .tracks import Answer as Answer
from .tracks import FaceTracks as FaceTracks
from .transfer import export_gallery as export_gallery
from .transfer import import_gallery as import_gallery
from .transfer import import_new_gallery as import_new_gallery
from .watching import enroll_from_frames as enroll_from_frames
from .watching import identify_frames as identify_frames
