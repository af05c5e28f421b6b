"""The training tests' small sections, and their slides."""

from tests.train.conftest import GENES, build_section, make_section

__all__ = ["GENES", "build_section", "make_section"]
