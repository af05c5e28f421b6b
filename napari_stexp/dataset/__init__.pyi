from .references import Reference as Reference
from .references import prepare_reference as prepare_reference
from .training_set import TrainingSet as TrainingSet
