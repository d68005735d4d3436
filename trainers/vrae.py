"""Train a VRAE: python -m trainers.vrae --preset tunes"""

from trainers.declare.task import Figure, Task
from trainers.learn.command import main
from zoo.configs.vrae import VRAEConfig
from zoo.declare import Measure

TUNES = 4  # shown in a picture
NEIGHBOURS = 5


def exhibits(model, shown):
    """Samples and reconstructions, as images where rows were read, else as piano rolls; a plane of z and its images."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.exhibits import Picture
    from zoo.metrics import latent

    sequence = shown.batch["sequence"]
    rebuilt = model.reconstruct(sequence, shown.noise)["sequence"].numpy()
    sampled = model.decode(shown.noise)["sequence"].numpy()
    found = paint(model, {"sequence": sampled if paints_rows(model) else sampled[:TUNES]})
    if not paints_rows(model):
        pairs = np.stack([sequence, rebuilt], 1).reshape(-1, *rebuilt.shape[1:])
        return {**found, "reconstructions": Picture(rolls(model, pairs))}
    found["reconstructions"] = Picture(pictures.pairs(sequence.numpy()[..., None], rebuilt[..., None]))
    if model.z_size == 2:
        z = latent.manifold(20).reshape(-1, 2)
        images = model.decode(z)["sequence"].numpy()[..., None]
        found["manifold"] = Picture(pictures.grid(images, columns=20, scale=1))
    return found


def paint(model, decoded):
    """Samples, of tunes as MIDI, too: in the picture the probabilities of notes, in the files a draw of each."""
    import numpy as np

    from trainers.show import pictures
    from trainers.show.exhibits import Midi, Picture
    from zoo.data.music.tunes import lowest_note

    sampled = decoded["sequence"]
    if paints_rows(model):
        return {"samples": Picture(pictures.grid(sampled[..., None]))}
    lowest = lowest_note(model.config.sequence_shape[1])
    drawn = np.random.default_rng(0).random(sampled.shape) < sampled
    tunes = {f"tune-{i:02}": Midi(tune, lowest) for i, tune in enumerate(drawn)}
    return {"samples": Picture(rolls(model, sampled)), **tunes}


def paints_rows(model):
    """Whether a sequence is an image read row by row."""
    steps, features = model.config.sequence_shape
    return steps == features


def rolls(model, tunes):
    """The first TUNES tunes of [N, S, D], one beside the other."""
    import numpy as np

    from trainers.show import pictures
    from zoo.data.music.tunes import lowest_note

    lowest = lowest_note(model.config.sequence_shape[1])
    found = [pictures.piano_roll(tune, lowest=lowest) for tune in tunes[:TUNES]]
    return np.concatenate([np.pad(roll, ((0, 0), (0, 6), (0, 0)), constant_values=255) for roll in found], 1)


def histograms(model, shown):
    """The posterior's means and scales, over examples and latent dimensions."""
    found = model.encode(shown.batch["sequence"], shown.noise)
    return {"posterior/mean": found["mean"], "posterior/scale": found["scale"]}


def embed(model, shown):
    """Posterior means."""
    from trainers.show.exhibits import Scatter

    return Scatter(model.posterior(shown.batch["sequence"])[0].numpy(), shown.batch.get("label"))


def figures(model, sets, split, seed):
    """Whether rows that are near in the latent space show the same digit."""
    import numpy as np

    from zoo import data
    from zoo.metrics import latent

    examples = sets.splits[split]
    if not paints_rows(model) or "label" not in examples.arrays or examples.size <= NEIGHBOURS:
        return {}
    means = [
        model.posterior(batch["sequence"])[0].numpy()[:n]
        for batch, n in data.in_order(examples, min(250, examples.size))
    ]
    says = f"examples whose {NEIGHBOURS} nearest latent means (itself left out) vote for their label"
    share = latent.knn_accuracy(np.concatenate(means), examples.arrays["label"], NEIGHBOURS)
    return {"nearest_neighbours": Figure(share, Measure("fraction", says, better="higher"))}


def sample(*arguments):
    """Sequences from the prior."""
    from trainers.show.sampling import from_prior

    return from_prior(paint, "sequence")(*arguments)


TASKS = {VRAEConfig: Task("vrae", exhibits, histograms, figures, embed=embed, sample=sample)}

if __name__ == "__main__":
    main(TASKS)
