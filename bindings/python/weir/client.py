"""The client for programs that wait in threads."""

from __future__ import annotations

import atexit
import json
import os
import queue
import threading
import time
import weakref
from types import TracebackType
from typing import (TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional,
                    Tuple, Type, TypeVar, Union)

from weir import _table
from weir._answer import Answer
from weir._done import Done, with_options
from weir._engine import Controls, Engine, Item, Notice, Receiver, acknowledge, place_of
from weir._error import Error
from weir._permit import Permit, settle, settle_value
from weir._request import Body, as_stream, body_apart, body_bytes

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from weir._request import Options, PermitOptions

T = TypeVar("T")


class Ticket(Receiver):
    """A request that was accepted: its answer, the events of its stream, its place in the queue."""

    def __init__(self, engine: Engine, on_end: Optional[Callable[[Ticket], None]] = None) -> None:
        self._engine = engine
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._on_end = on_end
        self._end: Optional[Item] = None
        self._given_up = False
        self.custom_id = ""  # of a request of an earlier run
        self.durable = threading.Event()  # set when the request is in the journal

    def deliver(self, item: Item) -> None:
        kind = item[0]
        if kind == _table.EVENT_DURABLE:
            self.durable.set()
            return
        if kind & _table.EVENT_TERMINAL_BIT:
            self._end = item
            self.durable.set()
        elif self._given_up:
            if kind == _table.EVENT_PERMIT:
                self._engine.cancel(self.id)
            return
        self._items.put(item)
        if self._end and self._on_end:
            self._on_end(self)

    def _next(self, timeout: Optional[float] = None) -> Item:
        """The next that happened to it; the end again and again."""
        if not self._end:
            self._engine.check_process()
        try:
            item = self._items.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"request {self.id} has not ended in time") from None
        if item[0] & _table.EVENT_TERMINAL_BIT:
            self._items.put(item)  # for whoever waits beside
        return item

    def _give_up(self) -> None:
        """Nobody will use a permit that may still come."""
        self._given_up = True
        try:
            while not self._end:
                if self._items.get_nowait()[0] == _table.EVENT_PERMIT:
                    self._engine.cancel(self.id)
        except queue.Empty:
            pass

    @property
    def done(self) -> bool:
        return self._end is not None

    def result(self, timeout: Optional[float] = None) -> Answer:
        """Waits for the end: the answer, or the failure as an exception. After `timeout` seconds it
        raises Python's TimeoutError, and the request goes on."""
        give_up_at = None if timeout is None else time.monotonic() + timeout
        item = self._end
        while item is None or not item[0] & _table.EVENT_TERMINAL_BIT:
            left = None if give_up_at is None else max(0.0, give_up_at - time.monotonic())
            item = self._next(left)
        return answer_of(item)

    def cancel(self) -> bool:
        """Asks for the end; True if there was something to end. The result says what became of it."""
        return self._engine.cancel(self.id)

    def place(self) -> Tuple[int, Optional[float]]:
        """How many requests go before it, about, and in how many seconds it is expected to start."""
        return place_of(self._engine, self.id)

    def acknowledge(self) -> None:
        """The answer of a batch request is in safe hands: the journal may forget it."""
        acknowledge(self._engine, self.id)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], exception: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        if not self._end:
            self.cancel()

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        """The events of a stream, as they come. With stream_restart, one of the type
        "weir_stream_restart" says that those so far are void."""
        while True:
            item = self._next()
            if item[0] == _table.EVENT_STREAM:
                yield json.loads(item[2])
            elif item[0] == _table.EVENT_STREAM_RESTART:
                yield {"type": "weir_stream_restart"}
            elif item[0] & _table.EVENT_TERMINAL_BIT:
                answer_of(item)
                return

    def permit(self) -> Optional[Permit]:
        """Waits for the next permit; None when the attempt that was reported was a success."""
        while True:
            item = self._next()
            if item[0] == _table.EVENT_PERMIT:
                permit: Permit = item[2]
                return permit
            if item[0] & _table.EVENT_TERMINAL_BIT:
                answer_of(item)
                return None


def answer_of(item: Item) -> Answer:
    brings = item[2]
    if isinstance(brings, Error):
        raise brings.with_traceback(None)
    answer: Answer = brings
    return answer


class PermitBlock:
    """`with client.permit(...) as permit:` one attempt, which is reported by the block or for it."""

    def __init__(self, client: Client, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = options
        self._permit: Optional[Permit] = None
        self._ticket: Optional[Ticket] = None

    def __enter__(self) -> Permit:
        self._ticket = self._client._acquire(self._options)
        try:
            self._permit = self._ticket.permit()
        except BaseException:
            self._ticket.cancel()
            raise
        assert self._permit is not None
        return self._permit

    def __exit__(self, kind: Optional[Type[BaseException]], exception: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        assert self._permit is not None and self._ticket is not None
        settle(self._permit, exception)
        self._ticket._give_up()


class Client(Controls):
    """An engine with a thread of Python's own that hands out what comes of it.

    `settings` are configuration keys and their values, dotted or nested. Without an account, there is
    one, with the key of ANTHROPIC_API_KEY. `on_notice` is called, on that thread, with "key" or "batch"
    and a dictionary, when one of those changes its state. May be used by any threads at once.
    """

    def __init__(self, settings: Optional[Mapping[str, Any]] = None, *,
                 on_notice: Optional[Notice] = None) -> None:
        self._closed = True  # until it is open: __del__ reads it
        self._engine = Engine(settings, on_notice)
        self._recovered: queue.SimpleQueue[Optional[Ticket]] = queue.SimpleQueue()
        self._engine.on_recovered, self._engine.on_all_recovered = _recovery(
            weakref.ref(self._engine), self._recovered)
        self._thread = threading.Thread(target=_take_events, args=(self._engine,), name="weir",
                                        daemon=True)
        self._closed = False
        self._thread.start()
        _open_clients.add(self)

    def submit(self, body: Body, **options: Unpack[Options]) -> Ticket:
        """Hands a request in, and returns at once."""
        return self._submit(body, options)

    def messages(self, body: Body, **options: Unpack[Options]) -> Answer:
        """Hands a request in and waits for its answer. Whoever interrupts the wait cancels it."""
        ticket = self._submit(body, options)
        try:
            return ticket.result()
        except BaseException:
            ticket.cancel()
            raise

    def stream(self, body: Body, **options: Unpack[Options]) -> Ticket:
        """Hands a request for a stream in: `with client.stream(...) as events: for event in events:`"""
        return self._submit(as_stream(body), options)

    def map(self, bodies: Iterable[Union[Body, Tuple[Body, Options]]], *, in_flight: int = 512,
            **options: Unpack[Options]) -> Iterator[Done]:
        """Hands in many requests, or pairs of one and its options, and yields each when it has ended.

        No more than `in_flight` are outstanding: `bodies` is read as the answers are taken.
        """
        if in_flight < 1:
            raise ValueError("in_flight is less than 1")
        ended: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        outstanding: Dict[Ticket, Tuple[int, Body]] = {}
        source = enumerate(bodies)
        try:
            waiting = next(source, None)
            while waiting is not None or outstanding:
                refused = False
                while waiting is not None and not refused and len(outstanding) < in_flight:
                    index, (body, merged) = waiting[0], with_options(waiting[1], options)
                    try:
                        outstanding[self._submit(body, merged, ended.put)] = index, body
                    except Error as error:
                        refused = error.code == _table.ERR_QUEUE_FULL
                        if not refused:
                            yield Done(index, body, None, error)
                    if not refused:
                        waiting = next(source, None)
                try:
                    # A queue that others have filled is tried again soon; else something must end.
                    ticket = ended.get(timeout=0.05 if refused else None) if outstanding or refused else None
                except queue.Empty:
                    continue
                if ticket is not None and ticket in outstanding:
                    yield Done.of(*outstanding.pop(ticket), ticket._end)
        finally:
            for ticket in outstanding:
                ticket.cancel()

    def permit(self, **options: Unpack[PermitOptions]) -> PermitBlock:
        """The right to make one attempt with another client: `with client.permit(model=...) as permit:`

        The block reports by permit.report(...); else leaving it says success, or what its exception
        says. weir repeats nothing here: run() does.
        """
        return PermitBlock(self, options)

    def try_permit(self, **options: Unpack[PermitOptions]) -> Permit:
        """A permit at once, or weir.errors.NotNowError with the time after which to ask again."""
        ticket = Ticket(self._engine)
        ticket._give_up()  # its report is answered by nothing that anybody waits for
        return self._engine.try_acquire(ticket, options)

    def run(self, function: Callable[[Permit], T], **options: Unpack[PermitOptions]) -> T:
        """Calls `function` when the limits allow it, and again as long as weir says to try again.

        What it returns or raises is the report: a response of httpx or requests, an exception of theirs
        or of an SDK; other values are successes. At the end its own exception is raised, with weir's as
        the cause; or weir's alone, where it returned a response that is a failure.
        """
        ticket = self._acquire(options)
        failure: Optional[Exception] = None
        values: List[T] = []
        with ticket:
            while True:
                try:
                    permit = ticket.permit()
                except Error as error:
                    if failure is None:
                        raise
                    raise failure from error
                if permit is None:
                    return values[-1]
                try:
                    values.append(function(permit))
                    failure = None
                    settle_value(permit, values[-1])
                except Exception as exception:
                    failure = exception
                    if not permit.reported and not permit.report_exception(exception):
                        raise

    def recovered(self) -> Iterator[Ticket]:
        """The requests of earlier runs that the journal still had, each with a ticket of its own."""
        while True:
            self._engine.check_process()
            ticket = self._recovered.get()
            if ticket is None:
                self._recovered.put(None)
                return
            yield ticket

    def close(self, timeout: Optional[float] = 10) -> bool:
        """Ends the client: everything outstanding fails with ShutdownError, unless it ended first.
        Waits until that is so, up to `timeout` seconds. May be called again."""
        self._closed = True
        _open_clients.discard(self)
        engine = self._engine
        if engine.process != os.getpid():
            return True
        engine.close()
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            self._engine.close()  # does not block

    def _submit(self, body: Body, options: Mapping[str, Any],
                on_end: Optional[Callable[[Ticket], None]] = None) -> Ticket:
        engine = self._engine
        ticket = Ticket(engine, on_end)
        engine.submit(engine.library.weir_submit, ticket, body_bytes(body), options)
        return ticket

    def _acquire(self, options: Mapping[str, Any]) -> Ticket:
        engine = self._engine
        ticket = Ticket(engine)
        engine.submit(engine.library.weir_acquire, ticket, *body_apart(options))
        return ticket


def _recovery(engine: weakref.ref[Engine], found: queue.SimpleQueue[Optional[Ticket]]) -> Tuple[
        Callable[[int, str], Receiver], Callable[[], None]]:
    """How the requests of earlier runs become tickets, without a reference that keeps the engine."""

    def one(number: int, custom_id: str) -> Receiver:
        owner = engine()
        assert owner is not None
        ticket = Ticket(owner)
        ticket.id, ticket.custom_id = number, custom_id
        found.put(ticket)
        return ticket

    return one, lambda: found.put(None)


def _take_events(engine: Engine) -> None:
    """The thread of a client. It refers to the engine alone, so that a client can be collected."""
    try:
        while not engine.ended:
            if engine.take(-1) < 0:
                break
    finally:
        engine.end()
        engine.library.weir_engine_wait(engine.handle, 1000)


_open_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _close_all() -> None:
    """Nothing of weir's runs on while the interpreter is taken down."""
    for client in list(_open_clients):
        client.close(timeout=2)


atexit.register(_close_all)
