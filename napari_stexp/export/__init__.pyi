from .label_columns import add_label_columns as add_label_columns
from .qupath import spots_as_detections as spots_as_detections
from .qupath import write_qupath as write_qupath
from .spatial_data import write_spatialdata as write_spatialdata
