import math

import pytest
import torch
from drawn_faces import drawn_faces

from mien.train.augment import augment, blend
from mien.train.config import AugmentationConfig

NOTHING = AugmentationConfig(
    rotation_deg=0,
    scale=0,
    shift=0,
    brightness=0,
    contrast=0,
    gamma=0,
    noise=0,
    low_resolution_share=0,
    erase_share=0,
    mixup_share=0,
)


def pictures() -> torch.Tensor:
    return torch.from_numpy(drawn_faces(16, seed=3).gray()[:, None]).float()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_with_nothing_to_change_a_picture_is_itself_or_its_mirror_image() -> None:
    before = pictures()
    after = augment(before, NOTHING, seeded())
    same = (after - before).abs().amax(dim=(1, 2, 3)) < 0.1
    mirrored = (after - before.flip(3)).abs().amax(dim=(1, 2, 3)) < 0.1
    assert bool((same | mirrored).all())
    assert 0 < int(mirrored.sum()) < len(before)


def test_same_seed_same_pictures() -> None:
    config = AugmentationConfig()
    assert torch.equal(augment(pictures(), config, seeded(5)), augment(pictures(), config, seeded(5)))
    assert not torch.equal(augment(pictures(), config, seeded(5)), augment(pictures(), config, seeded(6)))


def test_pictures_stay_within_the_range_of_pixels() -> None:
    after = augment(pictures(), AugmentationConfig(brightness=200, contrast=0.9), seeded())
    assert float(after.min()) >= 0
    assert float(after.max()) <= 255


@pytest.mark.parametrize(
    "change",
    [
        {"rotation_deg": 30},
        {"scale": 0.3},
        {"shift": 0.2},
        {"brightness": 50},
        {"contrast": 0.5},
        {"gamma": 0.5},
        {"noise": 20},
        {"low_resolution_share": 1},
        {"compression_share": 1},
        {"erase_share": 1},
    ],
)
def test_each_change_changes_the_pictures(change: dict[str, float]) -> None:
    plain = augment(pictures(), NOTHING, seeded())
    changed = augment(pictures(), NOTHING.model_copy(update=change), seeded())
    assert float((plain - changed).abs().mean()) > 0.5


def dot(row: int, column: int, count: int = 64) -> torch.Tensor:
    """Black pictures with one bright spot of 3 by 3 pixels."""
    faces = torch.zeros(count, 1, 48, 48)
    faces[:, :, row - 1 : row + 2, column - 1 : column + 2] = 255
    return faces


def places_px(faces: torch.Tensor) -> torch.Tensor:
    """Where the light of each picture is, from the centre, right and down; shape (N, 2)."""
    along = torch.arange(48) - 23.5
    weights = faces[:, 0] / faces.sum(dim=(1, 2, 3), keepdim=True)[:, 0]
    return torch.stack(((weights.sum(dim=1) * along).sum(dim=1), (weights.sum(dim=2) * along).sum(dim=1)), dim=1)


def test_shift_moves_by_shares_of_the_side() -> None:
    moved = places_px(augment(dot(24, 24), NOTHING.model_copy(update={"shift": 0.1}), seeded())).abs()
    assert 4 < float(moved.max()) < 0.1 * 48 + 1


def test_rotation_turns_by_degrees() -> None:
    turned = places_px(augment(dot(24, 42), NOTHING.model_copy(update={"rotation_deg": 20}), seeded()))
    angles = torch.rad2deg(torch.atan2(turned[:, 1], turned[:, 0].abs()))
    assert 15 < float(angles.abs().max()) < 22
    assert float(angles.min()) < -5
    assert float(angles.max()) > 5


def test_scale_shows_more_or_less() -> None:
    far = places_px(augment(dot(24, 36), NOTHING.model_copy(update={"scale": 0.3}), seeded()))[:, 0].abs()
    assert 12.5 / (1.3 * 1.1) - 1 < float(far.min()) < 11
    assert 14 < float(far.max()) < 12.5 / (0.7 * 0.9) + 1


def test_light_changes_within_its_ranges() -> None:
    gray = torch.full((256, 1, 48, 48), 100.0)
    brighter = augment(gray, NOTHING.model_copy(update={"brightness": 30}), seeded())[:, 0, 0, 0] - 100
    assert -30 <= float(brighter.min()) < -25
    assert 25 < float(brighter.max()) <= 30
    bent = augment(gray, NOTHING.model_copy(update={"gamma": 0.5}), seeded())[:, 0, 0, 0] / 255
    exponents = torch.log(bent) / torch.log(torch.tensor(100 / 255))
    assert math.exp(-0.5) - 0.01 <= float(exponents.min()) < 0.7
    assert 1.5 < float(exponents.max()) <= math.exp(0.5) + 0.01


def test_erased_rectangles_have_the_sides_that_are_stated() -> None:
    black = torch.zeros(256, 1, 48, 48)
    covered = augment(black, NOTHING.model_copy(update={"erase_share": 1}), seeded())[:, 0] > 0.5
    for side in (1, 2):
        longest = covered.any(dim=side).sum(dim=1).max()
        assert 0.35 * 48 < int(longest) <= 0.45 * 48 + 1


def test_mixup_blends_pictures_and_targets_alike() -> None:
    before = pictures()
    targets = torch.eye(16)
    mixed, mixed_targets = blend(
        before, NOTHING.model_copy(update={"mixup_share": 1, "mixup_alpha": 5}), seeded(), targets
    )
    torch.testing.assert_close(mixed_targets.sum(dim=1), torch.ones(16))
    expected = (mixed_targets @ before.flatten(1)).view_as(before)
    torch.testing.assert_close(mixed, expected, rtol=1e-4, atol=1e-2)
    assert not torch.equal(mixed, before)


@pytest.mark.parametrize("none", [{"mixup_share": 0}, {"mixup_share": 1, "mixup_alpha": 0}])
def test_no_blending_leaves_the_batch_alone(none: dict[str, float]) -> None:
    before = pictures()
    mixed, targets = blend(before, NOTHING.model_copy(update=none), seeded(), torch.eye(16))
    assert torch.equal(mixed, before)
    assert torch.equal(targets, torch.eye(16))


def test_cutmix_pastes_a_rectangle_and_shares_the_target_by_its_area() -> None:
    before = pictures()
    pasted, targets = blend(before, NOTHING.model_copy(update={"cutmix_share": 1}), seeded(), torch.eye(16))
    own = targets.diagonal()
    partner = (targets - torch.diag(own)).argmax(dim=1)
    from_partner = (pasted == before[partner]).all(dim=(0, 1))
    assert bool(((pasted == before) | (pasted == before[partner])).all())
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(16))
    moved = partner != torch.arange(16)
    torch.testing.assert_close(own[moved], torch.full_like(own[moved], 1 - float(from_partner.float().mean())))


def test_compression_keeps_a_flat_picture_flat_and_touches_only_its_share() -> None:
    config = NOTHING.model_copy(update={"compression_share": 0.5})
    flat = augment(torch.full((4, 1, 48, 48), 128.0), config, seeded())
    torch.testing.assert_close(flat, torch.full_like(flat, 128), atol=1e-2, rtol=0)
    plain, changed = augment(pictures(), NOTHING, seeded()), augment(pictures(), config, seeded())
    assert int(((plain - changed).abs().amax(dim=(1, 2, 3)) > 0.5).sum()) == 8


def test_badly_cropped_faces_move_farther() -> None:
    good = NOTHING.model_copy(update={"shift": 0.05})
    bad = good.model_copy(update={"bad_crop_share": 1})
    plain = augment(pictures(), NOTHING, seeded())
    difference = [float((augment(pictures(), config, seeded()) - plain).abs().mean()) for config in (good, bad)]
    assert difference[1] > 1.3 * difference[0]
