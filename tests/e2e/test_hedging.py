"""A second attempt beside a slow one, through the C API, with one of two accounts that stalls."""

import ctypes
import json
import time
import unittest

import support

COUNT = 120
BETWEEN_S = 0.03
ANSWERS = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.1, "tokens_per_s": 500,
           "output_tokens": {"median": 20, "sigma": 0.2}}
STALL_S = 6
STALLS = {"kind": "stall", "account": "slow", "every": 10, "lasts_s": STALL_S, "at": 0}

NUL = ctypes.c_size_t(-1)
STREAM, DONE, FAILED = 0x001, 0x101, 0x102


class Event(ctypes.Structure):
    _fields_ = [("ticket", ctypes.c_uint64), ("user_data", ctypes.c_uint64),
                ("type", ctypes.c_uint32), ("status", ctypes.c_int32),
                ("flags", ctypes.c_uint32), ("index", ctypes.c_uint32),
                ("data", ctypes.c_char_p), ("data_length", ctypes.c_size_t),
                ("object", ctypes.c_void_p), ("reserved", ctypes.c_uint64)]


class Engine:
    """As much of libweir as the test needs."""

    def __init__(self, settings):
        self.lib = ctypes.CDLL(str(support.BUILD / "src" / "c_api" / "libweir.so"))
        self.lib.weir_text_data.restype = ctypes.c_char_p
        config, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        self.must(self.lib.weir_config_new(ctypes.byref(config), None))
        for key, value in settings.items():
            self.must(self.lib.weir_config_set(config, key.encode(), NUL, value.encode(), NUL, None))
        self.must(self.lib.weir_engine_open(config, ctypes.byref(self.handle), None))
        self.lib.weir_config_release(config)

    @staticmethod
    def must(status):
        if status < 0:
            raise RuntimeError(f"weir said {status}")
        return status

    def submit(self, body, number):
        request = ctypes.c_void_p()
        self.must(self.lib.weir_request_new(ctypes.byref(request), None))
        self.must(self.lib.weir_request_set_body(request, body, ctypes.c_size_t(len(body)), None))
        self.must(self.lib.weir_request_set_user_data(request, ctypes.c_uint64(number)))
        self.must(self.lib.weir_submit(self.handle, request, None, None))
        self.lib.weir_request_release(request)

    def poll(self, timeout_ms):
        """The next event without its object, or None."""
        event = Event()
        size = ctypes.c_size_t(ctypes.sizeof(event))
        count = self.must(self.lib.weir_poll(self.handle, ctypes.byref(event), size,
                                             ctypes.c_size_t(1), ctypes.c_int64(timeout_ms)))
        if count == 0:
            return None
        seen = (event.type, event.user_data, event.index)
        self.lib.weir_events_release(ctypes.byref(event), size, ctypes.c_size_t(1))
        return seen

    def stats(self):
        text = ctypes.c_void_p()
        self.must(self.lib.weir_engine_stats(self.handle, ctypes.byref(text), None))
        stats = json.loads(self.lib.weir_text_data(text, None))
        self.lib.weir_text_release(text)
        return stats

    def release(self):
        self.lib.weir_engine_release(self.handle)


@unittest.skipIf(support.SANITIZER != "none", "a sanitized library is not loaded by Python")
class Hedging(support.EndToEnd):
    seconds = 25

    def run_streams(self, **settings):
        """The seconds that each stream waited for its first event, and the engine's counts."""
        server = self.server(accounts=[{"name": "well", "keys": ["key-1"]},
                                       {"name": "slow", "keys": ["key-2"]}],
                             faults=[STALLS], **ANSWERS)
        engine = Engine({"account.one.key": "key-1", "account.two.key": "key-2",
                         "transport.base_url": server.url, "accounts.choice": "round_robin",
                         **settings})
        self.addCleanup(engine.release)
        submitted, waited, next_index = {}, {}, {}
        ended = set()
        while len(ended) < COUNT:
            if len(submitted) < COUNT:
                number = len(submitted)
                params = support.prompt(number, stream=True)["params"]
                submitted[number] = time.monotonic()
                engine.submit(json.dumps(params).encode(), number)
            deadline = time.monotonic() + BETWEEN_S
            while (left := deadline - time.monotonic()) > 0 and len(ended) < COUNT:
                event = engine.poll(max(1, int(left * 1000)))
                if event is None:
                    continue
                kind, number, index = event
                self.assertNotIn(number, ended)
                if kind == STREAM:
                    waited.setdefault(number, time.monotonic() - submitted[number])
                    self.assertEqual(index, next_index.get(number, 0), "of one attempt alone")
                    next_index[number] = index + 1
                elif kind in (DONE, FAILED):
                    self.assertEqual(kind, DONE)
                    ended.add(number)
        return sorted(waited.values()), engine.stats()["requests"]

    def test_one_account_stalls(self):
        waited, counts = self.run_streams()
        self.assertEqual(counts["hedges"], 0)
        self.assertGreater(waited[-2], STALL_S - 1)
        slow = sum(seconds > STALL_S - 1 for seconds in waited)
        waited, counts = self.run_streams(**{"hedge.after_ms": "800",
                                             "hedge.max_percent": "10"})
        self.assertEqual(len(waited), COUNT)
        self.assertLess(waited[-2], STALL_S - 2)
        self.assertGreaterEqual(counts["hedges"], min(slow, 3))
        self.assertLessEqual(counts["hedges"], COUNT // 10 + 1)
        self.assertLessEqual(counts["hedges_won"], counts["hedges"])
        self.assertEqual(counts["attempts"], COUNT + counts["hedges"])
        self.assertEqual((counts["in_flight"], counts["outstanding"]), (0, 0))
