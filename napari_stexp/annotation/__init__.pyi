from .geojson import read_geojson as read_geojson
from .geojson import read_regions as read_regions
from .geojson import write_geojson as write_geojson
from .labels import label_spots as label_spots
from .region import Region as Region
