"""The client for asyncio: no thread, the engine's descriptor is watched by the running loop."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import weakref
from types import TracebackType
from typing import (TYPE_CHECKING, Any, AsyncIterable, AsyncIterator, Awaitable, Callable, Deque, Dict,
                    Generator, Iterable, List, Mapping, Optional, Tuple, Type, TypeVar, Union)

from weir import _table
from weir._answer import Answer
from weir._done import Done, with_options
from weir._engine import Controls, Engine, Item, Notice, Receiver, acknowledge, place_of
from weir._error import Error
from weir._permit import Permit, settle, settle_value
from weir._request import Body, as_stream, body_apart, body_bytes
from weir.client import answer_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from weir._request import Options, PermitOptions

T = TypeVar("T")
One = Union[Body, Tuple[Body, "Options"]]

# Events that a loop is kept busy with before others have their turn.
_TURN = 4


class Signal:
    """Wakes whoever waits for something to have changed. Of one loop, like everything here."""

    def __init__(self) -> None:
        self._waiters: List[asyncio.Future[None]] = []

    def wait(self) -> asyncio.Future[None]:
        """What is to be awaited; it counts from this call on."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class AsyncTicket(Receiver):
    """A request that was accepted: `await ticket` is its answer, `async for` the events of its stream."""

    def __init__(self, engine: Engine, on_end: Optional[Callable[[AsyncTicket], None]] = None) -> None:
        self._engine = engine
        self._items: Deque[Item] = collections.deque()
        self._signal = Signal()
        self._on_end = on_end
        self._end: Optional[Item] = None
        self._given_up = False
        self.custom_id = ""  # of a request of an earlier run
        self.durable = False  # the request is in the journal

    def deliver(self, item: Item) -> None:
        kind = item[0]
        if kind == _table.EVENT_DURABLE:
            self.durable = True
        elif kind & _table.EVENT_TERMINAL_BIT:
            self._end = item
            if self._on_end:
                self._on_end(self)
        elif not self._given_up:
            self._items.append(item)
        elif kind == _table.EVENT_PERMIT:
            self._engine.cancel(self.id)
        self._signal.wake()

    async def _next(self) -> Item:
        """The next that happened to it; the end again and again."""
        while not self._items and not self._end:
            self._engine.check_process()
            await self._signal.wait()
        if self._items:
            return self._items.popleft()
        assert self._end is not None
        return self._end

    def _give_up(self) -> None:
        """Nobody will use a permit that may still come."""
        self._given_up = True
        if not self._end and any(item[0] == _table.EVENT_PERMIT for item in self._items):
            self._engine.cancel(self.id)

    @property
    def done(self) -> bool:
        return self._end is not None

    async def result(self) -> Answer:
        """Waits for the end: the answer, or the failure as an exception."""
        item = self._end
        while item is None or not item[0] & _table.EVENT_TERMINAL_BIT:
            item = await self._next()
        return answer_of(item)

    def __await__(self) -> Generator[Any, None, Answer]:
        return self.result().__await__()

    async def made_durable(self) -> None:
        """Waits until the request is in the journal, or has ended."""
        while not self.durable and not self._end:
            self._engine.check_process()
            await self._signal.wait()

    def cancel(self) -> bool:
        """Asks for the end; True if there was something to end. The result says what became of it."""
        return self._engine.cancel(self.id)

    def place(self) -> Tuple[int, Optional[float]]:
        """How many requests go before it, about, and in how many seconds it is expected to start."""
        return place_of(self._engine, self.id)

    def acknowledge(self) -> None:
        """The answer of a batch request is in safe hands: the journal may forget it."""
        acknowledge(self._engine, self.id)

    async def __aenter__(self) -> AsyncTicket:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], exception: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        if not self._end:
            self.cancel()

    async def __aiter__(self) -> AsyncIterator[Dict[str, Any]]:
        """The events of a stream, as they come. With stream_restart, one of the type
        "weir_stream_restart" says that those so far are void."""
        while True:
            item = await self._next()
            if item[0] == _table.EVENT_STREAM:
                yield json.loads(item[2])
            elif item[0] == _table.EVENT_STREAM_RESTART:
                yield {"type": "weir_stream_restart"}
            elif item[0] & _table.EVENT_TERMINAL_BIT:
                answer_of(item)
                return

    async def permit(self) -> Optional[Permit]:
        """Waits for the next permit; None when the attempt that was reported was a success."""
        while True:
            item = await self._next()
            if item[0] == _table.EVENT_PERMIT:
                permit: Permit = item[2]
                return permit
            if item[0] & _table.EVENT_TERMINAL_BIT:
                answer_of(item)
                return None


class AsyncPermitBlock:
    """`async with client.permit(...) as permit:` one attempt, reported by the block or for it."""

    def __init__(self, client: AsyncClient, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = options
        self._permit: Optional[Permit] = None
        self._ticket: Optional[AsyncTicket] = None

    async def __aenter__(self) -> Permit:
        self._ticket = self._client._acquire(self._options)
        try:
            self._permit = await self._ticket.permit()
        except BaseException:
            self._ticket.cancel()
            raise
        assert self._permit is not None
        return self._permit

    async def __aexit__(self, kind: Optional[Type[BaseException]], exception: Optional[BaseException],
                        traceback: Optional[TracebackType]) -> None:
        assert self._permit is not None and self._ticket is not None
        settle(self._permit, exception)
        self._ticket._give_up()


class _Driver:
    """Takes an engine's events on the loop that runs, and leaves that when the engine has ended."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.loop: Optional[asyncio.AbstractEventLoop] = None
        self.changed = Signal()

    def attach(self) -> None:
        loop = asyncio.get_running_loop()
        if self.loop is loop or self.engine.ended:
            return
        self.engine.check_process()
        if self.loop is not None and not self.loop.is_closed():
            raise RuntimeError("this AsyncClient is in use on another event loop; make one for each")
        self.loop = loop
        loop.add_reader(self.engine.descriptor, self.take)

    def take(self) -> None:
        for _ in range(_TURN):
            count = self.engine.take(0)
            if count < 0:
                self.engine.end()
            if count <= 0:
                break
        if self.engine.ended and self.loop is not None and not self.loop.is_closed():
            self.loop.remove_reader(self.engine.descriptor)
            self.loop = None
        self.changed.wake()


class AsyncClient(Controls):
    """An engine whose events the running loop takes. Its settings are those of weir.Client.

    It belongs to one loop at a time: the one on which it is used first, until that is closed.
    """

    def __init__(self, settings: Optional[Mapping[str, Any]] = None, *,
                 on_notice: Optional[Notice] = None) -> None:
        self._closed = True  # until it is open: __del__ reads it
        self._engine = Engine(settings, on_notice)
        self._driver = _Driver(self._engine)
        self._earlier: Deque[AsyncTicket] = collections.deque()
        self._all_recovered = False
        client = weakref.ref(self)
        self._engine.on_recovered = lambda ticket, name: _earlier(client, ticket, name)
        self._engine.on_all_recovered = lambda: _no_more(client)
        self._closed = False

    def submit(self, body: Body, **options: Unpack[Options]) -> AsyncTicket:
        """Hands a request in, and returns at once."""
        return self._submit(body, options)

    async def messages(self, body: Body, **options: Unpack[Options]) -> Answer:
        """Hands a request in and waits for its answer. A task that is cancelled cancels it."""
        async with self._submit(body, options) as ticket:
            return await ticket.result()

    def stream(self, body: Body, **options: Unpack[Options]) -> AsyncTicket:
        """`async with client.stream(...) as events: async for event in events:`"""
        return self._submit(as_stream(body), options)

    async def map(self, bodies: Union[Iterable[One], AsyncIterable[One]], *, in_flight: int = 512,
                  **options: Unpack[Options]) -> AsyncIterator[Done]:
        """Hands in many requests, or pairs of one and its options, and yields each when it has ended.

        No more than `in_flight` are outstanding: `bodies` is read as the answers are taken.
        """
        if in_flight < 1:
            raise ValueError("in_flight is less than 1")
        ended: Deque[AsyncTicket] = collections.deque()
        changed = Signal()

        def on_end(ticket: AsyncTicket) -> None:
            ended.append(ticket)
            changed.wake()

        outstanding: Dict[AsyncTicket, Tuple[int, Body]] = {}
        source = _numbered(bodies)
        try:
            waiting = await _following(source)
            while waiting is not None or outstanding:
                refused = False
                while waiting is not None and not refused and len(outstanding) < in_flight:
                    index, (body, merged) = waiting[0], with_options(waiting[1], options)
                    try:
                        outstanding[self._submit(body, merged, on_end)] = index, body
                    except Error as error:
                        refused = error.code == _table.ERR_QUEUE_FULL
                        if not refused:
                            yield Done(index, body, None, error)
                    if not refused:
                        waiting = await _following(source)
                if refused and not ended:
                    await asyncio.sleep(0.01)  # others have filled the queue
                elif outstanding and not ended:
                    await changed.wait()
                while ended:
                    ticket = ended.popleft()
                    yield Done.of(*outstanding.pop(ticket), ticket._end)
        finally:
            for ticket in outstanding:
                ticket.cancel()

    def permit(self, **options: Unpack[PermitOptions]) -> AsyncPermitBlock:
        """The right to make one attempt with another client: `async with client.permit(...) as permit:`"""
        return AsyncPermitBlock(self, options)

    def try_permit(self, **options: Unpack[PermitOptions]) -> Permit:
        """A permit at once, or weir.errors.NotNowError with the time after which to ask again."""
        self._driver.attach()
        ticket = AsyncTicket(self._engine)
        ticket._give_up()  # its report is answered by nothing that anybody waits for
        return self._engine.try_acquire(ticket, options)

    async def run(self, function: Callable[[Permit], Awaitable[T]], **options: Unpack[PermitOptions]) -> T:
        """As weir.Client.run, for a function that is awaited."""
        failure: Optional[Exception] = None
        values: List[T] = []
        async with self._acquire(options) as ticket:
            while True:
                try:
                    permit = await ticket.permit()
                except Error as error:
                    if failure is None:
                        raise
                    raise failure from error
                if permit is None:
                    return values[-1]
                try:
                    values.append(await function(permit))
                    failure = None
                    settle_value(permit, values[-1])
                except Exception as exception:
                    failure = exception
                    if not permit.reported and not permit.report_exception(exception):
                        raise

    async def recovered(self) -> AsyncIterator[AsyncTicket]:
        """The requests of earlier runs that the journal still had, each with a ticket of its own."""
        self._driver.attach()
        while True:
            while self._earlier:
                yield self._earlier.popleft()
            if self._all_recovered:
                return
            await self._driver.changed.wait()

    async def close(self, timeout: float = 10) -> bool:
        """Ends the client: everything outstanding fails with ShutdownError, unless it ended first.
        Waits until that is so, up to `timeout` seconds. May be called again."""
        self._closed = True
        engine = self._engine
        if engine.process != os.getpid():
            return True
        engine.close()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + timeout
        if not engine.ended:
            self._driver.attach()
        while not engine.ended and loop.time() < give_up_at:
            try:
                await asyncio.wait_for(self._driver.changed.wait(), give_up_at - loop.time())
            except asyncio.TimeoutError:
                return False
        # The engine's thread ends after its last event.
        while engine.library.weir_engine_wait(engine.handle, 0) == _table.ERR_TIMEOUT:
            if loop.time() >= give_up_at:
                return False
            await asyncio.sleep(0.001)
        return True

    async def __aenter__(self) -> AsyncClient:
        self._driver.attach()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._closed:
            self._engine.close()  # does not block; the loop takes what is left

    def _submit(self, body: Body, options: Mapping[str, Any],
                on_end: Optional[Callable[[AsyncTicket], None]] = None) -> AsyncTicket:
        self._driver.attach()
        ticket = AsyncTicket(self._engine, on_end)
        self._engine.submit(self._engine.library.weir_submit, ticket, body_bytes(body), options)
        return ticket

    def _acquire(self, options: Mapping[str, Any]) -> AsyncTicket:
        self._driver.attach()
        ticket = AsyncTicket(self._engine)
        self._engine.submit(self._engine.library.weir_acquire, ticket, *body_apart(options))
        return ticket


def _earlier(client: weakref.ref[AsyncClient], number: int, custom_id: str) -> Receiver:
    owner = client()
    if owner is None:
        return Receiver()
    ticket = AsyncTicket(owner._engine)
    ticket.id, ticket.custom_id = number, custom_id
    owner._earlier.append(ticket)
    return ticket


def _no_more(client: weakref.ref[AsyncClient]) -> None:
    owner = client()
    if owner is not None:
        owner._all_recovered = True


async def _numbered(bodies: Union[Iterable[One], AsyncIterable[One]]) -> AsyncIterator[Tuple[int, One]]:
    index = 0
    if isinstance(bodies, AsyncIterable):
        async for body in bodies:
            yield index, body
            index += 1
    else:
        for body in bodies:
            yield index, body
            index += 1


async def _following(source: AsyncIterator[Tuple[int, One]]) -> Optional[Tuple[int, One]]:
    try:
        return await source.__anext__()
    except StopAsyncIteration:
        return None
