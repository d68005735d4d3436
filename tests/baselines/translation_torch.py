"""A plain PyTorch translator with attention, to compare speeds with: python tests/baselines/translation_torch.py

The sizes of `python -m trainers.benchmark rnnsearch --preset multi30k-en-de`: 6,000 and 8,000 words, vectors and states
of 256, a bidirectional GRU that reads, a GRU cell that writes and looks back at each word, maxout of 256, dropout of
0.3, 64 pairs of 16 words each, float32, Adam, gradients clipped to norm 1. With --greedy: target words a second at
batch 32, 16 words each. Prints one JSON object. Needs PyTorch, which is no dependency of this package: install it in an
environment of its own (torch 2.13.0 was used).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

SOURCE, TARGET, SIZE, BATCH, WORDS = 6000, 8000, 256, 64, 16


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(SOURCE, SIZE), nn.Embedding(TARGET + 1, SIZE)
        self.reader = nn.GRU(SIZE, SIZE, batch_first=True, bidirectional=True)
        self.first, self.keys = nn.Linear(SIZE, SIZE), nn.Linear(2 * SIZE, SIZE, bias=False)
        self.query, self.v = nn.Linear(SIZE, SIZE, bias=False), nn.Linear(SIZE, 1, bias=False)
        self.cell, self.deep = nn.GRUCell(3 * SIZE, SIZE), nn.Linear(4 * SIZE, 2 * SIZE)
        self.out, self.dropout = nn.Linear(SIZE, TARGET), nn.Dropout(0.3)

    def read(self, source):
        h, _ = self.reader(self.dropout(self.source(source)))
        return torch.tanh(self.first(h[:, 0, SIZE:])), h, self.keys(h), source == 0

    def step(self, word, s, h, keys, padding):
        scores = self.v(torch.tanh(keys + self.query(s)[:, None])).squeeze(-1).masked_fill(padding, -1e9)
        c = torch.bmm(torch.softmax(scores, -1)[:, None], h)[:, 0]
        return self.cell(torch.cat([word, c], -1), s), c

    def logits(self, s, word, c):
        deep = self.deep(torch.cat([s, word, c], -1)).unflatten(-1, (SIZE, 2)).amax(-1)
        return self.out(self.dropout(deep))

    def forward(self, source, before, target):
        s, *context = self.read(source)
        words, states, contexts = self.dropout(self.target(before)), [], []
        for t in range(words.shape[1]):
            states.append(s)
            s, c = self.step(words[:, t], s, *context)
            contexts.append(c)
        logits = self.logits(torch.stack(states, 1), words, torch.stack(contexts, 1))
        return nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")

    def greedy(self, source):
        s, *context = self.read(source)
        word = torch.full(source.shape[:1], TARGET)
        for _ in range(WORDS):
            vector = self.target(word)
            after, c = self.step(vector, s, *context)
            s, word = after, self.logits(s, vector, c).argmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--greedy", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = Translator()
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    source, target = torch.randint(1, SOURCE, (BATCH, WORDS)), torch.randint(1, TARGET, (BATCH, WORDS))
    before = nn.functional.pad(target[:, :-1], (1, 0), value=TARGET)

    def learn():
        adam.zero_grad()
        (model(source, before, target) / BATCH).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    @torch.no_grad()
    def translate():
        model.eval()
        model.greedy(source[:32])

    times = []
    for _ in range(options.steps + 5):
        began = time.perf_counter()
        (translate if options.greedy else learn)()
        times.append(1000 * (time.perf_counter() - began))
    times = times[5:]
    found = {"milliseconds": statistics.median(times), "least": min(times), "threads": options.threads}
    if options.greedy:
        found["words_per_second"] = 32 * WORDS / (found["milliseconds"] / 1000)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
