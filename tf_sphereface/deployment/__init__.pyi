# The public names; `__init__.py` reads them from here.
from .export import ExportOptions as ExportOptions
from .export import export_bundle as export_bundle
from .parity.drift import DriftError as DriftError
from .parity.measurement import Measure as Measure
from .quantization.gate import GateLimits as GateLimits
from .servers.saved_model import export_saved_model as export_saved_model
from .writing.bundle import BundleContent as BundleContent
from .writing.bundle import CheckedVariant as CheckedVariant
from .writing.bundle import write_bundle as write_bundle
