from .gene_choice import GeneChoice as GeneChoice
from .gene_choice import choose_genes as choose_genes
from .references import Reference as Reference
from .references import prepare_reference as prepare_reference
from .settings import PrepareSettings as PrepareSettings
from .training_set import TrainingSet as TrainingSet
