"""Fair draws: everything once before anything comes again."""

import numpy as np


class Deck:
    """Cards in shuffled order, each once before any comes again.

    Args:
        cards: Different integers (n,).
        rng: NumPy random generator.
    """

    def __init__(self, cards, rng):
        self.cards, self.rng = cards, rng
        self.rest = cards[:0]

    def deal(self, count):
        """The next cards, all different; `count` is at most the number of cards."""
        hand, self.rest = self.rest[:count], self.rest[count:]
        if len(hand) == count:
            return hand
        fresh = self.rng.permutation(self.cards)
        # Cards already in the hand keep their place in the new order, for later.
        dealt = fresh[~np.isin(fresh, hand)][: count - len(hand)]
        self.rest = fresh[~np.isin(fresh, dealt)]
        return np.concatenate([hand, dealt])
