"""A plain PyTorch language model, to compare speeds with: python tests/baselines/language_torch.py --threads 2

The sizes of `python -m trainers.benchmark sentence_vae --preset ptb-language`: 10,000 words, vectors of 353, an LSTM of
191, dropout of a half on both sides of it, 32 texts of 25 words, float32, Adam, gradients clipped to norm 5. Prints one
JSON object. Needs PyTorch, which is no dependency of this package: install it in an environment of its own (torch
2.13.0 was used).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

VOCABULARY, EMBEDDING, HIDDEN, BATCH, WORDS = 10_000, 353, 191, 32, 25


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(VOCABULARY + 1, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, VOCABULARY)
        self.dropout = nn.Dropout(0.5)

    def forward(self, before, text):
        h, _ = self.lstm(self.dropout(self.table(before)))
        return nn.functional.cross_entropy(self.out(self.dropout(h)).flatten(0, 1), text.flatten(), reduction="sum")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = LanguageModel()
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    text = torch.randint(1, VOCABULARY, (BATCH, WORDS))
    before = nn.functional.pad(text[:, :-1], (1, 0), value=VOCABULARY)

    def step():
        adam.zero_grad()
        (model(before, text) / BATCH).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        adam.step()

    times = []
    for _ in range(options.steps + 5):
        began = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - began))
    times = times[5:]
    print(json.dumps({"milliseconds": statistics.median(times), "least": min(times), "threads": options.threads}))


if __name__ == "__main__":
    main()
