"""Signatures in a session: their scores, composites, and what happens when they go."""

import numpy as np
import pytest

from napari_stexp.errors import GeneListError
from napari_stexp.gene import score_genes
from napari_stexp.progress import exhaust
from napari_stexp.session import (
    CompositeStyle,
    Session,
    Signature,
    free_name,
    start_signature_scores,
)
from napari_stexp.session.genes.composite import composite_colours, mix_channels
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

GENES = [f"G{i}" for i in range(58)] + ["ERBB2", "Krt8"]
MINE = Signature("mine", ("G1", "G2", "KRT8", "NOSUCH"), "pasted")


def predicted(session, rows=range(6), seed=0):
    """Add values of some spots to the session's prediction."""
    rows = list(rows)
    values = np.random.default_rng(seed).gamma(1.0, 1.0, (6, len(GENES)))[rows]
    session.add_batch(make_batch(rows, values))


@pytest.fixture
def session():
    session = Session()
    session.set_slide(FakeSlide())
    counts = np.random.default_rng(5).poisson(2.0, (6, len(GENES)))
    session.set_spots(make_spots(6, GENES, counts))
    session.set_prediction(make_prediction(session.spots, GENES))
    predicted(session)
    return session


def score(session, *names):
    session.signatures.put_many(exhaust(start_signature_scores(session, names)))


class TestScores:
    def test_they_are_nan_until_they_are_found(self, session):
        session.signatures.add(MINE)
        session.gene = "mine"

        assert np.isnan(session.values()).all()
        assert not session.signatures.has_scores("mine", session.expression)

    def test_they_are_found_for_every_source(self, session):
        session.signatures.add(MINE)
        score(session, "mine")

        session.gene = "mine"
        expected = score_genes(session.prediction.adata.X, GENES, ["G1", "G2", "Krt8"])
        np.testing.assert_allclose(session.values(), expected, rtol=1e-5)
        session.source = "measured"
        expected = score_genes(session.measurement.matrix(), GENES, ["G1", "G2", "Krt8"])
        np.testing.assert_allclose(session.values(), expected, rtol=1e-5, atol=1e-6)

    def test_measured_and_predicted_ones_are_compared(self, session):
        session.signatures.add(MINE)
        score(session, "mine")

        measured, predicted = session.paired_values("mine")

        np.testing.assert_array_equal(predicted, session.values("mine"))
        np.testing.assert_array_equal(session.residual("mine"), predicted - measured)

    def test_genes_are_found_by_their_other_names(self, session):
        session.signatures.add(Signature("amplicon", ("HER2", "G7")))
        source = session.expression

        assert session.signatures.match(["HER2", "G7"], source).unknown == ("HER2",)
        score(session, "amplicon")

        assert session.signatures.match(["HER2", "G7"], source).known == ("ERBB2", "G7")
        expected = score_genes(session.prediction.adata.X, GENES, ["ERBB2", "G7"])
        np.testing.assert_allclose(
            session.signatures.values("amplicon", source), expected, rtol=1e-5
        )

    def test_who_shows_a_signature_hears_of_its_scores(self, session):
        heard = []
        session.signatures.add(MINE, Signature("other", ("G5",)))
        session.gene = "mine"
        session.composite = ["other", "G1"]
        session.gene_changed.connect(heard.append)
        session.composite_changed.connect(heard.append)

        score(session, "mine", "other")

        assert heard == ["mine", ("other", "G1")]

    def test_one_that_cannot_be_scored_stays_without(self, session):
        session.signatures.add(Signature("unknown", ("NOSUCH",)))
        score(session, "unknown")

        assert session.signatures.is_current("unknown", session.expression)
        assert np.isnan(session.signatures.values("unknown", session.expression)).all()

    def test_they_are_old_when_a_prediction_has_grown(self, session):
        session.set_prediction(make_prediction(session.spots, GENES))
        predicted(session, range(3))
        session.signatures.add(MINE)
        score(session, "mine")
        assert session.signatures.is_current("mine", session.expression)
        assert np.isfinite(session.values("mine")).tolist() == [True] * 3 + [False] * 3

        predicted(session, range(3, 6))
        assert not session.signatures.is_current("mine", session.expression)
        score(session, "mine")

        assert session.signatures.is_current("mine", session.expression)
        assert np.isfinite(session.values("mine")).all()

    def test_scores_of_one_that_has_gone_are_dropped(self, session):
        session.signatures.add(MINE)
        found = exhaust(start_signature_scores(session, ["mine"]))
        session.signatures.remove(["mine"])

        session.signatures.put_many(found)

        assert not session.signatures.has_scores("mine", session.expression)

    def test_other_genes_under_the_name_make_scores_old(self, session):
        session.signatures.add(MINE)
        score(session, "mine")

        session.signatures.add(Signature("mine", ("G9",)))

        assert not session.signatures.has_scores("mine", session.expression)

    def test_they_are_hidden_as_values_are(self, session):
        session.signatures.add(MINE)
        score(session, "mine")
        session.gene, session.composite = "mine", ["mine", "G1"]

        session.regions.start_blinded()

        assert session.values() is None
        assert not composite_colours(session).any()


class TestWhichThereAre:
    def test_a_signature_needs_a_name_and_genes(self, session):
        for bad in (Signature(" ", ("G1",)), Signature("empty", ())):
            with pytest.raises(GeneListError, match="needs a name and genes"):
                session.signatures.add(MINE, bad)
        assert not session.signatures

    def test_adding_what_is_there_changes_nothing(self, session):
        session.signatures.add(MINE)
        score(session, "mine")
        heard = []
        session.signatures.changed.connect(lambda: heard.append(1))

        session.signatures.add(MINE)
        session.signatures.remove(["never there"])

        assert heard == []
        assert session.signatures.has_scores("mine", session.expression)

    def test_a_gene_is_shown_when_the_active_signature_goes(self, session):
        session.signatures.add(MINE)
        session.gene, session.composite = "mine", ["mine", "G1"]
        heard = []
        session.gene_changed.connect(heard.append)

        session.signatures.remove(["mine"])

        assert session.gene in GENES
        assert heard == [session.gene]
        assert session.composite == ("G1",)

    def test_a_signature_may_not_have_a_genes_name(self, session):
        assert free_name(session, "ERBB2") == "ERBB2 signature"
        assert free_name(session, "mine") == "mine"


class TestComposite:
    def test_each_gene_has_its_own_scale(self, session):
        session.composite = ["G1", "G2"]
        for gene in session.composite:
            low, high = session.channel_limits(gene)
            values = session.values(gene)
            np.testing.assert_allclose((low, high), np.percentile(values, [1, 99]), rtol=1e-5)

        session.composite_style = session.composite_style.with_limits("G1", "log", (0.0, 9.0))

        assert session.channel_limits("G1") == (0.0, 9.0)
        low, high = session.channel_limits("G1")
        red = composite_colours(session)[:, 0]
        np.testing.assert_allclose(red, np.clip(session.values("G1") / 9, 0, 1), rtol=1e-5)

    def test_limits_by_hand_hold_for_their_transform_only(self, session):
        style = CompositeStyle().with_limits("G1", "log", (0.0, 9.0))
        session.composite_style = style
        assert session.channel_limits("G1") == (0.0, 9.0)

        from dataclasses import replace

        session.display = replace(session.display, transform="z")

        assert session.channel_limits("G1") != (0.0, 9.0)
        assert style.with_limits("G1", "log", None) == CompositeStyle()

    def test_a_change_of_mixing_is_told(self, session):
        session.composite = ["G1"]
        heard = []
        session.composite_changed.connect(heard.append)

        session.composite_style = CompositeStyle("cmy")
        session.composite_style = CompositeStyle("cmy")

        assert heard == [("G1",)]

    def test_four_genes_are_too_many(self, session):
        with pytest.raises(GeneListError, match="three genes"):
            session.composite = ["G1", "G2", "G3", "G4"]

    @pytest.mark.parametrize("bad", [{"mixing": "hsv"}, {"limits": {("G1", "log"): (1.0, 1.0)}}])
    def test_settings_out_of_range_are_refused(self, bad):
        with pytest.raises(ValueError, match=r"not 'hsv'|must rise"):
            CompositeStyle(**bad)

    def test_lights_add_up_and_inks_cover(self):
        levels = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]], np.float32)

        assert mix_channels(levels)[:, :3].tolist() == levels.tolist()
        assert mix_channels(levels, "cmy")[:, :3].tolist() == (1 - levels).tolist()
        assert (mix_channels(levels)[:, 3] == 1).all()

    def test_a_spot_without_any_value_is_clear(self):
        nan = np.nan
        levels = np.array([[nan, nan], [nan, 1.0], [2.0, -1.0]], np.float32)

        colours = mix_channels(levels)

        assert colours[:, 3].tolist() == [0, 1, 1]
        assert colours[1, :3].tolist() == [0, 1, 0]  # unknown counts as none
        assert colours[2, :3].tolist() == [1, 0, 0]  # beyond the limits: the end's colour
