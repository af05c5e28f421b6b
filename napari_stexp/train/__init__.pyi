from .banking import embed_bank as embed_bank
from .contrastive import contrastive_loss as contrastive_loss
from .importing import import_released as import_released
from .logs import TrainingReport as TrainingReport
from .loop import train_model as train_model
from .settings import TrainSettings as TrainSettings
from .validation import retrieval_score as retrieval_score
