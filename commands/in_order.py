"""Work on a stream in several processes: items are taken as they come, results given in the order of the items."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

from gw_spaceheat.errors import BadInput

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
MOST_WORKERS = 256
AHEAD = 2
"""Items in work or waiting, for each process: enough that none idles, and a long stream does not fill the memory."""


def require_workers(workers: int) -> None:
    """Raises BadInput for a number of processes that makes no sense."""
    if not 1 <= workers <= MOST_WORKERS:
        raise BadInput(f"workers {workers}: must be 1 to {MOST_WORKERS}")


def in_order(work: Callable[[ItemT], ResultT], items: Iterable[ItemT], workers: int) -> Iterator[ResultT]:
    """As `map`, in so many processes; a result comes as soon as it and all before it are there, whether or not there is
    a next item yet. `work` must be importable by name."""
    waiting: Queue[Future[ResultT] | None] = Queue(AHEAD * workers)
    over = Event()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        reader = Thread(target=_submit, args=(pool, work, items, waiting, over), daemon=True)
        reader.start()
        try:
            while (future := waiting.get()) is not None:
                yield future.result()
        finally:
            over.set()
            _empty(waiting)


def _submit(
    pool: ProcessPoolExecutor,
    work: Callable[[ItemT], ResultT],
    items: Iterable[ItemT],
    waiting: "Queue[Future[ResultT] | None]",
    over: Event,
) -> None:
    """In a thread of its own: who waits for an answer before asking again must not wait for ever."""
    try:
        for item in items:
            if over.is_set():
                return
            waiting.put(pool.submit(work, item))
    except OSError as error:
        failed: Future[ResultT] = Future()
        failed.set_exception(error)
        waiting.put(failed)
    finally:
        waiting.put(None)


def _empty(waiting: "Queue[Future[ResultT] | None]") -> None:
    """A reader that waits for room finds it."""
    try:
        while True:
            future = waiting.get_nowait()
            if future is not None:
                future.cancel()
    except Empty:
        return
