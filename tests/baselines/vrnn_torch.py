"""A plain PyTorch VRNN, to compare speeds with: python tests/baselines/vrnn_torch.py

The sizes of `python -m trainers.benchmark vrnn --preset spoken-digits-gauss`: frames of 200 samples, an LSTM of 256, z
of 32, two layers of 128 in each of the five networks, 20 sounds, float32, Adam, gradients clipped to norm 5. Frames of
a sound: --frames. Prints one JSON object. Needs PyTorch, which is no dependency of this package: install it in an
environment of its own (torch 2.13.0 was used).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

FRAME, HIDDEN, Z, INNER, BATCH = 200, 256, 32, 128, 20


def layers(size):
    return nn.Sequential(nn.Linear(size, INNER), nn.ReLU(), nn.Linear(INNER, INNER), nn.ReLU())


class Gaussian(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.mean, self.scale = nn.Linear(INNER, size), nn.Linear(INNER, size)

    def forward(self, h):
        return Normal(self.mean(h), nn.functional.softplus(self.scale(h)) + 1e-4)


class VRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.x_net, self.z_net = layers(FRAME), layers(Z)
        self.prior = nn.Sequential(layers(HIDDEN), Gaussian(Z))
        self.encoder = nn.Sequential(layers(INNER + HIDDEN), Gaussian(Z))
        self.decoder = nn.Sequential(layers(INNER + HIDDEN), Gaussian(FRAME))
        self.cell = nn.LSTMCell(2 * INNER, HIDDEN)

    def forward(self, x):
        """Minus the bound of sounds, x [T, B, FRAME]: their sum."""
        h = c = x.new_zeros(x.shape[1], HIDDEN)
        total, features = 0, self.x_net(x)
        for frame, seen in zip(x, features, strict=True):
            posterior = self.encoder(torch.cat([seen, h], -1))
            z = self.z_net(posterior.rsample())
            total = total + kl_divergence(posterior, self.prior(h)).sum()
            total = total - self.decoder(torch.cat([z, h], -1)).log_prob(frame).sum()
            h, c = self.cell(torch.cat([seen, z], -1), (h, c))
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--frames", type=int, default=18)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = VRNN()
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    x = torch.randn(options.frames, BATCH, FRAME)
    times = []
    for _ in range(options.steps + 5):
        began = time.perf_counter()
        adam.zero_grad()
        (model(x) / BATCH).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        adam.step()
        times.append(1000 * (time.perf_counter() - began))
    times = times[5:]
    print(json.dumps({"milliseconds": statistics.median(times), "least": min(times), "threads": options.threads}))


if __name__ == "__main__":
    main()
