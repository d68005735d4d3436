import pytest

from zoo.configs.align_draw import PRESETS


@pytest.mark.parametrize(
    ("preset", "examples", "epochs"), [("coco", 5 * 82_783, 18), ("digit-captions-paper", 10_000, 150)]
)
def test_presets_named_for_the_paper_see_the_data_as_often(preset, examples, epochs):
    settings = PRESETS[preset]
    assert settings.steps * settings.batch_size / examples == pytest.approx(epochs, rel=1e-3)
