from .display import COLORMAPS as COLORMAPS
from .display import DisplaySettings as DisplaySettings
from .state import Session as Session
from .statistics import GeneStatistics as GeneStatistics
from .training import RunOutcome as RunOutcome
from .training import SectionRow as SectionRow
from .training import Training as Training
from .training_log import TrainingLog as TrainingLog
