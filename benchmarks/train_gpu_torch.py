"""SphereFace and IResNet-50 in plain PyTorch, timed on request of train_gpu.py.

Reads a name from standard input and answers with the seconds of one step, the mean of
several; the first line of the output lists the names. Eager, autocast to bfloat16,
channels first, on a GPU if there is one.
"""

import sys
import time

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from heads_torch import a_softmax, arcface
from torch import nn
from train_step_torch import backbone

DIM = 512
UNITS = {
    "sphereface20": ((64, 1), (128, 2), (256, 4), (512, 1)),
    "sphereface64": ((64, 3), (128, 8), (256, 16), (512, 3)),
}
BLOCKS = ((64, 3), (128, 4), (256, 14), (512, 3))  # of IResNet-50
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def conv(channels, wider, size, stride=1):
    return nn.Conv2d(channels, wider, size, stride, size // 2, bias=False)


class Block(nn.Module):
    """BN, conv, BN, PReLU, conv, BN, and the sum with the input."""

    def __init__(self, channels, wider, stride):
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            conv(channels, wider, 3),
            nn.BatchNorm2d(wider),
            nn.PReLU(wider),
            conv(wider, wider, 3, stride),
            nn.BatchNorm2d(wider),
        )
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                conv(channels, wider, 1, stride), nn.BatchNorm2d(wider)
            )

    def forward(self, inputs):
        return self.shortcut(inputs) + self.branch(inputs)


def iresnet50():
    parts, channels = [conv(3, 64, 3), nn.BatchNorm2d(64), nn.PReLU(64)], 64
    for wider, blocks in BLOCKS:
        for number in range(blocks):
            parts.append(Block(channels, wider, 1 if number else 2))
            channels = wider
    parts += [nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 7 * 7, DIM)]
    return nn.Sequential(*parts, nn.BatchNorm1d(DIM))


class Training:
    """A network with its loss and optimizer, and one batch on the device."""

    def __init__(self, name, classes, batch):
        torch.manual_seed(0)
        width = 112 if name == "iresnet50" else 96
        network = (
            iresnet50()
            if name == "iresnet50"
            else backbone(112, width, DIM, UNITS[name])
        )
        self.head = arcface if name == "iresnet50" else a_softmax
        self.network = network.to(DEVICE).train()
        self.kernel = nn.Parameter(torch.randn(DIM, classes, device=DEVICE) / DIM**0.5)
        self.faces = torch.randn(batch, 3, 112, width, device=DEVICE)
        self.labels = torch.randint(0, classes, (batch,), device=DEVICE)
        self.optimizer = torch.optim.SGD(
            [*self.network.parameters(), self.kernel], 0.01, 0.9, weight_decay=5e-4
        )

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16):
            embeddings = self.network(self.faces)
        # The head is in float32, as in arcface_torch.
        logits = self.head(embeddings.float(), self.kernel, self.labels)
        loss = F.cross_entropy(logits, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss


def matmul(size):
    left, right = (
        torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16) for _ in range(2)
    )
    return lambda: (left @ right)[0, 0]


def main(size, classes, batch, steps, *names):
    calls = {"matmul-bfloat16": (matmul(size), 1)}
    for name in names:
        training = Training(name, classes, batch)
        calls[f"{name}-bfloat16"] = (training.step, steps)
    print(*calls, flush=True)
    for line in sys.stdin:
        call, times = calls[line.strip()]
        start = time.perf_counter()
        for _ in range(times):
            result = call()
        result.item()  # waits for the device
        print((time.perf_counter() - start) / times, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), *sys.argv[5:])
