"""Whatever a key, a menu or a button of the window does is a method of the workbench."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from napari_stexp import Workbench

PANELS = Path(__file__).resolve().parents[2] / "napari_stexp" / "panels"
#: What only the window does: it asks, shows a list, or puts something on the clipboard.
WINDOW = "-"

#: What keys and menus do -> methods.
ACTIONS = {
    "show_shortcuts": WINDOW,
    "show_tab": "show_tab", "open_tab": "show_tab", "find_gene": "search_genes find_gene",
    "predict": "predict", "predict_in_view": "predict",
    "next_gene": "step", "previous_gene": "step", "mark_gene": "star",
    "show_profile": "profile", "switch_source": "show_source",
    "switch_sides": "side_by_side single_view", "switch_spots": "set_display",
    "switch_heat_map": "set_display", "fit": "fit", "fly_to": "fly_to", "spot_at": "read_out",
    "export_figure": "export_figure", "undo": "undo", "redo": "redo",
}  # fmt: skip

#: Buttons by the file that makes them -> methods, one after the other as they are made.
BUTTONS = {
    "align/align_panel.py": {
        "Show so": "scale_spots", "Apply": "apply_alignment", "Reset": "reset_alignment",
        "Undo": "undo", "As in their file": "undo_alignment", "Save spots…": "save_spots",
    },
    "align/fit_row.py": {
        "Put right": "fix_placement", "Lay in the middle": "lay_in_the_middle",
        "Align…": "show_tab",
    },
    "align/nudge_part.py": {"Move on the slide": "move_spots orient_spots"},
    "align/pairs_part.py": {
        "Set points": "fit_pairs", "Own image…": WINDOW, "Remove": "fit_pairs",
        "Place by pairs": "fit_pairs",
    },
    "annotate/annotation_sources.py": {
        "Open…": "load_regions load_labels", "Take from layer…": "add_region",
        "Remove all": "clear_regions", "Use": "load_labels",
    },
    "annotate/blinding_row.py": {
        "Annotate blinded…": "hide_expression", "Lock and reveal": "lock_annotation",
        "Unlock (recorded)": "unlock_annotation", "Give up": "stop_hiding",
    },
    "annotate/class_palette.py": {"Add": "add_class"},
    "compare/agreement_view.py": {"Find domains": "agreement"},
    "compare/label_chooser.py": {"Remove": "remove_labels"},
    "compare/measured_view.py": {"Select no spots": "select", "Score all genes": "scores"},
    "compare/region_genes_view.py": {"Rank genes": "region_genes", "CSV…": "region_genes"},
    "compare/report_form.py": {
        "…": WINDOW, "Write report": "report", "Open in browser": WINDOW,
    },
    "figure_form.py": {
        "Export figure …": "export_figure", "…": WINDOW, "Write": "export_figure",
        "Open": WINDOW, "Close": WINDOW,
    },
    "genes/channel_row.py": {"Auto": "composite"},
    "genes/composite_view.py": {"Add shown gene": "composite"},
    "genes/display_controls.py": {"Reset": "reset_display"},
    "genes/paste_form.py": {"Add": "add_signature", "Cancel": WINDOW},
    "genes/signatures_view.py": {
        "Paste…": "add_signature", "Load GMT…": "load_signatures", "Remove": "remove_signature",
    },
    "import_form.py": {
        "Import": "import_model", "…": WINDOW, "Folder…": WINDOW, "File…": WINDOW,
        "Clear": WINDOW,
    },
    "model_panel.py": {
        "Load model…": "load_model", "Unload": "unload_model",
        "Import released checkpoint…": "import_model",
    },
    "predict/predict_panel.py": {
        "Pause": "pause resume", "Save…": "save_prediction", "Rename": "rename_prediction",
        "Remove": "drop_prediction", "Side by side": "compare_predictions",
    },
    "predict/settings_form.py": {"As the model has it": "set_params"},
    "predict/where_buttons.py": {
        "Predict": "predict", "Predict here": "predict", "Predict region": "predict",
    },
    "reading/classes_view.py": {"Select no spots": "select class_table"},
    "reading/histogram_view.py": {"Select no spots": "select values"},
    "reading/pair_view.py": {"Swap": WINDOW, "Select no spots": "select values"},
    "reading/profile_view.py": {"Go to": "fly_to", "CSV…": "profile"},
    "slide/columns_dialog.py": {
        "Choose the counts file…": "load_spots", "Read spots": "load_spots", "Cancel": WINDOW,
    },
    "slide/columns_row.py": {"Columns…": "load_spots"},
    "slide/grid_form.py": {"Make grid": "make_grid"},
    "slide/pictures_dialog.py": {"Close": WINDOW},
    "slide/scale_dialog.py": {"Use this size": "settle_scale", "Decide later": WINDOW},
    "slide/slide_extras.py": {
        "Scale…": "review_scale settle_scale", "Label and overview…": "glass_pictures",
    },
    "slide/slide_panel.py": {
        "Open slide…": "open_slide open", "Close": "close_slide", "From web…": "open_slide",
        "Remove": "clear_regions", "Load annotations…": "load_regions",
    },
    "slide/pixel_size.py": {"Set": "set_mpp", "Take it from the spots": "settle_scale"},
    "slide/spots_part.py": {
        "Load spots…": "load_spots", "Remove": "clear_spots",
        "Choose the counts file…": "load_spots",
    },
    "slide/store_dialog.py": {"Read spots": "load_spots", "Cancel": WINDOW},
    "slide/tissue_form.py": {
        "Find tissue": "find_tissue", "Edit": "edit_tissue", "Load…": "load_tissue",
        "Save…": "save_tissue", "Discard": "discard_tissue",
    },
    "train/prepare_form.py": {"Prepare": "prepare_data", "…": WINDOW},
    "train/train_form.py": {"…": WINDOW},
    "train/sources_row.py": {
        "Folder…": "find_sections", "List…": "find_sections", "Sample": "find_sections",
        "Last training": "open_training",
    },
    "train/train_panel.py": {
        "Other data…": "open_data", "Train": "train",
        "Resume": "resume_training", "Load this model": "load_trained", "Open report": WINDOW,
        "Test again": "test_model",
    },
    "widgets.py": {"Cancel": "cancel"},
    "workspace/missing_dialog.py": {
        "Open without": "open_workspace", "Cancel": WINDOW, "Find…": "open_workspace",
    },
    "workspace/workspace_row.py": {
        "Open…": "open_workspace recoveries", "Save": "save_workspace",
        "Save as…": "save_workspace", "Recent": "recent_files",
    },
}  # fmt: skip


def methods_of(words: str) -> set[str]:
    return set(words.split()) - {WINDOW, "session"}


def test_each_key_and_menu_has_a_method() -> None:
    pytest.importorskip("qtpy")
    from napari_stexp.panels.habits.actions import Actions
    from napari_stexp.panels.habits.shortcuts import SHORTCUTS

    actions = {name for name, _ in inspect.getmembers(Actions, inspect.isfunction)
               if not name.startswith("_")}  # fmt: skip
    assert actions == set(ACTIONS)
    assert {one.action for one in SHORTCUTS} - {""} <= actions
    wanted = set().union(*map(methods_of, ACTIONS.values()))
    assert {name for name in wanted if not hasattr(Workbench, name)} == set()


def test_each_button_has_a_method() -> None:
    made = {}
    for path in sorted(PANELS.rglob("*.py")):
        texts = re.findall(r'make_button\(\s*f?"([^"]+)"', path.read_text("utf-8"))
        if texts:
            made[path.relative_to(PANELS).as_posix()] = set(texts)
    known = {name: set(BUTTONS[name]) for name in made if name in BUTTONS}
    assert made == known
    wanted = {one for file in BUTTONS.values() for words in file.values()
              for one in methods_of(words)}  # fmt: skip
    assert {name for name in wanted if not hasattr(Workbench, name)} == set()
