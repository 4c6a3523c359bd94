"""The batch lane by the library's own functions: cancels, fallbacks, and what is said of them."""

import unittest

import support
from library import CANCELLED, DONE, FAILED, MAYBE_EXECUTED, SHUTDOWN, Engine

LIMITS = {"limits": {"requests_per_minute": 600}, "first_token_s": 0.1, "output_tokens": 10,
          "tokens_per_s": 0}
MODELS = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")


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

    def test_results_that_are_strange_are_passed_over_and_reported(self):
        server = self.batch_server("ends_s=1,strange_lines=2")
        engine = self.engine(server)
        tickets = {engine.submit(self.body(number)) for number in range(5)}
        self.created(engine)
        engine.until(lambda: tickets <= set(engine.terminals))
        self.assertEqual({end[0] for end in engine.terminals.values()}, {DONE})
        engine.until(lambda: any("passed over" in line for line in engine.logs))
        seen = engine.list()
        self.assertEqual((seen["unknown_results"], seen["duplicate_results"]), (2, 2))
        self.assertTrue(any("2 results with a custom_id that is not of this batch, 2 with one"
                            in line for line in engine.logs), engine.logs)
        engine.close()

    def test_a_whole_batch_is_cancelled(self):
        server = self.batch_server("ends_s=60")
        engine = self.engine(server)
        tickets = {engine.submit(self.body(number)) for number in range(3)}
        self.created(engine)
        limits = engine.list()["accounts"]
        self.assertEqual([row["account"] for row in limits], ["main"])
        self.assertEqual((limits[0]["queue_places"], limits[0]["places_taken"]), (200000, 3))
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
        with self.assertRaisesRegex(RuntimeError, "nowhere/journal cannot be made, for its directory"):
            self.engine(server, **{"journal.path": self.directory / "nowhere" / "journal"})
        path.write_bytes(kept)
        engine = self.engine(server)
        self.assertEqual(engine.list()["recovered"], 1)
        engine.close()

    def test_what_an_earlier_run_left_is_cancelled_by_its_tag(self):
        server = self.batch_server("ends_s=60")
        engine = self.engine(server)
        tickets = {engine.submit(self.body(number), tag=tag)
                   for number, tag in enumerate((7, 8, 7, 0))}
        engine.until(lambda: tickets <= engine.durable)
        engine.close()
        engine = self.engine(server)
        engine.until(lambda: engine.list()["recovered"] == 4)
        self.assertEqual(engine.call("weir_cancel_tag", 7), 0)
        engine.until(lambda: len(engine.terminals) == 2)
        self.assertEqual({end[1] for end in engine.terminals.values()}, {CANCELLED})
        self.assertEqual(engine.list()["collecting"], 2)
        engine.close()

    # ---- What an earlier run has left, answered online ----

    def left_by_an_earlier_run(self, server, settings, then=None, **request):
        """An engine that has a request of another, which is to be answered online soon."""
        engine = self.engine(server, **settings)
        wait_ms = 3000 * support.SLOWNESS
        ticket = engine.submit(self.body(0), deadline_ms=3600000,
                               batch_fallback_ms=3600000 - wait_ms, **request)
        engine.until(lambda: ticket in engine.durable)
        engine.close()
        return self.engine(server, **(settings if then is None else then))

    def answered(self, engine):
        engine.until(lambda: any(end[0] != FAILED or end[1] != SHUTDOWN
                                 for end in engine.terminals.values()))
        self.assertEqual([end[0] for end in engine.terminals.values()], [DONE])
        return engine.stats()

    def test_what_an_earlier_run_left_has_its_limits_and_its_tenant_online(self):
        server = self.batch_server("ends_s=600")
        engine = self.left_by_an_earlier_run(server, {"tenant.t.spend_per_day": 100}, tenant="t")
        stats = self.answered(engine)
        self.assertEqual([row["class"] for row in stats["estimates"]], ["claude-sonnet-4"])
        self.assertGreater(stats["day"]["budgets"][0]["spend_micros"], 0)
        engine.close()

    def routed_server(self, overloaded):
        return self.server(
            classes=[{"name": model, "models": [model + "*"], **LIMITS} for model in MODELS],
            faults=[{"kind": "overloaded", "class": model} for model in overloaded],
            arguments=["--batch", "ends_s=600"])

    def test_what_an_earlier_run_left_takes_its_route_online(self):
        settings = {"route.r.1.model": "claude-opus-4-5", "route.r.1.complexity": "high",
                    "route.r.2.model": "claude-haiku-4-5", "route.r.2.complexity": "low",
                    "route.r.3.model": support.MODEL}
        for overloaded, succeeded in (([], [0, 1, 0]), (["claude-haiku-4-5"], [0, 0, 1])):
            self.directory.joinpath("journal").unlink(missing_ok=True)
            server = self.routed_server(overloaded)
            engine = self.left_by_an_earlier_run(server, settings, route="r", complexity="low")
            steps = self.answered(engine)["routes"][0]["steps"]
            self.assertEqual([step["succeeded"] for step in steps], succeeded)
            engine.close()

    def test_what_has_lost_its_route_keeps_the_model_that_it_had(self):
        server = self.routed_server([])
        settings = {"route.r.1.model": "claude-haiku-4-5"}
        engine = self.left_by_an_earlier_run(server, settings, {}, route="r")
        stats = self.answered(engine)
        self.assertEqual([row["class"] for row in stats["estimates"]], ["claude-haiku-4-5"])
        engine.close()
