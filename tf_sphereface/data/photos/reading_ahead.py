"""Photos read and decoded in threads, ahead of their use, with a bound on memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tf_sphereface.similarity import usable_cores

Item, Result = TypeVar("Item"), TypeVar("Result")


def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Results of `read` in the order of the items, a thread for every two cores.

    At most one result a thread, and one more, waits to be taken: memory does not grow
    with the number of items. Close the iterator to stop before the end.

    Args:
        read: Called in the threads; decoders do most of their work without the GIL.
        items: Taken in the caller's thread.

    Raises: What `read` raises, at the first item in order for which it does.
    """
    threads = max(1, usable_cores() // 2)  # decoding is the lesser part of the work
    pool, waiting = ThreadPoolExecutor(threads), deque()
    try:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
