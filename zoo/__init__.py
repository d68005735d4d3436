"""Classic models of sequential generation and attention, in TensorFlow 2 and Keras 3."""


def load(name):
    """The trained model of a run directory ("runs/draw/digits") or of weights that ship ("draw/mnist")."""
    from zoo.store import runs as run

    return run.load(name)
