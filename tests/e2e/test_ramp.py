"""A provider that refuses growth: told apart from its limits, and what is learnt of it is kept."""

import time
import unittest

import support
from library import DONE, Engine

# Input is what the provider lets grow from little; the limits are far away.
LIMITS = {"requests_per_minute": 6000, "input_tokens_per_minute": 1_000_000}
QUICK = {"first_token_s": 0.02, "output_tokens": 5, "tokens_per_s": 1000}
TEN_A_SECOND = {"limit.claude-sonnet-4.requests_per_minute": 600}
GROWTH_REFUSED_ONCE = [{"kind": "refuse_acceleration", "first": 1, "retry_after_s": 0.2}]


@unittest.skipUnless(support.SANITIZER == "none", "the library needs its sanitizer in the program")
class Ramp(support.EndToEnd):
    seconds = 30

    def engine(self, server, journal=True, **settings):
        if journal:
            settings["journal.path"] = self.directory / "journal"
        return Engine(**{"account.main.key": support.KEY, "transport.base_url": server.url,
                         **settings})

    def submit(self, engine, count, content="hello"):
        body = {"model": support.MODEL, "max_tokens": 16,
                "messages": [{"role": "user", "content": content}]}
        return [engine.submit(body, lane="online") for _ in range(count)]

    def started_in(self, seconds, engine, count=60):
        """How many of `count` requests the engine starts in the time; then it is closed."""
        before = engine.stats()["requests"]["attempts"]
        self.submit(engine, count)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            engine.poll(50)
        started = engine.stats()["requests"]["attempts"] - before
        engine.close()
        return started

    def test_a_restart_goes_on_from_what_was_used_lately(self):
        server = self.server(limits=LIMITS, **QUICK, faults=GROWTH_REFUSED_ONCE)
        engine = self.engine(server, **TEN_A_SECOND)
        tickets = self.submit(engine, 40)
        engine.until(lambda: set(tickets) <= set(engine.terminals))
        self.assertEqual({end[0] for end in engine.terminals.values()}, {DONE})
        self.assertEqual(engine.stats()["requests"]["refused"], 1)
        engine.close()
        # Ten a second, as before; and so does the one after that, for which it is on.
        self.assertGreaterEqual(self.started_in(4, self.engine(server, **TEN_A_SECOND)), 20)
        on = {**TEN_A_SECOND, "limits.ramp": "on"}
        self.assertGreaterEqual(self.started_in(4, self.engine(server, **on)), 20)
        # Where the account was idle for long, or nothing is known of it, a share of 3 percent.
        time.sleep(1.1)
        idle = {**TEN_A_SECOND, "limits.ramp_idle_ms": 1000}
        self.assertLessEqual(self.started_in(4, self.engine(server, **idle)), 5)
        self.assertLessEqual(self.started_in(4, self.engine(server, journal=False, **on)), 5)

    def test_refused_growth_is_no_refusal_by_a_limit(self):
        count = 200
        # A request is a hundred tokens: the limits let 50 a second go, and the provider accepts two
        # at first beside the 120 that it has room for.
        limits = {**LIMITS, "requests_per_minute": 3000}
        server = self.server(limits=limits, **QUICK, ramp={
            "start_per_minute": 12_000, "growth_factor": 1.5, "step_s": 3})
        engine = self.engine(server, journal=False, **{"limits.burst_s": 1})
        tickets = self.submit(engine, count, "word " * 100)
        engine.until(lambda: engine.stats()["requests"]["refused"] > 0)
        engine.until(lambda: engine.stats()["requests"]["in_flight"] == 0)
        at_first = engine.stats()["requests"]["refused"]
        buckets = engine.stats()["limits"]
        self.assertEqual({bucket["kind"]: bucket["limit"] for bucket in buckets},
                         {"requests": 3000, "input_tokens": 1_000_000})
        for bucket in buckets:
            self.assertEqual(bucket["paused_ms"], 0, bucket)
            self.assertGreater(bucket["level"], 0, bucket)
        engine.until(lambda: set(tickets) <= set(engine.terminals))
        self.assertEqual({end[0] for end in engine.terminals.values()}, {DONE})
        seen = server.report()["total"]
        self.assertEqual(seen["completed"], count)
        refused = seen["refused"].pop("acceleration")
        self.assertEqual(sum(seen["refused"].values()), 0, seen["refused"])
        self.assertEqual(refused, engine.stats()["requests"]["refused"])
        # All that was on its way at first, and then now and then one of what goes more slowly. A
        # herd after each pause would be a hundred in these seconds, at full speed 50 a second.
        self.assertLessEqual(refused - at_first, 40)
        engine.close()
