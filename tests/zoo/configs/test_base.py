import dataclasses
import json
import re
import subprocess
import sys
from typing import Any, Literal

import pytest

from zoo import catalogue
from zoo.configs.base import Settings, check, from_dict, suggestion, to_dict
from zoo.configs.draw import ClassifierConfig, DRAWConfig

EVERY = [(model, preset) for model in catalogue.MODELS for preset in catalogue.presets(model)]


@pytest.mark.parametrize(("model", "preset"), EVERY, ids="/".join)
def test_every_preset_survives_json(model, preset):
    """Restored onto another preset of the same kind, so that nothing comes from the template."""
    settings = catalogue.preset(model, preset)
    text = json.loads(json.dumps(to_dict(settings)))
    kind = type(settings), type(settings.model)
    same_kind = [s for s in catalogue.presets(model).values() if (type(s), type(s.model)) == kind]
    for template in (settings, same_kind[0], same_kind[-1]):
        back = from_dict(template, text)
        assert back == settings and hash(back) == hash(settings)  # a list for a tuple has no hash


def test_what_json_leaves_out_keeps_its_value():
    settings = catalogue.preset("draw", "digits")
    back = from_dict(settings, {"steps": 7, "model": {"z_size": 3}})
    assert back == dataclasses.replace(settings, steps=7, model=dataclasses.replace(settings.model, z_size=3))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"learning_rat": 1}, r"^learning_rat: no such setting of Settings \(did you mean 'learning_rate'\?\)$"),
        ({"model": {"zsize": 1}}, r"^zsize: no such setting of DRAWConfig \(did you mean 'z_size'\?\)$"),
        ({"xxxxxxx": 1}, "^xxxxxxx: no such setting of Settings$"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(values, words):
    with pytest.raises(ValueError, match=words):
        from_dict(Settings(DRAWConfig()), values)


def test_what_comes_from_json_is_checked_too():
    with pytest.raises(ValueError, match=r"^model\.z_size: got 0, expected at least 1$"):
        from_dict(Settings(DRAWConfig()), {"model": {"z_size": 0}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("batch_size", -1),
        ("every", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("clip_norm", 0.0),
        ("ema", 1.0),
        ("optimizer", "adam(0.5"),
        ("clip", "norms"),
        ("seed", -1),
        ("seed", 2**31),
        ("schedule", "cosin"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(field, value):
    with pytest.raises(ValueError, match=rf"^{field}: got .*, expected ") as caught:
        Settings(ClassifierConfig(), **{field: value})
    assert str(value) in str(caught.value) and "\n" not in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """A field of every kind that a config may have."""

    image_shape: tuple[int, int, int] = (5, 7, 2)
    pair: tuple[int, int] = (3, 4)
    layers: tuple[int, ...] = (8,)
    kind: Literal["a", "b"] = "a"
    many: Literal["a", "b", "c"] = "c"
    depth: Literal[1, 2] = 1
    units: int = 3
    more: int = 0
    rate: float = 0.5
    deep: bool = True
    name: str = "x"
    anything: Any = None

    def __post_init__(self):
        check(self, "model.", more=0)


def test_values_of_the_annotated_kind_are_taken():
    Sizes(layers=(1, 2, 3), kind="b", depth=2, units=2**31 - 1, more=0, rate=1, deep=False, name="", anything=[None])


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("image_shape", [(5, 7), (5, 0, 2), [5, 7, 2], 5, None], "(height, width, channels), all positive"),
        ("pair", [(3,), (3, -1), (3, 4.0), "ab", (True, 1)], "2 positive numbers"),
        ("layers", [(), (0,), 8, [8], ("8",), (2**31,)], "one positive size or more"),
        ("kind", ["c", None, ["a"], 0], "'a' or 'b'"),
        ("many", ["d", 1], "one of a, b, c"),
        ("depth", [0, 3, 1.0, True, "1"], "1 or 2"),
        ("units", ["3", 3.0, None, True, [3]], "a whole number"),
        ("units", [0, -1], "at least 1"),
        ("units", [2**31], "an integer below 2**31"),
        ("more", [-1], "at least 0"),
        ("rate", ["0.5", None, True, [1.0]], "a number"),
        ("deep", [1, "true", None], "true or false"),
        ("name", [1, None, ["x"]], "a text"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(field, values, expected):
    for value in values:
        with pytest.raises(ValueError, match=f"^{re.escape(f'model.{field}: got {value!r}, expected {expected}')}$"):
            Sizes(**{field: value})


def test_a_suggestion_is_made_only_for_what_is_near():
    assert suggestion("batchsize", ["steps", "batch_size"]) == " (did you mean 'batch_size'?)"
    assert suggestion("zzz", ["steps", "batch_size"]) == ""


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("drw", "mnist"), r"^model: got 'drw', expected one of draw, .*\(did you mean 'draw'\?\)$"),
        (("draw", "mnits"), r"^preset: got 'mnits', expected one of digits, .*\(did you mean 'mnist'\?\)$"),
    ],
)
def test_a_wrong_name_of_a_model_or_preset_is_answered_with_the_list(names, words):
    with pytest.raises(ValueError, match=words):
        catalogue.preset(*names)


def test_reading_every_preset_imports_nothing_heavy():
    program = (
        "import sys; from zoo import catalogue; [catalogue.presets(m) for m in catalogue.MODELS]; "
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
