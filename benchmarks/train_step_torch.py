"""SphereFace-20 and A-Softmax in plain PyTorch, timed on request of train_step.py.

Reads a name from standard input and answers with the seconds of one call; the first
line of the output lists the names, those of matrix products with the size in them.
Eager, as PyTorch's users train; bfloat16 by autocast, both memory formats.
"""

import itertools
import os
import sys
import time

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from heads_torch import a_softmax
from torch import nn

UNITS = ((64, 1), (128, 2), (256, 4), (512, 1))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        parts = [
            (
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.PReLU(channels),
            )
            for _ in range(2)
        ]
        self.branch = nn.Sequential(*itertools.chain(*parts))

    def forward(self, inputs):
        return inputs + self.branch(inputs)


def backbone(height, width, embedding_dim, units=UNITS):
    channels, parts = 3, []
    for wider, count in units:
        conv = nn.Conv2d(channels, wider, 3, stride=2, padding=1)
        parts += [conv, nn.PReLU(wider), *(Residual(wider) for _ in range(count))]
        channels = wider
        height, width = -(-height // 2), -(-width // 2)
    fc5 = nn.Linear(channels * height * width, embedding_dim)
    return nn.Sequential(*parts, nn.Flatten(), fc5)


class Training:
    """A network, its head and optimizer in one memory format and precision."""

    def __init__(self, precision, memory_format, sizes):
        classes, batch, height, width, dim = sizes
        torch.manual_seed(0)
        self.autocast = precision == "bfloat16"
        self.network = backbone(height, width, dim).to(memory_format=memory_format)
        self.kernel = nn.Parameter(torch.randn(dim, classes) / dim**0.5)
        images = torch.randn(batch, 3, height, width)
        self.images = images.to(memory_format=memory_format)
        self.labels = torch.randint(0, classes, (batch,))
        named = list(self.network.named_parameters())
        biases = [weight for name, weight in named if name.endswith("bias")]
        weights = [weight for name, weight in named if not name.endswith("bias")]
        self.optimizer = torch.optim.SGD(
            [
                {"params": [*weights, self.kernel], "weight_decay": 5e-4},
                {"params": biases, "lr": 0.02},
            ],
            lr=0.01,
            momentum=0.9,
        )

    def embed(self):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return self.network(self.images)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        logits = a_softmax(self.embed().float(), self.kernel, self.labels)
        loss = F.cross_entropy(logits, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def forward(self):
        with torch.inference_mode():
            return self.embed().sum().item()


def matmul(precision, size):
    dtype = getattr(torch, precision)
    left, right = (torch.randn(size, size).to(dtype) for _ in range(2))

    def product():
        with torch.inference_mode():
            return (left @ right)[0, 0].item()

    return product


def made_calls(size, sizes):
    """Dict of name to call: matrix products, steps and forward passes."""
    calls = {}
    formats = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
    for precision in ("float32", "bfloat16"):
        calls[f"matmul-{precision}"] = matmul(precision, size)
        for name, memory_format in formats.items():
            training = Training(precision, memory_format, sizes)
            calls[f"step-{precision}-{name}"] = training.step
            calls[f"forward-{precision}-{name}"] = training.forward
    return calls


def main(processor_time, size, *sizes):
    """Times with the clock, or with the processor seconds of one thread."""
    clock = time.process_time if processor_time else time.perf_counter
    torch.set_num_threads(1 if processor_time else len(os.sched_getaffinity(0)))
    calls = made_calls(size, sizes)
    print(*calls, flush=True)
    for line in sys.stdin:
        call = calls[line.strip()]
        start = clock()
        call()
        print(clock() - start, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
