"""One embedding for a template: the media first, then the template."""

import dataclasses

import numpy as np

from tf_sphereface.similarity import unit_rows


@dataclasses.dataclass(frozen=True, eq=False)
class Templates:
    """Embeddings of templates.

    Args:
        ids: Int (templates,), rising.
        embeddings: Float32 (templates, dim), unit rows; NaN where no photo is there.
    """

    ids: np.ndarray
    embeddings: np.ndarray

    def take(self, ids: np.ndarray) -> np.ndarray:
        """Float32 (n, dim) of the templates of these numbers; NaN for unknown ones."""
        rows = self.rows(ids)
        found = self.embeddings[rows]
        found[self.ids[rows] != ids] = np.nan
        return found

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Int (n,), where they are, if they are."""
        return np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)


def pool_templates(
    embeddings: np.ndarray,
    template: np.ndarray,
    media: np.ndarray,
    keep_lengths: bool = False,
) -> Templates:
    """Mean of the frames of each video, then the mean over the media of the template.

    A video with a hundred frames so counts as much as one photo. Embeddings are
    L2-normalised first, and templates last. In InsightFace's `eval_ijbc.py` each
    embedding keeps its length by default.

    Args:
        embeddings: Float (photos, dim); a row of NaN is a missing photo, which counts
            nowhere.
        template: Int (photos,), which template the photo is of.
        media: Int (photos,), which photo or video it is; a number may occur in several
            templates.
        keep_lengths: Weigh each photo by the length of its embedding.

    Raises: ValueError if the lengths differ.
    Reference: N. Crosswhite et al., "Template adaptation for face verification and
        identification", https://arxiv.org/abs/1603.03958 (media averaging);
        https://github.com/deepinsight/insightface, recognition/_evaluation_/ijb.
    """
    template, media = np.asarray(template), np.asarray(media)
    if not len(embeddings) == len(template) == len(media):
        raise ValueError(
            "`embeddings`, `template` and `media` must be as many. "
            f"Received: {len(embeddings)}, {len(template)} and {len(media)}"
        )
    ids = np.unique(template)
    there = np.isfinite(embeddings).all(axis=1)
    pooled = np.full((len(ids), embeddings.shape[1]), np.nan, np.float32)
    if there.any():
        rows = np.asarray(embeddings)[there]
        rows = rows if keep_lengths else unit_rows(rows)
        means, owners = _means(rows, np.stack([template[there], media[there]], axis=1))
        means, owners = _means(means, owners[:, :1])
        pooled[np.searchsorted(ids, owners[:, 0])] = unit_rows(means)
    return Templates(ids, pooled)


def _means(rows, keys):
    """Mean of the rows of each key, keys (n, k) sorted, and the keys once."""
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    changes = np.any(keys[1:] != keys[:-1], axis=1)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    counts = np.diff([*starts, len(keys)])
    sums = np.add.reduceat(rows[order], starts, axis=0)
    return sums / counts[:, None].astype(rows.dtype), keys[starts]
