from .colour import SpotColours as SpotColours
from .colour import colour_spots as colour_spots
from .colour import map_values as map_values
from .layers import LayerAdapter as LayerAdapter
from .sample import SampleFiles as SampleFiles
from .sample import sample_files as sample_files
