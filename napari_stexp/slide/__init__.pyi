from .convert import prepare_slide as prepare_slide
from .fields import FieldReader as FieldReader
from .levels import Level as Level
from .opening import open_slide as open_slide
from .patches import PatchBatch as PatchBatch
from .patches import PatchReader as PatchReader
from .slide import Slide as Slide
from .tissue import tissue_mask as tissue_mask
