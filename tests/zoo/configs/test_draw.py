import pytest

from zoo.configs.draw import PRESETS, ClassifierConfig, DRAWConfig


@pytest.mark.parametrize(
    ("preset", "sizes"),
    [("mnist", (64, 256, 100, 2, 5)), ("svhn", (32, 800, 100, 12, 12)), ("cifar10", (64, 400, 200, 5, 5))],
)
def test_the_presets_are_the_papers_table(preset, sizes):
    """Table 3: glimpses, units, z, read N, write N."""
    c = PRESETS[preset].model
    assert (c.steps, c.hidden, c.z_size, c.read_n, c.write_n) == sizes


@pytest.mark.parametrize("kind", [DRAWConfig, ClassifierConfig])
@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 0), (0, 28, 1), (1, 28, 28, 1)], ids=str)
def test_a_wrong_image_shape_is_refused(kind, shape):
    with pytest.raises(ValueError, match=r"^model\.image_shape: got \(.*\), expected \(height, width, channels\)"):
        kind(image_shape=shape)


@pytest.mark.parametrize(
    ("kind", "field"),
    [(DRAWConfig, f) for f in ("steps", "hidden", "z_size", "read_n", "write_n")]
    + [(ClassifierConfig, f) for f in ("steps", "hidden", "read_n", "classes")],
)
def test_a_size_of_zero_is_refused(kind, field):
    with pytest.raises(ValueError, match=rf"^model\.{field}: got 0, expected at least 1$"):
        kind(**{field: 0})
