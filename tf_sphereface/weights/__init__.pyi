# The public names; `__init__.py` reads them from here.
from .importer import ImportReport as ImportReport
from .importer import import_weights as import_weights
from .importer import suggest_weights_map as suggest_weights_map
from .networks import NETWORKS as NETWORKS
