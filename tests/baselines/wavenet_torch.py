"""A plain PyTorch WaveNet, to compare speeds with: python tests/baselines/wavenet_torch.py

The sizes of `python -m trainers.benchmark wavenet --preset spoken-digits`: 20 layers with dilations up to 512, twice,
32 residual and 32 gated channels, 128 of skips, 256 classes, classes of sounds and speakers, 4 sounds of 4,000 samples
each, float32, Adam, gradients clipped to norm 1. Prints one JSON object. Needs PyTorch, which is no dependency of this
package: install it in an environment of its own (torch 2.13.0 was used).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

RESIDUAL, GATE, SKIP, LEVELS, TOLD, BATCH, LENGTH = 32, 32, 128, 256, 16, 4, 4000
DILATIONS = 2 * [2**i for i in range(10)]


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv1d(LEVELS, RESIDUAL, 2)
        self.filters = nn.ModuleList(nn.Conv1d(RESIDUAL, 2 * GATE, 2, dilation=d) for d in DILATIONS)
        self.told = nn.ModuleList(nn.Linear(TOLD, 2 * GATE, bias=False) for _ in DILATIONS)
        self.residuals = nn.ModuleList(nn.Conv1d(GATE, RESIDUAL, 1) for _ in DILATIONS)
        self.skips = nn.ModuleList(nn.Conv1d(GATE, SKIP, 1) for _ in DILATIONS)
        self.hidden, self.out = nn.Conv1d(SKIP, SKIP, 1), nn.Conv1d(SKIP, LEVELS, 1)

    def forward(self, samples, told):
        x = nn.functional.one_hot(samples[:, :-1], LEVELS).float().transpose(1, 2)
        h, total = self.enter(nn.functional.pad(x, (2, 0))), 0
        layers = zip(DILATIONS, self.filters, self.told, self.residuals, self.skips, strict=True)
        for d, filters, g, residual, skip in layers:
            both = filters(nn.functional.pad(h, (d, 0))) + g(told)[..., None]
            z = torch.tanh(both[:, :GATE]) * torch.sigmoid(both[:, GATE:])
            h, total = h + residual(z), total + skip(z)
        logits = self.out(torch.relu(self.hidden(torch.relu(total))))
        return nn.functional.cross_entropy(logits, samples, reduction="sum")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = WaveNet()
    network = torch.compile(model) if options.compile else model
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    samples, told = torch.randint(LEVELS, (BATCH, LENGTH)), torch.rand(BATCH, TOLD)
    times = []
    for _ in range(options.steps + 3):
        began = time.perf_counter()
        adam.zero_grad()
        (network(samples, told) / BATCH).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        times.append(1000 * (time.perf_counter() - began))
    times = times[3:]
    print(json.dumps({"milliseconds": statistics.median(times), "least": min(times), "threads": options.threads}))


if __name__ == "__main__":
    main()
