# The public names; `__init__.py` reads them from here.
from .bundle import Bundle as Bundle
from .bundle import load_bundle as load_bundle
from .contract import BundleContract as BundleContract
from .contract import SavedModelContract as SavedModelContract
from .embedder import Embedder as Embedder
from .match import match_photos as match_photos
from .records import VariantMeasurement as VariantMeasurement
from .tflite_embedder import TFLiteEmbedder as TFLiteEmbedder
