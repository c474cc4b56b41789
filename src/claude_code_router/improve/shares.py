"""Work over many records, shared by several processes.

The first share is this process's own; each other one is a process that is started for it, with its own connection to the
records. Ctrl-C reaches this process only, which takes the others down; and they end when it is gone.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Generic, Protocol, TypeVar

import msgspec

from claude_code_router.core.errors import RouterError
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.period import Share

MOST = 4
"""Processes: each takes some 100 MB."""
MANY = 60_000
"""Requests from which on it is worth starting any."""

_Result = TypeVar("_Result")
_Made = TypeVar("_Made", covariant=True)
Progress = Callable[[int], None]
"""Is told how many requests are done."""


class Work(Protocol[_Made]):
    """What is done with one share. It and what it makes must be picklable."""

    def __call__(self, share: Share, progress: Progress, /) -> _Made: ...


class _Failed(msgspec.Struct, frozen=True):
    message: str


class _Helper(Generic[_Result]):
    """Another process, and what it has said so far."""

    def __init__(self, work: Work[_Result], share: Share) -> None:
        context = get_context("spawn")
        self._said, tell = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(target=_help, args=(work, share, tell), daemon=True)
        self.done = 0
        with _uninterrupted():
            self._process.start()
        tell.close()  # or its end would not be seen

    def listen(self) -> None:
        """To what it has said of its progress."""
        while self.result is None and self._said.poll():
            self._hear()

    result: tuple[_Result] | None = None

    def finished(self) -> _Result:
        """Waits. Raises StoreFailed with what it could not do."""
        while self.result is None:
            self._hear()
        return self.result[0]

    def _hear(self) -> None:
        try:
            said = self._said.recv()
        except EOFError:
            raise StoreFailed("A process that read a share of the records has died.") from None
        if isinstance(said, int):
            self.done = said
        elif isinstance(said, _Failed):
            raise StoreFailed(said.message)
        else:
            self.result = said

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self._said.close()


def shared(work: Work[_Result], count: int, progress: Progress) -> list[_Result]:
    """What `work` makes of each of `count` shares. With one there is no other process."""
    helpers: list[_Helper[_Result]] = []
    with contextlib.ExitStack() as ending:
        for number in range(1, count):
            helpers.append(_Helper(work, Share(number=number, of=count)))
            ending.callback(helpers[-1].end)

        def show(done: int) -> None:
            for helper in helpers:
                helper.listen()
            progress(done + sum(helper.done for helper in helpers))

        with undisturbed():
            own = work(Share(number=0, of=count), show)
        return [own, *(helper.finished() for helper in helpers)]


def how_many(requests: int) -> int:
    """Shares for so many."""
    if requests < MANY:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


def _help(work: Work[_Result], share: Share, tell: Connection) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        try:
            with undisturbed():
                tell.send((work(share, tell.send),))
        except RouterError as error:
            tell.send(_Failed(str(error)))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What a walk keeps, it keeps to its end: looking through all of it for garbage again and again is a tenth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """What is started meanwhile never hears Ctrl-C, which a terminal tells to all: whoever started it ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # comes with the first process, and lets the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
