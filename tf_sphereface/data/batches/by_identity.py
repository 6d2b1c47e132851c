"""Batches of P identities with K images each, for losses of pairs and triplets."""

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_sphereface.data.batches.order import BatchOrder, drawn_numbers
from tf_sphereface.data.batches.pipeline import Augmentation
from tf_sphereface.data.batches.sampler import Deck
from tf_sphereface.data.batches.shares import WHOLE, Share
from tf_sphereface.data.records.index import RecordReader, index_records
from tf_sphereface.data.records.writer import read_manifest
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

_LOG = logging.getLogger(__name__)


def identity_batches(
    records: Path,
    identities_per_batch: int,
    images_per_identity: int,
    *,
    contract: PixelContract,
    seed: int,
    mirrored: bool = True,
    augmentation: Augmentation | None = None,
    start: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Endless batches of P identities x K images; the same seed gives the same batches.

    The K images of an identity follow each other. Every pass goes through all
    identities once, in a new order; a batch that ends one pass and begins the next has
    P different identities too. The images of an identity come in shuffled order, each
    once before any comes again; one with fewer than K gives all of its images and some
    of them again. An identity with a single image has no genuine pair and is left out.

    Replicas take consecutive shares of a batch: P has to be a multiple of their number,
    or identities are cut apart.

    Args:
        records: Folder that `write_records` made.
        identities_per_batch: P, at least 2 for impostor pairs.
        images_per_identity: K, at least 2.
        contract: What the network expects of pixels.
        seed: Order of identities and images, and which faces are mirrored.
        mirrored: Mirror each face with probability 1/2.
        augmentation: As `face_batches`.
        start: Number of the first batch, from 0.
        share: As `BatchOrder.batches`.

    Returns: Dataset of float32 (P K, height, width, 3) in the contract's units and
        int32 labels (P K,). Records are read where they lie; memory holds their places,
        24 bytes each, and the batches in work.
    Raises: InputError if the records are damaged or fewer than P identities have two
        images; ValueError if P or K is too small.
    """
    order = identity_order(records, identities_per_batch, images_per_identity, seed)
    return order.batches(
        contract=contract,
        mirrored=mirrored,
        augmentation=augmentation,
        start=start,
        share=share,
    )


def identity_order(
    records: Path, identities_per_batch: int, images_per_identity: int, seed: int
) -> BatchOrder:
    """The order of `identity_batches`, which see for arguments and errors."""
    if identities_per_batch < 1:
        raise ValueError(
            "`identities_per_batch` must be >= 1. "
            f"Received: identities_per_batch={identities_per_batch}"
        )
    if images_per_identity < 2:
        raise ValueError(
            "`images_per_identity` must be >= 2. "
            f"Received: images_per_identity={images_per_identity}"
        )
    check_identities(records, identities_per_batch)
    reader = RecordReader(index_records(records))
    members = _with_pairs(reader.index.records_by_label(), records)
    draw = functools.partial(
        record_numbers, members, identities_per_batch, images_per_identity, seed
    )
    size = identities_per_batch * images_per_identity
    return BatchOrder(reader, size, seed, drawn_numbers(draw))


def check_identities(records: Path, identities_per_batch: int) -> None:
    """Checks in the manifest that there are enough identities for `identity_batches`.

    Raises: InputError if fewer than so many have two images.
    """
    counts = read_manifest(records).images_per_identity
    found = sum(count > 1 for count in counts)
    if found < identities_per_batch:
        raise InputError(
            f"batches of {identities_per_batch} identities need as many with at least "
            f"2 images; {records} has {found}"
        )


def record_numbers(
    members: dict[int, np.ndarray],
    identities_per_batch: int,
    images_per_identity: int,
    seed: int,
) -> Iterator[np.ndarray]:
    """Record numbers of each batch, int64 (P K,), by the rule of `identity_batches`.

    Args:
        members: Record numbers of each label.
        identities_per_batch: P, at most the number of labels.
        images_per_identity: K.
        seed: Of all shuffles.
    """
    rng = np.random.default_rng(seed)
    identities = Deck(np.array(list(members)), rng)
    images = {label: Deck(numbers, rng) for label, numbers in members.items()}
    while True:
        batch = []
        for label in identities.deal(identities_per_batch):
            deck, missing = images[label], images_per_identity
            while missing:
                batch.append(deck.deal(min(missing, len(deck.cards))))
                missing -= len(batch[-1])
        yield np.concatenate(batch).astype(np.int64)


def _with_pairs(members, records):
    kept = {label: numbers for label, numbers in members.items() if len(numbers) > 1}
    if len(kept) < len(members):
        _LOG.warning(
            "%s: %d of %d identities have a single image and are left out",
            records,
            len(members) - len(kept),
            len(members),
        )
    return kept
