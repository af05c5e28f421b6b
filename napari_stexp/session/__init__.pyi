from .display import COLORMAPS as COLORMAPS
from .display import DisplaySettings as DisplaySettings
from .state import Session as Session
from .statistics import GeneStatistics as GeneStatistics
