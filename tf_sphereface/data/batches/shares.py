"""Equal parts of every batch, for processes that train together."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Share:
    """One part of every batch: consecutive faces, as replicas of one process take them.

    Args:
        index: Which part, from 0.
        count: Number of parts.

    Raises: ValueError if there is no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self):
        if not 0 <= self.index < self.count:
            raise ValueError(
                "`index` must be in [0, count). "
                f"Received: index={self.index}, count={self.count}"
            )

    def size(self, batch_size: int) -> int:
        """Number of faces in the part.

        Raises: ValueError if the batch cannot be parted equally.
        """
        if batch_size % self.count:
            raise ValueError(
                f"`batch_size` must be a multiple of the {self.count} shares. "
                f"Received: batch_size={batch_size}"
            )
        return batch_size // self.count

    def of(self, batch):
        """The part of an array or tensor (batch_size, ...)."""
        size = self.size(batch.shape[0])
        return batch[self.index * size : (self.index + 1) * size]


WHOLE = Share()
