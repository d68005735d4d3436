import inspect

import pytest

from zoo.configs.kinds import Texts
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
