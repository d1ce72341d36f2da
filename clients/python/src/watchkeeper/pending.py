"""An answer that is still to come: it can be awaited, waited for, or ignored."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")


class Pending(Coroutine[Any, Any, T], Generic[T]):
    """What an emit function returns.

    The work is already under way in the background, whether or not anybody waits. `await` it,
    give it to `asyncio.run` or `asyncio.wait_for`, or call `result()` where nothing is async.
    Giving up waiting does not stop the work.
    """

    def __init__(self, future: Future[T], tried: Optional[Future[None]] = None) -> None:
        self._future = future
        #: The first attempt is over, whatever came of it.
        self._tried = tried
        self._waiting: Optional[Coroutine[Any, Any, T]] = None

    def result(self, timeout: Optional[float] = None) -> T:
        """Waits for the answer; raises `TimeoutError` where it does not come in time."""
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise
        except Exception as error:
            # Before Python 3.11 the one of `concurrent.futures` is another class.
            if type(error).__name__ == "TimeoutError":
                raise TimeoutError from None
            raise

    def soon(self, default: T, timeout: float) -> T:
        """The answer, if it comes with the first attempt and within this time."""
        wait(self._first(), timeout, FIRST_COMPLETED)
        return self._future.result() if self._future.done() else default

    async def soon_async(self, default: T, timeout: float) -> T:
        """The same, for those who await."""
        first = {_follow(future) for future in self._first()}
        await asyncio.wait(first, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return self._future.result() if self._future.done() else default

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._future.done()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._wait().__await__()

    async def _wait(self) -> T:
        await _follow(self._future)
        return self._future.result()

    def _first(self) -> list[Future[Any]]:
        return [self._future] if self._tried is None else [self._future, self._tried]

    # What makes it a coroutine for `asyncio.run` and `create_task`.

    def _inner(self) -> Coroutine[Any, Any, T]:
        if self._waiting is None:
            self._waiting = self._wait()
        return self._waiting

    def send(self, value: Any) -> Any:
        return self._inner().send(value)

    def throw(self, *args: Any) -> Any:
        return self._inner().throw(*args)

    def close(self) -> None:
        if self._waiting is not None:
            self._waiting.close()


def _follow(source: Future[Any]) -> asyncio.Future[None]:
    """Done when the other one is.

    Unlike with `asyncio.wrap_future`, to cancel it does not cancel the other, and an answer that
    comes when the loop is closed is not printed into the shell.
    """
    loop = asyncio.get_running_loop()
    follower: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not follower.done():
            follower.set_result(None)

    def done(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    source.add_done_callback(done)
    return follower
