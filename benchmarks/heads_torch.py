"""The formulas of some heads in plain PyTorch, timed on request of heads.py.

Reads a head's name from standard input and answers with the milliseconds of one step;
the first line of the output lists the names. Autograd, eager, no Keras.
"""

import math
import sys
import time

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name


def replaced(logits, labels, target):
    return logits.scatter(1, labels[:, None], target)


def cosines(x, kernel):
    return F.normalize(x) @ F.normalize(kernel, dim=0)


def softmax(x, kernel, labels):
    return x @ kernel


def normalized_softmax(x, kernel, labels):
    return x @ F.normalize(kernel, dim=0)


def a_softmax(x, kernel, labels):
    """m = 4 with lambda = 5."""
    norm = x.norm(dim=1, keepdim=True)
    logits = x @ F.normalize(kernel, dim=0)
    cos = logits.gather(1, labels[:, None]) / norm
    sector = sum((cos < math.cos(j * math.pi / 4)).float() for j in (1, 2, 3))
    cos_4 = 8 * cos**4 - 8 * cos**2 + 1
    psi = (1 - 2 * (sector % 2)) * cos_4 - 2 * sector
    return replaced(logits, labels, norm * (psi + 5 * cos) / 6)


def am_softmax(x, kernel, labels):
    logits = cosines(x, kernel)
    target = logits.gather(1, labels[:, None]) - 0.35
    return 30 * replaced(logits, labels, target)


def arcface(x, kernel, labels):
    logits = cosines(x, kernel)
    cos = logits.gather(1, labels[:, None])
    sine = (1 - cos**2).clamp(min=1e-10).sqrt()
    added = cos * math.cos(0.5) - sine * math.sin(0.5)
    beyond = cos - 0.5 * math.sin(0.5)
    target = torch.where(cos > math.cos(math.pi - 0.5), added, beyond)
    return 64 * replaced(logits, labels, target)


FORMULAS = {
    "Dense": softmax,
    "SoftmaxLayer": softmax,
    "NormalizedSoftmaxLayer": normalized_softmax,
    "ASoftmaxLayer": a_softmax,
    "AMSoftmaxLayer": am_softmax,
    "ArcFaceLayer": arcface,
}


def step(formula, x, kernel, labels):
    loss = F.cross_entropy(formula(x, kernel, labels), labels)
    return torch.autograd.grad(loss, [x, kernel])


def main(classes, batch, dim):
    torch.manual_seed(0)
    x = torch.randn(batch, dim, requires_grad=True)
    kernel = (torch.randn(dim, classes) / math.sqrt(dim)).requires_grad_()
    labels = torch.randint(0, classes, (batch,))
    print(*FORMULAS, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        step(FORMULAS[line.strip()], x, kernel, labels)
        print(1000 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
