from .banking import embed_bank as embed_bank
from .contrastive import contrastive_loss as contrastive_loss
from .importing import import_released as import_released
from .simple import TrainSettings as TrainSettings
from .simple import train_simple as train_simple
