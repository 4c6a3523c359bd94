"""The batch lane by the library's own functions: cancels, fallbacks, and what is said of them."""

import ctypes
import json
import time
import unittest

import support

NUL = ctypes.c_size_t(-1).value
STREAM, LOG, ENGINE, RECOVERED, DURABLE, BATCH = range(1, 7)
DONE, FAILED = 0x101, 0x102
CANCELLED = -100
MAYBE_EXECUTED = 0x02
LIMITS = {"limits": {"requests_per_minute": 600}, "first_token_s": 0.1, "output_tokens": 10,
          "tokens_per_s": 0}


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

    def submit(self, body, deadline_ms=0, **settings):
        request = self.made("weir_request_new")
        text = json.dumps(body).encode()
        assert self.library.weir_request_set_body(request, text, ctypes.c_size_t(len(text)),
                                                  None) == 0
        self.library.weir_request_set_deadline_ms(request, ctypes.c_int64(deadline_ms))
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
        text = self.made("weir_batch_list", self.handle)
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


@unittest.skipUnless(support.SANITIZER == "none", "the library needs its sanitizer in the program")
class BatchControl(support.EndToEnd):
    seconds = 15

    def engine(self, server, **settings):
        return Engine(**{"account.main.key": support.KEY, "transport.base_url": server.url,
                         "journal.path": self.directory / "journal", "log.level": "info",
                         "batch.poll_min_ms": 200, "batch.max_age_ms": 3600000, **settings})

    def batch_server(self, behaviour):
        return self.server(**LIMITS, arguments=["--batch", behaviour])

    def body(self, number):
        return support.prompt(number)["params"]

    def created(self, engine):
        engine.call("weir_batch_flush")
        engine.until(lambda: any(row["id"] for row in engine.list()["batches"]))

    def test_a_cancel_before_the_batch_is_sent_leaves_the_request_out_of_it(self):
        server = self.batch_server("ends_s=1")
        engine = self.engine(server)
        first, second = (engine.submit(self.body(number)) for number in range(2))
        engine.until(lambda: {first, second} <= engine.durable)
        self.assertEqual(engine.call("weir_cancel", first), 0)
        engine.until(lambda: first in engine.terminals)
        self.assertEqual(engine.terminals[first], (FAILED, CANCELLED, 0x20))
        self.created(engine)
        engine.until(lambda: second in engine.terminals)
        self.assertEqual(engine.terminals[second][0], DONE)
        self.assertEqual([batch["requests"] for batch in support.batches_seen(server)["ours"]], [1])
        engine.close()

    def test_a_cancel_afterwards_drops_the_result_and_says_so(self):
        server = self.batch_server("ends_s=2")
        engine = self.engine(server)
        first, second = (engine.submit(self.body(number)) for number in range(2))
        self.created(engine)
        self.assertEqual(engine.call("weir_cancel", first), 0)
        engine.until(lambda: {first, second} <= set(engine.terminals))
        self.assertEqual(engine.terminals[first][1], CANCELLED)
        self.assertTrue(engine.terminals[first][2] & MAYBE_EXECUTED)
        self.assertEqual(engine.terminals[second][0], DONE)
        engine.until(lambda: engine.list()["dropped_results"] == 1)
        engine.until(lambda: any("dropped" in line for line in engine.logs))
        engine.close()

    def test_the_late_result_of_what_was_answered_online_is_dropped(self):
        server = self.batch_server(f"ends_s={5 * support.SLOWNESS}")
        engine = self.engine(server)
        first = engine.submit(self.body(0), deadline_ms=3600000, batch_fallback_ms=3598000)
        second = engine.submit(self.body(1))
        self.created(engine)
        engine.until(lambda: first in engine.terminals)
        self.assertEqual(engine.terminals[first][0], DONE)
        self.assertNotIn(second, engine.terminals)
        self.assertEqual(engine.list()["fell_back"], 1)
        engine.call("weir_batch_acknowledge", first)
        engine.until(lambda: second in engine.terminals)
        self.assertEqual(engine.terminals[second][0], DONE)
        engine.until(lambda: engine.list()["dropped_results"] == 1)
        self.assertEqual(server.report()["total"]["requests"], 1)
        engine.close()

    def test_a_whole_batch_is_cancelled(self):
        server = self.batch_server("ends_s=60")
        engine = self.engine(server)
        tickets = {engine.submit(self.body(number)) for number in range(3)}
        self.created(engine)
        self.assertEqual(engine.call("weir_batch_cancel", 1), 0)
        engine.until(lambda: engine.list()["batches"][0]["cancel_sent"])
        engine.until(lambda: tickets <= set(engine.terminals))
        self.assertEqual({end[1] for end in engine.terminals.values()}, {CANCELLED})
        self.assertEqual(engine.list()["batches"][0]["canceled"], 3)
        waiting = engine.submit(self.body(9))
        engine.until(lambda: waiting in engine.durable)
        self.assertEqual(engine.call("weir_batch_cancel", 0), 0)
        engine.until(lambda: waiting in engine.terminals)
        self.assertEqual(engine.terminals[waiting][1], CANCELLED)
        for ticket in tickets:
            engine.call("weir_batch_acknowledge", ticket)
        engine.until(lambda: engine.list()["held"] == 0 and not engine.list()["batches"])
        engine.close()

    def test_what_a_journal_cannot_do_is_said_with_its_name(self):
        server = self.batch_server("ends_s=60")
        engine = self.engine(server)
        ticket = engine.submit(self.body(0))
        engine.until(lambda: ticket in engine.durable)
        with self.assertRaisesRegex(RuntimeError, "journal is in use by another engine"):
            self.engine(server)
        engine.close()
        path = self.directory / "journal"
        kept = path.read_bytes()
        newer = bytearray(kept)
        newer[60:64] = (99).to_bytes(4, "big")  # SQLite's user_version
        for content, said in ((newer, "later weir"), (b"something else\n" * 999, "is damaged"),
                              (kept[:100] + b"\xff" * (len(kept) - 100), "is damaged")):
            path.write_bytes(bytes(content))
            with self.assertRaisesRegex(RuntimeError, f"{path} .*{said}"):
                self.engine(server)
            self.assertEqual(path.read_bytes(), bytes(content))
        with self.assertRaisesRegex(RuntimeError, "nowhere/journal cannot be written"):
            self.engine(server, **{"journal.path": self.directory / "nowhere" / "journal"})
        path.write_bytes(kept)
        engine = self.engine(server)
        self.assertEqual(engine.list()["recovered"], 1)
        engine.close()
