"""Ten pairs of photos of unseen people, chosen before anything is scored, matched."""

import dataclasses
from pathlib import Path

import numpy as np

from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.contract import threshold_key
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.data.aligned.manifest import photos_of_crops
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.data.photos.names import identity_of

PAIRS_EACH = 5
DRAWN = "Pairs of people not trained on, drawn before any was scored"
_SEED = 1


@dataclasses.dataclass(frozen=True)
class PairMatch:
    """One pair of photos, and the bundle's answer.

    Args:
        left: "IDENTITY/FILE" of the one photo's crop.
        right: The same of the other photo.
        genuine: Whether both show one person.
        score: Similarity; None if no face was found in one of the photos.
        same: The verdict; None without a score or a measured threshold.
    """

    left: str
    right: str
    genuine: bool
    score: float | None
    same: bool | None

    @property
    def correct(self) -> bool:
        return self.same is self.genuine


@dataclasses.dataclass(frozen=True)
class Matches:
    """All pairs, with the threshold that decided; None if none was measured."""

    far: float
    threshold: float | None
    pairs: tuple[PairMatch, ...]

    @property
    def correct(self) -> int:
        return sum(pair.correct for pair in self.pairs)


def verdict_line(matches: Matches) -> str:
    """Number of pairs that the bundle's threshold decides rightly."""
    if matches.threshold is None:
        return "too few pairs to measure a threshold, so no verdicts"
    return (
        f"threshold {matches.threshold:.3f} (FAR {matches.far:.0%}), "
        f"{matches.correct} of {len(matches.pairs)} pairs right"
    )


def choose_pairs(pairs, each: int = PAIRS_EACH) -> list:
    """Genuine pairs, then impostor pairs, of as many people as possible.

    The draw is the same every time and knows no score.

    Args:
        pairs: `PairList` of crops.
        each: How many of either kind; fewer if there are fewer.
    """
    order = np.random.default_rng(_SEED).permutation(len(pairs.pairs))
    shuffled = [pairs.pairs[index] for index in order]
    chosen = []
    for same in (True, False):
        shown, fresh, others = set(), [], []
        for pair in (pair for pair in shuffled if pair.same == same):
            people = {identity_of(pair.left), identity_of(pair.right)}
            if people & shown:
                others.append(pair)
            else:
                fresh.append(pair)
                shown |= people
        chosen += [*fresh, *others][:each]
    return chosen


def match_pairs(out: Path, chosen) -> Matches:
    """Matches the pairs from photos, with the bundle's default variant.

    Args:
        out: Folder of the quickstart.
        chosen: Pairs of crops from `choose_pairs`.

    Raises: InputError if the default variant failed its gate.
    """
    embedder = Embedder(load_bundle(out / "bundle"))
    measured = embedder.contract.variants[embedder.variant].thresholds
    # Few pairs support no threshold at a small FAR.
    far = 0.01 if threshold_key(0.01) in measured else 0.1
    threshold = embedder.threshold(far)
    aligned, matched = out / "aligned" / "unseen", []
    photo_of = photos_of_crops(aligned)
    for pair in chosen:
        # Pair lists name crops without the ending of their files.
        files = find_photos(aligned, [pair.left, pair.right])
        crops = [file.relative_to(aligned).as_posix() for file in files]
        photos = [
            read_photo(out / "photos" / "unseen" / photo_of[crop]) for crop in crops
        ]
        features, faces = embedder.embed_photos(photos)
        known = all(face is not None for face in faces)
        score = embedder.score(*features) if known else None
        same = None if None in (score, threshold) else score >= threshold
        matched.append(PairMatch(*crops, pair.same, score, same))
    return Matches(far, threshold, tuple(matched))
