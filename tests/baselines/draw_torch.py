"""A plain PyTorch DRAW, to compare speeds with: python tests/baselines/draw_torch.py --batch-size 128 --threads 2

The sizes of `python -m trainers.benchmark draw --preset mnist`: T = 64 glimpses, LSTMs of 256, Z = 100, windows of
2 x 2 and 5 x 5, float32, Adam, gradients clipped to norm 10. Written as the equations read, without tricks; --compile
compiles one time step. Prints one JSON object. Needs PyTorch, which is no dependency of this package: install it in an
environment of its own (torch 2.13.0 was used).
"""

import argparse
import json
import statistics
import time

import numpy as np
import torch
from torch import nn

H = W = 28
T, HIDDEN, Z, READ, WRITE = 64, 256, 100, 2, 5


class DRAW(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTMCell(2 * READ**2 + HIDDEN, HIDDEN)  # of [r; h_dec]
        self.posterior = nn.Linear(HIDDEN, 2 * Z)
        self.decoder = nn.LSTMCell(Z, HIDDEN)
        self.write_patch = nn.Linear(HIDDEN, WRITE**2)
        self.read_window, self.write_window = nn.Linear(HIDDEN, 5), nn.Linear(HIDDEN, 5)
        self.canvas = nn.Parameter(torch.zeros(H, W))
        self.state = nn.ParameterList(torch.zeros(HIDDEN) for _ in range(4))  # h_enc, cell_enc, h_dec, cell_dec
        self.step = self.infer_step

    def filters(self, parameters, n):
        """Eq. 21 to 26. Returns F_y [B, n, H], F_x [B, n, W], gamma [B, 1, 1]."""
        g_x, g_y, log_variance, log_delta, log_gamma = parameters.unbind(-1)
        delta = (max(H, W) - 1) / max(n - 1, 1) * log_delta.exp()
        i = torch.arange(n) - (n - 1) / 2

        def bank(centre, length):
            mu = centre[:, None] + i * delta[:, None]
            f = torch.exp(
                -((torch.arange(1, length + 1) - mu[..., None]) ** 2) / (2 * log_variance.exp()[:, None, None])
            )
            return f / f.sum(-1, keepdim=True).clamp(min=1e-8)

        return bank((H + 1) / 2 * (g_y + 1), H), bank((W + 1) / 2 * (g_x + 1), W), log_gamma.exp()[:, None, None]

    def infer_step(self, x, noise, canvas, h_enc, cell_enc, h_dec, cell_dec):
        """Eq. 3 to 8 and the rate of this step [B]."""
        f_y, f_x, gamma = self.filters(self.read_window(h_dec), READ)
        x_hat = x - torch.sigmoid(canvas)
        r = [(gamma * (f_y @ image @ f_x.mT)).flatten(1) for image in (x, x_hat)]
        h_enc, cell_enc = self.encoder(torch.cat([*r, h_dec], -1), (h_enc, cell_enc))
        mean, log_scale = self.posterior(h_enc).chunk(2, -1)
        z = mean + log_scale.exp() * noise
        rate = 0.5 * (mean**2 + (2 * log_scale).exp() - 2 * log_scale - 1).sum(-1)
        h_dec, cell_dec = self.decoder(z, (h_dec, cell_dec))
        f_y, f_x, gamma = self.filters(self.write_window(h_dec), WRITE)
        patch = self.write_patch(h_dec).unflatten(1, (WRITE, WRITE))
        canvas = canvas + f_y.mT @ patch @ f_x / gamma
        return (canvas, h_enc, cell_enc, h_dec, cell_dec), rate

    def forward(self, x, noise):
        """x: [B, H, W] binary; noise: [B, T, Z]. Returns distortion and rate, [B] nats each."""
        state = [v.expand(len(x), *v.shape) for v in (self.canvas, *self.state)]
        rate = 0.0
        for t in range(T):
            state, kl = self.step(x, noise[:, t], *state)
            rate = rate + kl
        distortion = nn.functional.binary_cross_entropy_with_logits(state[0], x, reduction="none").sum((1, 2))
        return distortion, rate


def load(model, path):
    """Takes the weights of our model, an .npz of {variable's path: array} without the leading model name."""
    ours = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    with torch.no_grad():
        for name in ("posterior", "read_window", "write_window", "write"):
            layer = model.write_patch if name == "write" else getattr(model, name)
            layer.weight.copy_(ours[f"{name}/kernel"].T)
            layer.bias.copy_(ours[f"{name}/bias"])
        for name in ("encoder", "decoder"):  # one kernel over [input; h] there
            cell, kernel = getattr(model, name), ours[f"{name}/kernel"].T
            cell.weight_ih.copy_(kernel[:, :-HIDDEN])
            cell.weight_hh.copy_(kernel[:, -HIDDEN:])
            cell.bias_ih.copy_(ours[f"{name}/bias"])
            cell.bias_hh.zero_()
        model.canvas.copy_(ours["canvas_0"][..., 0])
        for v, name in zip(model.state, ("h_enc_0", "cell_enc_0", "h_dec_0", "cell_dec_0"), strict=True):
            v.copy_(ours[name])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20, help="timed steps")
    parser.add_argument("--compile", action="store_true", help="compile one time step")
    parser.add_argument("--check", help="an .npz of our weights, image [B, 28, 28, 1] and noise: print the loss terms")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = DRAW()
    if options.compile:
        model.step = torch.compile(model.infer_step)
    if options.check:
        load(model, options.check)
        arrays = np.load(options.check)
        x, noise = (torch.from_numpy(arrays[name]) for name in ("image", "noise"))
        distortion, rate = model(x[..., 0], noise)
        (distortion + rate).mean().backward()
        norm = torch.stack([v.grad.square().sum() for v in model.parameters()]).sum().sqrt()
        # Two biases where we have one: each of them gets the whole gradient.
        twice = sum(cell.bias_hh.grad.square().sum() for cell in (model.encoder, model.decoder))
        norm = (norm**2 - twice).sqrt()
        print(json.dumps({"distortion": distortion.tolist(), "rate": rate.tolist(), "gradient_norm": norm.item()}))
        return
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    x = torch.randint(0, 2, (options.batch_size, H, W)).float()

    def step():
        optimizer.zero_grad()
        distortion, rate = model(x, torch.randn(options.batch_size, T, Z))
        (distortion + rate).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()

    def milliseconds():
        began = time.perf_counter()
        step()
        return 1000 * (time.perf_counter() - began)

    first = milliseconds()
    for _ in range(2):
        step()
    times = [milliseconds() for _ in range(options.steps)]
    found = {
        "torch": torch.__version__,
        "compiled": options.compile,
        "batch_size": options.batch_size,
        "threads": options.threads,
        "ms_per_step": round(statistics.median(times), 1),
        "ms_per_step_min": round(min(times), 1),
        "first_step_seconds": round(first / 1000, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
