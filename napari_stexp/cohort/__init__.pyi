from .cluster import predict_cohort as predict_cohort
from .jobs import CohortJob as CohortJob
from .jobs import CohortResult as CohortResult
from .jobs import GridSettings as GridSettings
from .jobs import JobProgress as JobProgress
from .manifest import read_manifest as read_manifest
from .worker import run_job as run_job
