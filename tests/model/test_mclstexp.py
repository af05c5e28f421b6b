from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.errors import BundleError, PredictionError
from napari_stexp.model import ENCODERS, MclSTExp, build_encoder, read_released_state_dict
from napari_stexp.model.encoders import recognise_encoder
from napari_stexp.model.positions import sincos


@pytest.fixture(scope="module")
def small() -> MclSTExp:
    torch.manual_seed(0)
    return MclSTExp("resnet18", 10, (6, 7), projection=8, heads=2, head_width=4).eval()


def test_names_and_shapes_are_the_released_ones(her2st: Path) -> None:
    lines = (her2st / "reference" / "state_dict_keys.txt").read_text().splitlines()
    with torch.device("meta"):
        model = MclSTExp("densenet121", 785, (65_536, 65_536))
    own = [
        f"{name}\t{tuple(tensor.shape)}\t{tensor.dtype}"
        for name, tensor in model.state_dict().items()
    ]
    assert len(lines) == 761
    assert sorted(own) == sorted(line for line in lines if line)


@pytest.mark.parametrize("name", ENCODERS)
def test_each_encoder_gives_its_width_and_is_recognised(name: str) -> None:
    with torch.device("meta"):
        encoder = build_encoder(name).eval()
        assert encoder(torch.empty(2, 3, 224, 224)).shape == (2, ENCODERS[name])
        model = MclSTExp(name, 5)
    assert recognise_encoder(model.state_dict().keys()) == name


def test_densenet_has_no_relu_before_pooling() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("densenet121").eval()
    with torch.inference_mode():
        assert (encoder(torch.rand(1, 3, 32, 32)) < 0).any()


def test_unknown_encoders_and_impossible_patches_are_refused() -> None:
    with pytest.raises(BundleError, match="vgg"):
        build_encoder("vgg16")
    with pytest.raises(BundleError, match="multiple of 32"):
        build_encoder("vit_base_patch32_224", patch_px=100)


def attention_by_hand(model: MclSTExp, tokens: torch.Tensor) -> torch.Tensor:
    """The spot encoder written out from the formulas, head by head."""
    for block in model.spot_encoder:
        attn, ff = block.attn, block.ff
        normed = torch.nn.functional.layer_norm(
            tokens, tokens.shape[-1:], attn.norm.weight, attn.norm.bias
        )
        q, k, v = (normed @ attn.fn.to_qkv.weight.T).split(8, dim=1)
        heads = []
        for head in range(2):
            part = slice(4 * head, 4 * head + 4)
            scores = torch.softmax(q[:, part] @ k[:, part].T / 4**0.5, dim=1)
            heads.append(scores @ v[:, part])
        out = attn.fn.to_out[0]
        tokens = tokens + torch.cat(heads, 1) @ out.weight.T + out.bias
        normed = torch.nn.functional.layer_norm(
            tokens, tokens.shape[-1:], ff.norm.weight, ff.norm.bias
        )
        first, second = ff.fn.net[0], ff.fn.net[3]
        hidden = normed @ first.weight.T + first.bias
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
        tokens = tokens + hidden @ second.weight.T + second.bias
    return tokens


def test_the_spot_encoder_equals_its_formulas(small: MclSTExp) -> None:
    expression = torch.rand(9, 10)
    positions = torch.stack([torch.arange(9) % 6, torch.arange(9) % 7], 1)
    tokens = (
        expression + small.x_embed.weight[positions[:, 0]] + small.y_embed.weight[positions[:, 1]]
    )
    with torch.inference_mode():
        wanted = small.spot_projection(attention_by_hand(small, tokens))
        torch.testing.assert_close(
            small.embed_spots(expression, positions), wanted, atol=1e-5, rtol=1e-5
        )


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 20), st.integers(1, 25), st.randoms())
def test_windows_are_independent_sentences(n: int, window: int, random: object) -> None:
    torch.manual_seed(1)
    model = MclSTExp("resnet18", 4, (3, 3), projection=4, heads=1, head_width=2, layers=1).eval()
    expression, positions = torch.rand(n, 4), torch.randint(3, (n, 2))
    with torch.inference_mode():
        whole = model.embed_spots(expression, positions, window)
        for start in range(0, n, window):
            part = slice(start, start + window)
            alone = model.embed_spots(expression[part], positions[part])
            torch.testing.assert_close(whole[part], alone, atol=1e-6, rtol=1e-5)
            order = torch.randperm(len(alone))  # the order within a sentence means nothing
            shuffled = model.embed_spots(expression[part][order], positions[part][order])
            torch.testing.assert_close(shuffled, alone[order], atol=1e-5, rtol=1e-4)


def test_windows_must_cover_every_spot(small: MclSTExp) -> None:
    with pytest.raises(ValueError, match="cover 4 of 6"):
        small.embed_spots(torch.rand(6, 10), torch.zeros(6, 2, dtype=torch.long), [slice(0, 4)])


def test_no_spots_give_no_embeddings(small: MclSTExp) -> None:
    assert small.embed_spots(torch.rand(0, 10), torch.zeros(0, 2, dtype=torch.long)).shape == (0, 8)


@pytest.mark.parametrize("position", [(6, 0), (0, 7), (-1, 0)])
def test_positions_outside_the_tables_are_refused(
    small: MclSTExp, position: tuple[int, int]
) -> None:
    with pytest.raises(BundleError, match=r"x in 0\.\.5, y in 0\.\.6"):
        small.embed_spots(torch.rand(1, 10), torch.tensor([position]))


def test_without_its_spot_side_a_model_embeds_images_only() -> None:
    model = MclSTExp("resnet18", 10, projection=8, spot_side=False).eval()
    assert not any(name.startswith(("x_embed", "spot_")) for name in model.state_dict())
    with pytest.raises(BundleError, match="without its spot side"):
        model.embed_spots(torch.rand(1, 10), torch.zeros(1, 2, dtype=torch.long))


def test_a_long_section_needs_no_square_matrix() -> None:
    """8 heads x 8,000 x 8,000 floats would be 2 GB."""
    resource = pytest.importorskip("resource")

    torch.manual_seed(0)
    model = MclSTExp("resnet18", 8, (200, 200), projection=4, head_width=4, layers=1).eval()
    positions = torch.randint(200, (8_000, 2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.inference_mode():
        assert model.embed_spots(torch.rand(8_000, 8), positions).isfinite().all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_fields_of_view_share_the_encoder_and_lie_side_by_side() -> None:
    torch.manual_seed(0)
    model = MclSTExp("resnet18", 10, projection=8, context=3).eval()
    assert model.image_projection.projection.in_features == 3 * 512
    images = torch.rand(2, 3, 3, 32, 32)
    with torch.inference_mode():
        features = model.image_features(images)
        for i in range(3):
            torch.testing.assert_close(
                features[:, 512 * i : 512 * (i + 1)], model.image_encoder(images[:, i])
            )
        torch.testing.assert_close(model.embed_image(images), model.image_projection(features))
    with pytest.raises(
        PredictionError, match=r"expected \(N, 3, 3, p, p\); found \(2, 3, 32, 32\)"
    ):
        model.embed_image(images[:, 0])


def test_a_single_field_of_view_may_have_an_axis_of_its_own(small: MclSTExp) -> None:
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(small.embed_image(images[:, None]), small.embed_image(images))
    with pytest.raises(PredictionError, match=r"expected \(N, 3, p, p\)"):
        small.embed_image(torch.rand(2, 2, 3, 32, 32))


def test_without_position_encoding_places_mean_nothing() -> None:
    torch.manual_seed(0)
    kwargs = {"projection": 8, "heads": 2, "head_width": 4, "layers": 1}
    model = MclSTExp("resnet18", 10, position_encoding="none", **kwargs).eval()
    assert not any("embed" in name for name in model.state_dict() if "image" not in name)
    expression = torch.rand(4, 10)
    with torch.inference_mode():
        here = model.embed_spots(expression, torch.zeros(4, 2, dtype=torch.long))
        there = model.embed_spots(expression, torch.full((4, 2), -1))
    assert torch.equal(here, there)


@pytest.mark.parametrize("width", [1, 2, 7, 10])
def test_sines_and_cosines_follow_their_formula(width: int) -> None:
    positions = torch.tensor([[0, 0], [3, 5], [100, 2]])
    found = sincos(positions, width)
    assert found.shape == (3, width)
    for row, place in enumerate(positions.tolist()):
        wanted = []
        for value, columns in zip(place, ((width + 1) // 2, width // 2), strict=True):
            for column in range(columns):
                angle = value / 10_000 ** (2 * (column // 2) / columns)
                wanted.append(math.cos(angle) if column % 2 else math.sin(angle))
        np.testing.assert_allclose(found[row], wanted, atol=1e-6)


def test_sines_and_cosines_need_no_tables_but_known_places() -> None:
    model = MclSTExp("resnet18", 10, (1, 1), projection=8, position_encoding="sincos").eval()
    assert "x_embed.weight" not in model.state_dict()
    expression, positions = torch.rand(2, 10), torch.tensor([[500, 3], [2, 900]])
    torch.testing.assert_close(
        model.tokens(expression, positions), expression + sincos(positions, 10)
    )
    with pytest.raises(BundleError, match="unknown or negative"):
        model.tokens(expression, torch.tensor([[0, 0], [-1, -1]]))


def test_features_are_standardised_before_their_projection() -> None:
    torch.manual_seed(0)
    model = MclSTExp("stain_statistics", 10, projection=8, context=2, feature_norm="batch")
    images = torch.rand(16, 2, 3, 8, 8)
    norm = model.image_norm
    assert not list(norm.parameters())
    norm.momentum = None  # then one batch settles the running statistics
    model.train().embed_image(images)
    features = model.image_features(images)
    wanted = (features - features.mean(0)) / (features.var(0) + norm.eps).sqrt()
    torch.testing.assert_close(
        model.eval().embed_image(images), model.image_projection(wanted), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("choice", [{"position_encoding": "rope"}, {"feature_norm": "layer"}])
def test_unknown_choices_are_refused(choice: dict[str, str]) -> None:
    with pytest.raises(BundleError, match="no such choice"):
        MclSTExp("stain_statistics", 10, **choice)


@pytest.fixture(scope="module")
def released(released_checkpoint: Path) -> MclSTExp:
    """The released-format checkpoint in our model."""
    state = read_released_state_dict(released_checkpoint)
    for table in ("x_embed.weight", "y_embed.weight"):
        state[table] = state[table][:40]
    model = MclSTExp("densenet121", 785, (40, 40)).eval()
    model.load_state_dict(state, strict=True)
    return model


@pytest.mark.data
def test_the_image_side_agrees_with_the_released_code(
    released: MclSTExp, extras: dict[str, np.ndarray]
) -> None:
    images = torch.from_numpy(extras["patch_u8_C4"]).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        features = released.image_encoder.model(images)
        np.testing.assert_allclose(features[0], extras["featmap0_C4"], atol=1e-4)
        pooled = released.image_encoder(images)
        np.testing.assert_allclose(pooled, extras["image_features_C4"], atol=1e-5)
        embedded = released.embed_image(images)
        np.testing.assert_allclose(embedded, extras["image_embedding_C4"], atol=1e-5)


@pytest.mark.data
def test_the_spot_side_agrees_layer_by_layer(
    released: MclSTExp, extras: dict[str, np.ndarray], reference: dict[str, np.ndarray]
) -> None:
    positions = torch.from_numpy(reference["ref_xy"][:32]).long()
    with torch.inference_mode():
        tokens = released.tokens(torch.from_numpy(extras["win0_expression"]), positions)
        np.testing.assert_allclose(tokens, extras["win0_input"], atol=1e-6)
        first = released.spot_encoder[0](tokens[None])
        np.testing.assert_allclose(first[0], extras["win0_layer0"], atol=1e-5)
        second = released.spot_encoder[1](first)
        np.testing.assert_allclose(second[0], extras["win0_layer1"], atol=1e-5)
        embedded = released.spot_projection(second[0])
        np.testing.assert_allclose(embedded, extras["win0_embedding"], atol=1e-5)


def test_without_layers_expression_goes_straight_to_the_projection():
    torch.manual_seed(0)
    model = MclSTExp(
        "resnet18", 8, projection=4, layers=0, position_encoding="none", patch_px=32
    ).eval()
    assert not [name for name in model.state_dict() if name.startswith("spot_encoder")]
    expression, positions = torch.rand(5, 8), torch.zeros(5, 2, dtype=torch.long)
    with torch.inference_mode():
        whole = model.embed_spots(expression, positions)
        torch.testing.assert_close(whole, model.spot_projection(expression), rtol=0, atol=0)
        parts = model.embed_spots(expression, positions, 2)
    torch.testing.assert_close(parts, whole)  # no spot sees another


def test_image_features_are_dropped_in_training_only():
    torch.manual_seed(0)
    model = MclSTExp("resnet18", 8, projection=4, feature_dropout=0.5, patch_px=32)
    features = torch.rand(6, 512)
    with torch.inference_mode():
        first, second = model.project_features(features), model.project_features(features)
        assert not torch.equal(first, second)
        model.eval()
        plain = model.image_projection(features)
        torch.testing.assert_close(model.project_features(features), plain, rtol=0, atol=0)
