import numpy as np

from zoo.data import folders
from zoo.data.split import SPLITS


def test_about_a_tenth_validates_and_a_tenth_tests():
    lists = folders.split_by_name([f"IMG_{i:04}.jpg" for i in range(5000)], 0)
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        error = 4 * np.sqrt(share * (1 - share) / 5000)  # four standard errors
        assert abs(len(lists[split]) / 5000 - share) < error


def test_names_of_one_key_stay_in_one_split():
    names = [f"{form}-{line}.xml" for form in range(40) for line in range(3)]
    lists = folders.split_by_name(names, 0, lambda name: name.partition("-")[0])
    assert sorted(name for each in lists.values() for name in each) == sorted(names) and all(lists.values())
    forms = [{name.partition("-")[0] for name in each} for each in lists.values()]
    assert sum(map(len, forms)) == 40
