"""Train a VRAE: python -m trainers.vrae --preset tunes"""

from trainers.command import main
from trainers.task import Task

TUNES = 4  # shown, and written as MIDI files


def panels(model, batch, noise):
    """Samples and reconstructions, as images where rows were read, else as piano rolls."""
    import numpy as np

    from trainers import pictures
    from zoo.metrics import latent

    sequence = batch["sequence"].numpy()
    sampled = model.decode(noise)["sequence"].numpy()
    rebuilt = model.reconstruct(batch["sequence"], noise)["sequence"].numpy()
    if not paints_rows(model):
        rolls = {"samples": sampled[:TUNES], "reconstructions": between(sequence, rebuilt)[:TUNES]}
        return {name: np.concatenate([roll(model, tune) for tune in tunes]) for name, tunes in rolls.items()}
    found = {
        "samples": pictures.grid(sampled[..., None]),
        "reconstructions": pictures.pairs(sequence[..., None], rebuilt[..., None]),
    }
    if model.z_size == 2:
        z = latent.manifold(20).reshape(-1, 2)
        found["manifold"] = pictures.grid(model.decode(z)["sequence"].numpy()[..., None], columns=20, scale=1)
    return found


def paints_rows(model):
    """Whether a sequence is an image read row by row."""
    steps, features = model.config.sequence_shape
    return steps == features


def between(originals, rebuilt):
    """Each original followed by its reconstruction, [2 N, S, D]."""
    import numpy as np

    return np.stack([originals, rebuilt], 1).reshape(-1, *originals.shape[1:])


def roll(model, tune):
    from trainers import pictures
    from zoo.data.tunes import lowest_note

    return pictures.piano_roll(tune, lowest=lowest_note(model.config.sequence_shape[1]))


def files(model, noise, folder):
    """Sampled tunes as MIDI files."""
    from trainers.midi import save_midi
    from zoo.data.tunes import lowest_note

    if not paints_rows(model):
        lowest = lowest_note(model.config.sequence_shape[1])
        for i, tune in enumerate(model.decode(noise[:TUNES])["sequence"].numpy()):
            save_midi(folder / f"tune-{i}.mid", tune, lowest)


def histograms(model, batch, noise):
    """The posterior's means and scales, over examples and latent dimensions."""
    found = model.encode(batch["sequence"], noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def embed(model, batch, noise):
    """Posterior means, [B, Z]."""
    return model.encode(batch["sequence"], noise)["mean"].numpy()


TASK = Task("vrae", panels, histograms=histograms, embed=embed, files=files)

if __name__ == "__main__":
    main(TASK)
