"""Train small networks on digits with each loss and draw how their features lie.

The figures of the L-Softmax and SphereFace papers: 2-D and 3-D embeddings of MNIST, or,
with no --mnist, of the small digits in scikit-learn. Every training has a fixed number
of epochs; the test images are embedded once, when it has ended, and take no part in
training or in the choice of a model or setting. Finished trainings are kept in
OUT/runs, and the same command goes on where it was stopped.
"""

import argparse
import json
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.errors import InputError

LOSS_NAMES = (
    "softmax",
    "normalized_softmax",
    "a_softmax_2",
    "a_softmax_3",
    "a_softmax_4",
    "arcface",
    "cosface",
    "center",
)
MULTIPLICATIVE = ("normalized_softmax", "a_softmax_2", "a_softmax_3", "a_softmax_4")
PRECISIONS = ("float32", "mixed_bfloat16")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python examples/mnist_hypersphere.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--mnist", type=Path, metavar="DIR", help="folder of the four idx files"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/hypersphere"), help="folder, new or old"
    )
    parser.add_argument(
        "--losses", nargs="+", choices=LOSS_NAMES, default=LOSS_NAMES, metavar="NAME"
    )
    parser.add_argument(
        "--dims", type=int, nargs="+", default=[2, 3], help="sizes of the embedding"
    )
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument(
        "--epochs", type=int, help="of each training (default: MNIST 10, digits 60)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    parser.add_argument(
        "--json", action="store_true", help="print the table as JSON on stdout"
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    _check(args)
    rows, name = _compare(args)
    if args.json:
        print(json.dumps(rows, indent=2, allow_nan=False))
    else:
        from rich.console import Console

        from toy_table import printed_table

        Console(width=None if sys.stdout.isatty() else 110).print(
            printed_table(rows, f"{name}, {args.precision}")
        )
    print(f"figures: {args.out}", file=sys.stderr)
    return 0


def _check(args):
    for name, values in (
        ("seeds", [args.seeds]),
        ("epochs", [1 if args.epochs is None else args.epochs]),
    ):
        if min(values) < 1:
            raise InputError(f"--{name} must be at least 1. Received: {values[0]}")
    if min(args.dims) < 2:
        raise InputError(f"--dims must be at least 2. Received: {min(args.dims)}")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out must be a folder. Received: {args.out}")


def _compare(args):
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    import digit_data
    import toy_table
    from tf_sphereface.files import write_atomically

    if args.mnist is None:
        data, epochs = digit_data.load_small_digits(), 60
    else:
        data, epochs = digit_data.load_mnist(args.mnist), 10
    args.out.mkdir(parents=True, exist_ok=True)
    runs = _train_all(args, data, args.epochs or epochs)
    _draw(runs, args.out)
    rows = toy_table.table_rows(runs)
    text = json.dumps(rows, indent=2, allow_nan=False) + "\n"
    write_atomically(args.out / "table.json", text.encode())
    return rows, data.name


def _train_all(args, data, epochs):
    import toy_runs
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from toy_training import BATCH_SIZE, train_toy

    folder = args.out / "runs"
    folder.mkdir(exist_ok=True)
    jobs = [
        (loss, dim, seed)
        for seed in range(args.seeds)
        for dim in dict.fromkeys(args.dims)
        for loss in dict.fromkeys(args.losses)
    ]
    settings = {
        "epochs": epochs,
        "precision": args.precision,
        "data": toy_runs.data_checksum(data),
    }
    steps = epochs * (len(data.train_labels) // BATCH_SIZE)
    runs, total = [], steps * len(jobs)
    with progress_bar("training", "steps") as report:
        for number, job in enumerate(jobs):
            path = toy_runs.run_path(folder, *job)
            run = toy_runs.load_run(path, data, *job, settings)
            if run is None:
                done = iter(range(steps * number + 1, total + 1))
                run = train_toy(
                    data,
                    *job,
                    epochs=epochs,
                    precision=args.precision,
                    on_step=lambda done=done: report(next(done), total),
                )
                toy_runs.save_run(path, run, settings)
                _say(run)
            runs.append(run)
    return sorted(runs, key=lambda run: (run.dim, LOSS_NAMES.index(run.loss), run.seed))


def _say(run):
    text = f"{run.loss}, {run.dim}-D, seed {run.seed}: {run.test_accuracy:.2%}"
    print(text, file=sys.stderr, flush=True)


def _draw(runs, out):
    import figure_style
    import toy_figures

    first = {(run.loss, run.dim): run for run in runs if run.seed == 0}
    plane = [run for run in first.values() if run.dim == 2]
    space = [run for run in first.values() if run.dim == 3]
    sphere = [run for run in space if run.loss in MULTIPLICATIVE]
    for name, function, chosen in (
        ("scatter_2d.png", toy_figures.scatter_2d, plane),
        ("sphere_3d.png", toy_figures.sphere_3d, sphere),
        ("angles.png", toy_figures.angle_histograms, space or plane),
    ):
        if chosen:
            figure_style.save_png(function(chosen), out / name)


if __name__ == "__main__":
    sys.exit(main())
