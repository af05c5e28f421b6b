"""All layers have the same units whenever napari may draw, or it would warn and drop them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from napari.components import ViewerModel

from napari_stexp.session import Session
from napari_stexp.viewer import LayerAdapter
from tests.session.fakes import FakeSlide, make_region, make_spots


@pytest.fixture
def watched():
    """A session in a viewer, and the units of all layers at each change of their list."""
    viewer, session, seen = ViewerModel(), Session(), []
    adapter = LayerAdapter(session, viewer)

    def note(_event=None) -> None:
        seen.append({layer.name: str(layer.units[0]) for layer in viewer.layers})

    def follow(event) -> None:
        note()
        if hasattr(event.value.events, "data"):
            event.value.events.data.connect(note)

    viewer.layers.events.inserted.connect(follow)
    for name in ("removed", "reordered"):
        getattr(viewer.layers.events, name).connect(note)
    yield session, viewer, seen
    adapter.close()


def test_units_are_the_same_through_slides_and_scales(watched) -> None:
    session, viewer, seen = watched
    spots = make_spots(6, genes=("ERBB2",), counts=[[1.0]] * 6)
    spots.uns["stexp_spots"] = {"pitch_um": 100.0}
    session.set_spots(spots)  # 200 px apart: 0.5 µm/px
    session.set_slide(FakeSlide(mpp=None))
    session.set_annotations([make_region()])
    session.regions.tool = "polygon"
    session.labelling.shown = True
    session.focus_spot(2)
    assert len(viewer.layers) == 6
    session.set_mpp(0.5)
    assert set(seen[-1].values()) <= {"micrometer", "pixel"}
    assert {str(layer.units[0]) for layer in viewer.layers} == {"micrometer"}
    session.set_slide(replace(FakeSlide(), path=FakeSlide().path.with_name("other.tif")))
    session.set_slide(None)
    assert [names for names in seen if len(set(names.values())) > 1] == []
    assert [layer.name for layer in viewer.layers] == ["Drawing"]
