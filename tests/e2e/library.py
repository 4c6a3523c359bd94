"""The library's own functions, for what the program weir does not show."""

import ctypes
import json
import time

import support

NUL = ctypes.c_size_t(-1).value
STREAM, LOG, ENGINE, RECOVERED, DURABLE, BATCH = range(1, 7)
DONE, FAILED = 0x101, 0x102
CANCELLED, SHUTDOWN = -100, -101
MAYBE_EXECUTED = 0x02


class Event(ctypes.Structure):
    _fields_ = [("ticket", ctypes.c_uint64), ("user_data", ctypes.c_uint64),
                ("type", ctypes.c_uint32), ("status", ctypes.c_int32), ("flags", ctypes.c_uint32),
                ("index", ctypes.c_uint32), ("data", ctypes.c_void_p),
                ("data_length", ctypes.c_size_t), ("object", ctypes.c_void_p),
                ("reserved", ctypes.c_uint64)]


class Engine:
    """An engine with a journal, and the events that it has given."""

    def __init__(self, **settings):
        self.library = ctypes.CDLL(str(support.BUILD / "src" / "c_api" / "libweir.so"))
        self.library.weir_text_data.restype = ctypes.c_char_p
        config = self.made("weir_config_new")
        for key, value in settings.items():
            self.set("weir_config_set", config, key, value)
        self.handle = self.made("weir_engine_open", config)
        self.library.weir_config_release(config)
        self.terminals, self.durable, self.logs = {}, set(), []

    def made(self, function, *arguments):
        handle, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = getattr(self.library, function)(*arguments, ctypes.byref(handle),
                                                 ctypes.byref(error))
        if status != 0:
            self.library.weir_error_message.restype = ctypes.c_char_p
            raise RuntimeError(self.library.weir_error_message(error).decode())
        return handle

    def set(self, function, handle, key, value):
        key, value = key.encode(), str(value).encode()
        status = getattr(self.library, function)(handle, key, ctypes.c_size_t(NUL), value,
                                                 ctypes.c_size_t(NUL), None)
        assert status == 0, (key, status)

    def submit(self, body, deadline_ms=0, tag=0, **settings):
        request = self.made("weir_request_new")
        text = json.dumps(body).encode()
        assert self.library.weir_request_set_body(request, text, ctypes.c_size_t(len(text)),
                                                  None) == 0
        self.library.weir_request_set_deadline_ms(request, ctypes.c_int64(deadline_ms))
        self.library.weir_request_set_tag(request, ctypes.c_uint64(tag))
        for key, value in {"lane": "batch", **settings}.items():
            self.set("weir_request_set", request, key, value)
        ticket = ctypes.c_uint64()
        assert self.library.weir_submit(self.handle, request, ctypes.byref(ticket), None) == 0
        self.library.weir_request_release(request)
        return ticket.value

    def poll(self, timeout_ms=100):
        events = (Event * 64)()
        count = self.library.weir_poll(self.handle, events, ctypes.c_size_t(ctypes.sizeof(Event)),
                                       ctypes.c_size_t(64), ctypes.c_int64(timeout_ms))
        for event in events[:max(count, 0)]:
            if event.type in (DONE, FAILED):
                assert event.ticket not in self.terminals
                self.terminals[event.ticket] = (event.type, event.status, event.flags)
            elif event.type == DURABLE:
                self.durable.add(event.ticket)
            elif event.type == LOG:
                self.logs.append(ctypes.string_at(event.data, event.data_length).decode())
        if count > 0:
            self.library.weir_events_release(events, ctypes.c_size_t(ctypes.sizeof(Event)),
                                             ctypes.c_size_t(count))
        return count

    def until(self, condition, timeout=60):
        give_up_at = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < give_up_at, "it did not happen in time"
            self.poll()

    def list(self):
        return self.report("weir_batch_list")

    def stats(self):
        return self.report("weir_engine_stats")

    def report(self, function):
        text = self.made(function, self.handle)
        report = json.loads(self.library.weir_text_data(text, None))
        self.library.weir_text_release(text)
        return report

    def call(self, function, *numbers):
        return getattr(self.library, function)(self.handle, *map(ctypes.c_uint64, numbers))

    def close(self):
        self.library.weir_engine_close(self.handle)
        while self.poll(1000) >= 0:
            pass
        self.library.weir_engine_wait(self.handle, ctypes.c_int64(20000))
        self.library.weir_engine_release(self.handle)
