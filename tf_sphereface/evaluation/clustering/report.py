"""Result of clustering: a list, figures if the people are known, a page of faces."""

import csv
import dataclasses
import io
from pathlib import Path

import numpy as np

from tf_sphereface.evaluation.clustering.clustering import UNKNOWN
from tf_sphereface.evaluation.clustering.metrics import (
    bcubed_agreement,
    pairwise_agreement,
)
from tf_sphereface.evaluation.pages.pictures import face_pictures
from tf_sphereface.evaluation.report_types import without_nan
from tf_sphereface.files import write_atomically
from tf_sphereface.pages.rendering import plural, render_page
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.text_lists import spreadsheet_cell

_CLUSTERS_SHOWN, _FACES_SHOWN = 60, 12


@dataclasses.dataclass(frozen=True)
class ClusterReport:
    """Faces sorted into clusters.

    Args:
        names: Photos (faces,), "PERSON/FILE".
        clusters: Integer (faces,), 0 for the largest; -1 for unknown.
        method: As for `cluster_features`.
        threshold: Cosine, or None.
        people: Who each face is, (faces,); None if that is not known.
    """

    names: tuple[str, ...]
    clusters: np.ndarray
    method: str
    threshold: float | None
    people: tuple[str, ...] | None = None

    def summary(self) -> dict:
        """Counts, and how well the clusters are the people; ready for JSON."""
        content = {
            "faces": len(self.names),
            "clusters": self.count,
            "unknown_faces": int(np.count_nonzero(self.clusters == UNKNOWN)),
            "method": self.method,
            "threshold": self.threshold,
        }
        if self.people is not None:
            agreements = {
                "pairwise": pairwise_agreement(self.clusters, self.people),
                "bcubed": bcubed_agreement(self.clusters, self.people),
            }
            content["people"] = len(set(self.people))
            content |= {key: found._asdict() for key, found in agreements.items()}
        return without_nan(content)

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max(initial=UNKNOWN)) + 1

    def faces_of(self, cluster: int) -> list[str]:
        """Names of the faces of one cluster, or of the unknown ones."""
        return [self.names[row] for row in np.flatnonzero(self.clusters == cluster)]


def write_cluster_list(report: ClusterReport, path: Path) -> None:
    """Writes a CSV of photo and cluster, clusters from 1, or "unknown"."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photo", "cluster"])
    for name, cluster in zip(report.names, report.clusters, strict=True):
        number = "unknown" if cluster == UNKNOWN else cluster + 1
        writer.writerow([spreadsheet_cell(name), number])
    # Names are those of the files, which may be bytes that are no text.
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def write_cluster_page(
    report: ClusterReport,
    images_dir: Path | None,
    path: Path,
    command: str,
    pixels: PixelContract | None = None,
) -> None:
    """Writes a contact sheet: the faces of each cluster, the largest first.

    Args:
        report: What was found.
        images_dir: Folder of the aligned faces; None shows names alone.
        path: Of the page.
        command: The command line.
        pixels: Of the model; None of embeddings.

    Raises: InputError if the folder is missing; OSError if the page is not writable.
    """
    shown = [*range(min(report.count, _CLUSTERS_SHOWN))]
    summary = report.summary()
    if summary["unknown_faces"]:
        shown.append(UNKNOWN)
    page = render_page(
        "evaluation/clustering/cluster.html",
        heading=plural(len(report.names), "face")
        if images_dir is None
        else Path(images_dir).resolve().name,
        faces=images_dir is not None,
        report=report,
        unknown=summary["unknown_faces"],
        cards=_agreement_cards(summary),
        sections=[_section(report, number, images_dir) for number in shown],
        not_shown=max(report.count - _CLUSTERS_SHOWN, 0),
        details=[
            ("Method", report.method),
            ("Threshold", _threshold_words(report.threshold)),
            *([] if pixels is None else [("Pixels", pixels.formula)]),
            ("Command", command),
        ],
    )
    page = page.encode(errors="backslashreplace")
    write_atomically(path, page, private=images_dir is not None)


def _threshold_words(threshold):
    return "none" if threshold is None else f"{threshold:.4f} (cosine)"


def _agreement_cards(summary):
    if "people" not in summary:
        return []
    texts = {
        "pairwise": "over pairs of faces: together, and of one person",
        "bcubed": "the mean over faces: how much of the cluster is of its person",
    }
    return [
        (
            f"{name.capitalize()} F",
            "not measured" if found["f"] is None else f"{found['f']:.4f}",
            f"precision {_rate(found['precision'])}, recall {_rate(found['recall'])}; "
            + texts[name],
        )
        for name, found in summary.items()
        if name in texts
    ]


def _rate(value):
    return "not measured" if value is None else f"{value:.4f}"


def _section(report, number, images_dir):
    """Title, faces to show with their pictures, and how many more there are."""
    names = report.faces_of(number)
    title = "Unknown" if number == UNKNOWN else f"Cluster {number + 1}"
    pictures = dict.fromkeys(names[:_FACES_SHOWN], False)
    if images_dir is not None:
        pictures = face_pictures(images_dir, list(pictures))
    heading = f"{title}: {plural(len(names), 'face')}"
    return heading, list(pictures.items()), len(names) - _FACES_SHOWN
