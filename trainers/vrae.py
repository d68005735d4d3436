"""Train a VRAE: python -m trainers.vrae --preset tunes"""

from trainers.learn.command import main
from trainers.learn.task import Task

TUNES = 4  # shown in a picture


def panels(model, batch, noise):
    """Samples and reconstructions, as images where rows were read, else as piano rolls."""
    from trainers.show import pictures
    from zoo.metrics import latent

    sequence = batch["sequence"].numpy()
    found = paint(model, {"sequence": model.decode(noise)["sequence"].numpy()})
    rebuilt = model.reconstruct(batch["sequence"], noise)["sequence"].numpy()
    if not paints_rows(model):
        return {**found, "reconstructions": rolls(model, between(sequence, rebuilt))}
    found["reconstructions"] = pictures.pairs(sequence[..., None], rebuilt[..., None])
    if model.z_size == 2:
        z = latent.manifold(20).reshape(-1, 2)
        found["manifold"] = pictures.grid(model.decode(z)["sequence"].numpy()[..., None], columns=20, scale=1)
    return found


def paint(model, decoded):
    """Samples."""
    from trainers.show import pictures

    sampled = decoded["sequence"]
    return {"samples": pictures.grid(sampled[..., None]) if paints_rows(model) else rolls(model, sampled)}


def paints_rows(model):
    """Whether a sequence is an image read row by row."""
    steps, features = model.config.sequence_shape
    return steps == features


def between(originals, rebuilt):
    """Each original followed by its reconstruction, [2 N, S, D]."""
    import numpy as np

    return np.stack([originals, rebuilt], 1).reshape(-1, *originals.shape[1:])


def rolls(model, tunes):
    """The first TUNES tunes of [N, S, D], one beside the other."""
    import numpy as np

    from trainers.show import pictures
    from zoo.data.music.tunes import lowest_note

    lowest = lowest_note(model.config.sequence_shape[1])
    found = [pictures.piano_roll(tune, lowest=lowest) for tune in tunes[:TUNES]]
    return np.concatenate([np.pad(roll, ((0, 0), (0, 6), (0, 0)), constant_values=255) for roll in found], 1)


def files(model, noise, folder):
    """Sampled tunes as MIDI files."""
    from trainers.show.midi import save_midi
    from zoo.data.music.tunes import lowest_note

    if not paints_rows(model):
        lowest = lowest_note(model.config.sequence_shape[1])
        for i, tune in enumerate(model.decode(noise)["sequence"].numpy()):
            save_midi(folder / f"tune-{i:02}.mid", tune, lowest)


def histograms(model, batch, noise):
    """The posterior's means and scales, over examples and latent dimensions."""
    found = model.encode(batch["sequence"], noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def embed(model, batch, noise):
    """Posterior means, [B, Z]."""
    return model.encode(batch["sequence"], noise)["mean"].numpy()


TASK = Task("vrae", panels, histograms=histograms, embed=embed, files=files, paint=paint)

if __name__ == "__main__":
    main(TASK)
