import fcntl
import gc
import os
import random

import pytest

# Set before any process here compiles: the suite compiles far more than it computes, and results do not depend on it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
gc.set_threshold(100_000, 50, 100)  # what is traced stays: to look for garbage in it takes a twentieth of the time
HEADLINES = "bleu4", "exact", "error", "bits_per_sample", "perplexity_documents", "bound", "negative_log_likelihood"

random.seed(0)  # of it Keras draws initial weights: here of models that parametrize tests


@pytest.fixture(autouse=True)
def the_same_weights_every_time():
    """Whatever ran before: of a few rectified units all may be dead, which would fail one run in hundreds."""
    random.seed(0)


@pytest.fixture(scope="session")
def once(tmp_path_factory, request):
    """(name, make) -> the folder that make(folder) filled, in whichever worker came first."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if hasattr(request.config, "workerinput") else root) / "once"
    root.mkdir(exist_ok=True)

    def get(name, make):
        with open(root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (root / f"{name}.done").exists():
                make(root / name)
                (root / f"{name}.done").touch()
        return root / name

    return get


@pytest.fixture(scope="session")
def headline_of():
    """{name: figure} of a model -> the figure by which one knows how good it is, which stands in the README."""
    return lambda figures: next(figures[name] for name in HEADLINES if name in figures)
