"""An engine, and what comes out of it: held for as long as somebody uses it, and never longer."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import logging
import os
import struct
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from weir import _library, _table
from weir._answer import Answer, Held
from weir._error import Error
from weir._permit import Permit
from weir._request import Body, body_apart, fill, flattened

log = logging.getLogger("weir")

BATCH = 256  # events that are taken at a time
_RECORD = struct.Struct("=QQIiIIQQQQ")
_EMPTY = _table.Event()
_LOG_LEVELS = {_table.LOG_ERROR: logging.ERROR, _table.LOG_WARNING: logging.WARNING,
               _table.LOG_INFO: logging.INFO, _table.LOG_DEBUG: logging.DEBUG}

# What is told of a ticket: the event's type, its index, and what it brings.
Item = Tuple[int, int, Any]
Notice = Callable[[str, Dict[str, Any]], None]


class Receiver:
    """Whoever the events of one ticket are for; this one takes no interest."""

    id: int = 0  # the ticket

    def deliver(self, item: Item) -> None:
        pass


class Engine:
    """The handle, the receivers of its events, and the calls that every client makes."""

    def __init__(self, settings: Optional[Mapping[str, Any]], on_notice: Optional[Notice]) -> None:
        self.handle: int = 0  # first: __del__ reads it
        self.library = _library.load()
        self.process = os.getpid()
        self.receivers: Dict[int, Receiver] = {}  # by user_data
        self.earlier: Dict[int, Receiver] = {}  # those of earlier runs, by ticket
        self.on_recovered: Optional[Callable[[int, str], Receiver]] = None
        self.on_all_recovered: Optional[Callable[[], None]] = None
        self.ended = False  # the last event has been taken
        self.has_journal = False
        self._on_notice = on_notice
        self._numbers = itertools.count(1)
        self._builders: List[int] = []
        self._buffer = (_table.Event * BATCH)()
        self.handle = self._open(settings or {})
        self.descriptor: int = self.library.check(self.library.weir_fd(self.handle))

    def __del__(self) -> None:
        # Nobody is inside a call any more: each holds a reference to this object. None of these blocks.
        if self.handle:
            for builder in self._builders:
                self.library.weir_request_release(builder)
            self.library.weir_engine_release(self.handle)

    def _open(self, settings: Mapping[str, Any]) -> int:
        library = self.library
        config = library.made(library.weir_config_new)
        try:
            pairs = dict(flattened(settings))
            if not any(key.startswith("account.") for key in pairs):
                pairs["account.main.key_env"] = "ANTHROPIC_API_KEY"
            self.has_journal = bool(pairs.get("journal.path"))
            for key, value in pairs.items():
                name, text = key.encode(), value.encode()
                library.call(library.weir_config_set, config, name, len(name), text, len(text))
            return library.made(library.weir_engine_open, config)
        finally:
            library.weir_config_release(config)

    def check_process(self) -> None:
        """A child of fork() has no thread that would take the events: it is told so at once."""
        if self.process != os.getpid():
            error = self.library.error(_table.ERR_FORKED, None)
            error.args = ("this client belongs to the parent process; make a new one after fork()",)
            raise error

    # ---- What is submitted

    @contextlib.contextmanager
    def request(self, body: Optional[Body], options: Mapping[str, Any]) -> Iterator[int]:
        """A builder that is filled in; it is used again afterwards."""
        builder = self._builder()
        try:
            fill(self.library, builder, body, 0, options)
            yield builder
        finally:
            self._give_back(builder)

    def submit(self, function: Any, receiver: Receiver, body: Optional[Body],
               options: Mapping[str, Any]) -> None:
        """Submits or acquires."""
        def act(builder: int, ticket: ctypes.c_uint64) -> None:
            self.library.call(function, self.handle, builder, ctypes.byref(ticket))

        self._hand_in(receiver, body, options, act)

    def try_acquire(self, receiver: Receiver, options: Mapping[str, Any]) -> Permit:
        permits: List[int] = []

        def act(builder: int, ticket: ctypes.c_uint64) -> None:
            permits.append(self.library.made(self.library.weir_try_acquire, self.handle, builder))
            ticket.value = self.library.weir_permit_ticket(permits[0])

        self._hand_in(receiver, *body_apart(options), act)
        try:
            return Permit(self, permits[0])
        finally:
            self.library.weir_permit_release(permits[0])

    def _builder(self) -> int:
        try:
            return self._builders.pop()
        except IndexError:
            return self.library.made(self.library.weir_request_new)

    def _give_back(self, builder: int) -> None:
        self.library.weir_request_reset(builder)
        self._builders.append(builder)

    def _hand_in(self, receiver: Receiver, body: Optional[Body], options: Mapping[str, Any],
                 act: Callable[[int, ctypes.c_uint64], None]) -> None:
        """The receiver is known before it is handed in, for the events may be faster."""
        self.check_process()
        number = next(self._numbers)
        ticket = ctypes.c_uint64()
        builder = self._builder()
        self.receivers[number] = receiver
        try:
            fill(self.library, builder, body, number, options)
            act(builder, ticket)
        except BaseException:
            # Without a ticket it was refused, and has no event; else it was interrupted on the way out.
            if ticket.value:
                self.cancel(ticket.value)
            else:
                del self.receivers[number]
            raise
        finally:
            self._give_back(builder)
        receiver.id = ticket.value

    def cancel(self, ticket: int) -> bool:
        """Takes no lock of Python's: finalizers call it."""
        return bool(self.library.weir_cancel(self.handle, ticket) == _table.OK)

    def close(self) -> None:
        """Starts the end, and does not wait for it."""
        self.library.weir_engine_close(self.handle)

    # ---- What comes of it

    def take(self, timeout_ms: int) -> int:
        """Waits for events and gives each to its receiver; their number, or the status of poll."""
        buffer = self._buffer
        count: int = self.library.weir_poll(self.handle, buffer, _table.EVENT_SIZE, BATCH, timeout_ms)
        if count <= 0:
            return count
        size = _table.EVENT_SIZE
        try:
            records = ctypes.string_at(buffer, count * size)
            for position, record in enumerate(_RECORD.iter_unpack(records)):
                try:
                    self._give(position, *record)
                except Exception:  # of a caller's notice function, or out of memory
                    log.exception("an event could not be passed on")
        finally:
            self.library.weir_events_release(buffer, size, count)
        return count

    def _give(self, position: int, ticket: int, number: int, kind: int, status: int, flags: int,
              index: int, data: int, length: int, held: int, reserved: int) -> None:
        if not ticket:
            self._give_notice(kind, index, ctypes.string_at(data, length) if length else b"")
            return
        if kind == _table.EVENT_RECOVERED:
            if self.on_recovered:
                name = ctypes.string_at(data, length).decode("utf-8", "replace")
                self.earlier[ticket] = self.on_recovered(ticket, name)
            return
        ends = kind & _table.EVENT_TERMINAL_BIT
        receivers, key = (self.receivers, number) if number else (self.earlier, ticket)
        receiver = receivers.pop(key, None) if ends else receivers.get(key)
        if receiver is None:
            return
        receiver.id = ticket
        brings: Any = None
        if kind == _table.EVENT_STREAM:
            brings = ctypes.string_at(data, length)
        elif kind == _table.EVENT_DONE:
            brings = Answer(self.library, self._keep(position))
        elif kind == _table.EVENT_PERMIT:
            brings = Permit(self, held)
        elif kind == _table.EVENT_FAILED:
            from weir import errors
            brings = self.library.read_error(errors.CLASSES.get(status, Error), held)
        receiver.deliver((kind, index, brings))

    def _keep(self, position: int) -> Held:
        """The event is its keeper's from now on: it leaves the buffer before that is released."""
        event = _table.Event.from_buffer_copy(self._buffer, position * _table.EVENT_SIZE)
        self._buffer[position] = _EMPTY
        return Held(self.library, event)

    def _give_notice(self, kind: int, index: int, data: bytes) -> None:
        if kind == _table.EVENT_LOG:
            log.log(_LOG_LEVELS.get(index, logging.DEBUG), "%s", data.decode("utf-8", "replace"))
        elif kind == _table.EVENT_ENGINE and index == _table.ENGINE_CLOSED:
            self.end()
        elif kind == _table.EVENT_ENGINE and index == _table.ENGINE_RECOVERED:
            if self.on_all_recovered:
                self.on_all_recovered()
        elif kind in (_table.EVENT_KEY, _table.EVENT_BATCH) and self._on_notice:
            name = "key" if kind == _table.EVENT_KEY else "batch"
            self._on_notice(name, json.loads(data))

    def end(self) -> None:
        """After the last event: whoever still waits, waits for nothing."""
        self.ended = True
        for receivers in (self.receivers, self.earlier):
            for key in list(receivers):
                receiver = receivers.pop(key, None)
                if receiver is not None:
                    receiver.deliver((_table.EVENT_FAILED, 0,
                                      self.library.error(_table.ERR_SHUTDOWN, None)))
        if self.on_all_recovered:
            self.on_all_recovered()


class Controls:
    """What both clients can do with an engine at once."""

    _engine: Engine

    def stats(self) -> Dict[str, Any]:
        """What the engine is doing."""
        return self._report("weir_engine_stats")

    def estimate(self, body: Body, **options: Any) -> Dict[str, Any]:
        """What the request would come to if it were submitted now; nothing is taken."""
        engine = self._checked()
        with engine.request(body, options) as request:
            text = engine.library.text(engine.library.weir_estimate, engine.handle, request)
        result: Dict[str, Any] = json.loads(text)
        return result

    def set_key(self, account: str, key: str, secret: str) -> None:
        """Gives an account's key another secret, or adds a key by that name, while all goes on."""
        self._with_texts("weir_key_set", account, key, secret)

    def retire_key(self, account: str, key: str) -> None:
        """Takes an account's key out of use; what is in flight with it ends in peace."""
        self._with_texts("weir_key_retire", account, key)

    def cancel_tag(self, tag: int) -> None:
        """Cancels every request that was submitted with this tag."""
        engine = self._checked()
        engine.library.check(engine.library.weir_cancel_tag(engine.handle, tag))

    def batches(self) -> Dict[str, Any]:
        """The batches of the journal, and what the lane has done."""
        return self._report("weir_batch_list")

    def flush_batches(self) -> None:
        """Closes the batches that are being collected, as if they were full."""
        engine = self._checked()
        engine.library.check(engine.library.weir_batch_flush(engine.handle))

    def cancel_batch(self, number: int) -> None:
        """Cancels a batch by its number in the list; 0 is what is being collected."""
        engine = self._checked()
        engine.library.check(engine.library.weir_batch_cancel(engine.handle, number))

    def _checked(self) -> Engine:
        self._engine.check_process()
        return self._engine

    def _report(self, function: str) -> Dict[str, Any]:
        engine = self._checked()
        text = engine.library.text(getattr(engine.library, function), engine.handle)
        result: Dict[str, Any] = json.loads(text)
        return result

    def _with_texts(self, function: str, *texts: str) -> None:
        engine = self._checked()
        arguments: List[Any] = []
        for text in texts:
            data = text.encode()
            arguments += [data, len(data)]
        engine.library.call(getattr(engine.library, function), engine.handle, *arguments)


def place_of(engine: Engine, ticket: int) -> Tuple[int, Optional[float]]:
    """How many requests go before it, about, and in how many seconds it starts, if that is known."""
    ahead, starts_in_ms = ctypes.c_int64(), ctypes.c_int64()
    engine.library.call(engine.library.weir_place, engine.handle, ticket, ctypes.byref(ahead),
                        ctypes.byref(starts_in_ms))
    starts_in = starts_in_ms.value
    return ahead.value, starts_in / 1000 if starts_in >= 0 else None


def acknowledge(engine: Engine, ticket: int) -> None:
    engine.library.check(engine.library.weir_batch_acknowledge(engine.handle, ticket))
