import inspect

import pytest

from zoo.configs.kinds import Rolls, Sounds, Strokes, Texts
from zoo.data.audio import named as audio
from zoo.data.music import named as music
from zoo.data.strokes import named as strokes
from zoo.data.text import named


def test_what_texts_are_told_is_what_their_data_take():
    options = Texts(None).data_options
    taken = list(inspect.signature(named.load).parameters.values())[1:]
    assert options == {each.name: each.default for each in taken}


@pytest.mark.parametrize("wrong", [{"part": "words"}, {"fit": True}])
def test_what_texts_cannot_be_told_is_refused(wrong):
    ((name, _),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}: got .*, expected '.*' or '.*'"):
        Texts(None, **wrong)


@pytest.mark.parametrize(("kind", "room"), [(Sounds, audio), (Rolls, music), (Strokes, strokes)])
def test_what_other_kinds_are_told_is_what_their_data_take(kind, room):
    taken = list(inspect.signature(room.load).parameters.values())[1:]
    assert kind(None).data_options == {each.name: each.default for each in taken}


def test_a_piece_may_be_none_and_not_less():
    assert Sounds(None).piece == 0 and Sounds(None, piece=5).piece == 5
    for wrong in ({"piece": -1}, {"rate": 0}, {"speakers": "mine"}, {"batch_size": 0}):
        ((name, _),) = wrong.items()
        with pytest.raises(ValueError, match=f"^{name}: got "):
            Sounds(None, **wrong)
