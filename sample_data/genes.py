"""Which cell transcribes which gene: the synthetic sections' expression programme.

Rates are mean counts per cell at nominal depth. They are not measurements:
they were set by hand so that markers rank as they do in single-cell and spatial
atlases of breast tumours (ERBB2 amplicon in tumour cells, collagens in
fibroblasts and more so in activated ones, immunoglobulins in plasma cells ...).
"""

from __future__ import annotations

import numpy as np
from napari_stexp.sample_data.cells import KINDS

__all__ = ["GENES", "MODULATION", "rates"]

# T tumour, L luminal, M myoepithelial, F fibroblast, A the same in activated
# tumour stroma, B and C lymphocytes (B, T), P plasma cell, K macrophage,
# D adipocyte, E endothelium, S smooth muscle, N necrotic debris.
_TABLE = """
ERBB2    T14 L1.2 F.1 A.1
GRB7     T4.5 L.2
STARD3   T3.5 L.4 K.2
MIEN1    T4 L.4 F.1 A.1
KRT8     T8 L5 M.4
KRT18    T8 L5 M.3
KRT19    T9 L4
EPCAM    T4 L2.5
CDH1     T2.5 L2 M.8
CD24     T6 L2 B.4
MUC1     T3.5 L3 P.2
ESR1     T1.8 L1.4
GATA3    T3.2 L1.8 C.3
XBP1     T6 L3 P3
FASN     T5 L.8 D4
SCD      T3.5 D5
MKI67    T1 B.1
TOP2A    T1.1 B.08
CCND1    T3 L.6 F.3 A.4
VEGFA    T1 K.6 L.3
NDRG1    T1.2 L.4 F.2 A.2
SCGB2A2  L10 T.8
LTF      L6 T.1
PIGR     L5 T.2
KRT5     M5 L.4
KRT14    M6 L.2
KRT17    M4 L.3 T.1
MYH11    M1.5 S10
ACTA2    M4 S14 A2.5 F.3
TAGLN    S12 A2 M3 F.4
COL1A1   F3 A14
COL1A2   F4 A11 S.5
COL3A1   F4 A12 S.7
COL6A3   F2 A4
DCN      F8 A3
LUM      F6 A4
SPARC    F3 A8 E3 S1
FN1      F1.2 A7 K1 E.5
POSTN    F.5 A6
BGN      F2 A5 E1 S1
VIM      F6 A7 E6 K4 C1.3 B.8 P.8 S4 D2 M2
CXCL12   F3 A1 E1
IGKC     P60 B3
IGHG1    P35 B.4
JCHAIN   P12 B.2
MZB1     P6 B.2
CD79A    B3 P2
MS4A1    B3
CD3D     C2
CD3E     C1.7
TRAC     C2.4
CCL5     C2 K.3
CCL19    C.8 F.3 A.3
CXCL13   C.6 B.6
PTPRC    C1.7 B1.6 K2 P.5
CD74     B8 K18 T1.2 E2 C.6 P1
HLA-DRA  B5 K14 T.6 E1
LYZ      K10 L.4
C1QA     K7
APOE     K9 D3 F.6 A.4
ADIPOQ   D22
PLIN1    D14
PLIN4    D12
FABP4    D30 E3
LPL      D12 K.4
ADH1B    D10 F1
CD36     D8 E2 K.8
PECAM1   E5 K.3
VWF      E7
CLDN5    E5
ACTB     T10 L7 M6 F5 A7 B3 C3 P4 K8 D5 E7 S8 N.3
GAPDH    T12 L6 M4 F4 A5 B2 C2 P4 K6 D6 E4 S5 N.3
B2M      T10 L7 M6 F7 A8 B5 C6 P8 K11 D7 E9 S6 N.3
RPLP0    T14 L8 M6 F5 A6 B4 C4 P6 K5 D5 E5 S5 N.2
EEF1A1   T18 L12 M9 F9 A9 B6 C6 P8 K8 D8 E8 S8 N.3
TMSB4X   T7 L5 M6 F6 A8 B7 C7 P3 K12 D5 E9 S6 N.3
FTL      T8 L6 M4 F5 A5 B2 C2 P3 K18 D6 E4 S4 N.4
MALAT1   T12 L9 M8 F8 A8 B5 C6 P7 K7 D8 E8 S8 N.8
NEAT1    T4 L3 M2 F3 A3 B.8 C1 P2 K4 D3 E3 S2 N.4
"""
_LETTERS = {
    "T": "tumour",
    "L": "luminal",
    "M": "myoepithelial",
    "F": "fibroblast",
    "B": "bcell",
    "C": "tcell",
    "P": "plasma",
    "K": "macrophage",
    "D": "adipocyte",
    "E": "endothelial",
    "S": "muscle",
    "N": "debris",
}
_ROWS = {line.split()[0]: line.split()[1:] for line in _TABLE.strip().splitlines()}

GENES: tuple[str, ...] = tuple(_ROWS)

#: Exponents on the smooth fields of the tumour, per gene: log rate += exponent * field.
MODULATION: dict[str, dict[str, float]] = {
    "grade": {
        "MKI67": 0.75,
        "TOP2A": 0.75,
        "ESR1": -0.55,
        "GATA3": -0.25,
        "MUC1": -0.3,
        "FASN": 0.25,
        "ERBB2": 0.15,
    },
    "amplification": {"ERBB2": 0.25, "GRB7": 0.25, "STARD3": 0.25, "MIEN1": 0.25},
}


def rates() -> tuple[np.ndarray, np.ndarray]:
    """Return the programme as arrays.

    Returns
    -------
    (K, G) float32
        Counts per cell by kind (order of ``cells.KINDS``) and gene (``GENES``).
    (G,) float32
        The same of an activated fibroblast.
    """
    table = np.zeros((len(KINDS), len(GENES)), dtype=np.float32)
    activated = np.zeros(len(GENES), dtype=np.float32)
    for column, gene in enumerate(GENES):
        for entry in _ROWS[gene]:
            letter, rate = entry[0], float(entry[1:])
            if letter == "A":
                activated[column] = rate
            else:
                table[KINDS.index(_LETTERS[letter]), column] = rate
    return table, activated
