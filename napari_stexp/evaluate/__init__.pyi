from .compare import EvaluationResult as EvaluationResult
from .compare import compare_prediction as compare_prediction
from .metrics import score_genes as score_genes
from .metrics import summarize as summarize
