"""The marker panels that come with the program."""

import re

from napari_stexp.gene import marker_panels

WANTED = {
    "HER2 tumour": {"ERBB2", "GRB7"},
    "Luminal tumour": {"ESR1", "GATA3"},
    "Epithelium": {"EPCAM", "KRT8"},
    "Stroma (fibroblasts)": {"COL1A1", "DCN"},
    "Adipose": {"ADIPOQ", "PLIN1"},
    "Endothelium": {"PECAM1", "VWF"},
    "B and plasma cells": {"MS4A1", "JCHAIN"},
    "T cells": {"CD3D", "CD8A"},
    "Myeloid cells": {"CD68", "CD163"},
    "Interferon response": {"ISG15", "MX1"},
    "Proliferation": {"MKI67", "TOP2A"},
}


def test_there_is_a_panel_for_each_tissue_and_cell():
    panels = {panel.name: set(panel.genes) for panel in marker_panels()}

    assert list(panels) == list(WANTED)
    assert all(WANTED[name] <= genes for name, genes in panels.items())


def test_every_panel_says_where_it_comes_from():
    for panel in marker_panels():
        assert panel.about.endswith(".")
        assert panel.references
        for reference in panel.references:
            assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi)
            assert re.search(r" (19|20)\d\d", reference.text)
            assert reference.url == f"https://doi.org/{reference.doi}"
            assert reference.doi in panel.source


def test_symbols_are_whole_and_come_once():
    for panel in marker_panels():
        assert len(set(panel.genes)) == len(panel.genes) >= 5
        assert all(re.fullmatch(r"[A-Z][A-Z0-9\-]+", gene) for gene in panel.genes)


def test_a_panel_can_be_scored():
    panel = marker_panels()[0]

    assert panel.as_set().genes == panel.genes
    assert panel.as_set().source == panel.source


def test_each_gene_is_under_a_source_and_unchecked_ones_say_so():
    for panel in marker_panels():
        listed = [gene for genes in panel.taken.values() for gene in genes]
        assert tuple(listed) == panel.genes
        assert set(panel.taken) == {reference.doi for reference in panel.references}
        for reference in panel.references:
            assert reference.checked is not reference.text.startswith("after ")
