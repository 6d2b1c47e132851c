"""The alignment as an Apache Beam pipeline, on any of Beam's runners.

Needs the package apache-beam: import it late. The photos and the aligned folder must
have the same paths on all workers.
"""

import dataclasses
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from tf_sphereface.data.aligned.manifest import (
    ManifestRow,
    iterate_rows,
    row_to_line,
)
from tf_sphereface.data.alignment.batches import batches_of
from tf_sphereface.data.alignment.photo_aligner import (
    AlignmentItem,
    AlignmentTask,
    PhotoAligner,
)
from tf_sphereface.data.sources.photo_source import Photo
from tf_sphereface.detection import NETWORK_NAMES
from tf_sphereface.files import scratch_folder


class BeamRunner:
    """Aligns photos in a pipeline: the `runner` of `align_photos`.

    What the pipeline reads and writes besides photos and crops lies in a hidden folder
    of the aligned folder, which is removed at the end. The rows come when the pipeline
    has finished: of one that was killed, all photos are done again.

    Args:
        options: Beam's own, such as "--runner=FlinkRunner"; none: on this machine.
    """

    def __init__(self, options: Sequence[str] = ()):
        self._options = list(options)

    def __call__(
        self, task: AlignmentTask, items: Iterable[AlignmentItem], count: int
    ) -> Iterator[list[ManifestRow]]:
        if not count:
            return
        with scratch_folder(task.out) as work:
            task = dataclasses.replace(task, networks=_share(task.networks, work))
            _write_batches(batches_of(task.choice, items), work / "photos.jsonl")
            _run(task, work, PipelineOptions(self._options))
            for part in sorted(work.glob("rows-*")):
                for row in iterate_rows(part):
                    yield [row]


class AlignBatch(beam.DoFn):
    """A line of photos to the lines of their rows, by a `PhotoAligner`."""

    def __init__(self, task: AlignmentTask):
        self._task = task

    def setup(self):
        self._aligner = PhotoAligner(self._task)

    def process(self, line):
        batch = [
            AlignmentItem(Photo(*photo), landmarks and tuple(landmarks))
            for photo, landmarks in json.loads(line)
        ]
        rows = self._aligner.align_batch(batch)
        yield "".join(map(row_to_line, rows)).removesuffix("\n")


def _share(networks: Path | None, work: Path) -> Path | None:
    """Copies the detector's networks to where all workers find them."""
    if networks is None:
        return None
    for name in NETWORK_NAMES:
        shutil.copyfile(networks / f"{name}.tflite", work / f"{name}.tflite")
    return work


def _write_batches(batches, path):
    with open(path, "w", encoding="ascii") as file:
        for batch in batches:
            file.write(json.dumps(batch) + "\n")


def _run(task, work, options):
    with beam.Pipeline(options=options) as pipeline:
        (
            pipeline
            | "Read" >> beam.io.ReadFromText(str(work / "photos.jsonl"))
            # Else one worker would get all that it has read itself.
            | "Spread" >> beam.Reshuffle()
            | "Align" >> beam.ParDo(AlignBatch(task))
            | "Write" >> beam.io.WriteToText(str(work / "rows"))
        )
