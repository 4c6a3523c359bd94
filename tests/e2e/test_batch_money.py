"""What batches cost and save, and that an answer is charged once however often it is delivered."""

import random
import sqlite3
import time
import unittest

import support
from library import DONE, Engine

LIMITS = {"limits": {"requests_per_minute": 600}, "first_token_s": 0.1, "output_tokens": 10,
          "tokens_per_s": 0}
INPUT_PRICE, OUTPUT_PRICE = 3, 15  # of support.MODEL, in millionths of a dollar a token


def batch_price(results):
    """What results of support.MODEL cost at half the price, in millionths of a dollar."""
    usages = [result["message"]["usage"] for result in results]
    return sum(-(-(usage["input_tokens"] * INPUT_PRICE + usage["output_tokens"] * OUTPUT_PRICE)
                 // 2) for usage in usages)


class BatchMoneyOfRuns(support.EndToEnd):
    seconds = 40

    def batch_server(self, behaviour):
        return self.server(limits=LIMITS["limits"], arguments=["--batch", behaviour])

    def test_what_is_killed_while_it_reads_results_charges_each_answer_once(self):
        count = 3000
        server = self.batch_server("ends_s=0.5,expired=0.05,not_found_s=0.2,cut_downloads=3")
        journal = self.directory / "journal"
        self.write_prompts(count)
        moments = random.Random(11)
        arguments = ["--lane", "batch", "--resume", "--journal", journal,
                     "--set", f"batch.max_age_ms={100 * support.SLOWNESS}",
                     "--set", "batch.poll_min_ms=200", "--set", "batch.visibility_ms=2000",
                     "--set", "batch.max_attempts=10", "--set", "batch.max_requests=500",
                     "--set", "spend.per_day=1000"]
        for _ in range(12):
            process = self.start(server, *arguments)
            written = self.output.stat().st_size if self.output.exists() else 0
            support.wait_until(lambda: process.poll() is not None or self.output.exists()
                               and self.output.stat().st_size > written)
            time.sleep(moments.uniform(0, 0.03) * support.SLOWNESS)
            support.end(process)
        self.assert_all_succeeded(self.run_weir(server, *arguments), count)
        with sqlite3.connect(journal) as kept:
            days = kept.execute("SELECT spend FROM day_use WHERE scope = 'all'").fetchall()
        self.assertEqual(days, [(batch_price(self.results().values()),)])

    def test_the_report_says_what_was_paid_and_saved(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(20)
        quick = ["--set", f"batch.max_age_ms={200 * support.SLOWNESS}",
                 "--set", "batch.poll_min_ms=200"]
        run = self.run_weir(server, "--lane", "auto", *quick)
        self.assert_all_succeeded(run, 20)
        price = f"{batch_price(self.results().values()) / 1e6:.4f}"
        self.assertRegex(run.said, rf"over batches: 20 results, .*; \${price}, .* less than online")
        self.assertIn("lane auto has saved $0.", run.said)
        self.input.unlink()
        self.output.unlink()
        self.write_prompts(3)
        self.write_prompts(2, first=3, model="model-without-a-price")
        run = self.run_weir(server, "--lane", "batch", *quick)
        self.assert_all_succeeded(run, 5)
        self.assertRegex(run.said, "less than online; the price of 2 results is not known")
        self.assertNotIn("lane auto", run.said)


@unittest.skipUnless(support.SANITIZER == "none", "the library needs its sanitizer in the program")
class BatchMoney(support.EndToEnd):
    seconds = 20

    def engine(self, server, **settings):
        return Engine(**{"account.main.key": support.KEY, "transport.base_url": server.url,
                         "journal.path": self.directory / "journal",
                         "batch.poll_min_ms": 200, "batch.max_age_ms": 100, **settings})

    def body(self, number, **params):
        return {**support.prompt(number)["params"], **params}

    def budgets(self, engine):
        return {row["scope"]: row["spend_micros"] for row in engine.stats()["day"]["budgets"]}

    def test_an_answer_that_is_delivered_again_is_not_charged_again(self):
        server = self.server(**LIMITS, arguments=["--batch", "ends_s=1"])
        settings = {"spend.per_day": 100, "account.main.spend_per_day": 100,
                    "tenant.t.spend_per_day": 100}
        engine = self.engine(server, **settings)
        tickets = [engine.submit(self.body(0), tenant="t"), engine.submit(self.body(1))]
        engine.until(lambda: set(tickets) <= set(engine.terminals))
        used = self.budgets(engine)
        self.assertEqual(used["all"], engine.list()["cost_micros"])
        self.assertLess(0, used["tenant.t"])
        self.assertLess(used["tenant.t"], used["all"])
        batch = engine.list()["batches"][0]
        self.assertEqual((batch["cost_micros"], batch["priced_results"]), (used["all"], 2))
        engine.call("weir_batch_acknowledge", tickets[1])
        engine.close()
        # The one that was not acknowledged comes again, with its price, and is in the use already.
        engine = self.engine(server, **settings)
        engine.until(lambda: len(engine.terminals) == 1)
        self.assertEqual({end[0] for end in engine.terminals.values()}, {DONE})
        self.assertEqual(self.budgets(engine), used)
        self.assertEqual(engine.list()["priced_results"], 0)
        batch = engine.list()["batches"][0]
        self.assertEqual((batch["cost_micros"], batch["priced_results"]), (used["all"], 2))
        engine.close()

    def test_a_tenants_answers_of_an_earlier_run_are_charged_to_it(self):
        server = self.server(**LIMITS, arguments=["--batch", f"ends_s={3 * support.SLOWNESS}"])
        engine = self.engine(server, **{"tenant.t.spend_per_day": 100})
        ticket = engine.submit(self.body(0), tenant="t", lane="auto")
        engine.until(lambda: ticket in engine.durable and engine.list()["batches"]
                     and engine.list()["batches"][0]["id"])
        engine.close()
        engine = self.engine(server, **{"tenant.t.spend_per_day": 100})
        engine.until(lambda: any(end[0] == DONE for end in engine.terminals.values()))
        self.assertGreater(self.budgets(engine)["tenant.t"], 0)
        self.assertEqual(self.budgets(engine)["tenant.t"], engine.list()["cost_micros"])
        self.assertEqual(engine.list()["auto_saved_micros"], engine.list()["saved_micros"])
        engine.close()

    def test_a_late_result_is_paid_by_its_tenant_in_whatever_run_it_comes(self):
        server = self.server(**LIMITS, arguments=["--batch", f"ends_s={3 * support.SLOWNESS}"])
        settings = {"spend.per_day": 100, "tenant.t.spend_per_day": 100}
        engine = self.engine(server, **settings)
        first = engine.submit(self.body(0), tenant="t")
        engine.submit(self.body(1))
        engine.until(lambda: engine.list()["batches"] and engine.list()["batches"][0]["id"])
        engine.call("weir_cancel", first)
        engine.until(lambda: first in engine.terminals)
        engine.close()
        engine = self.engine(server, **settings)
        engine.until(lambda: engine.list()["dropped_results"] == 1
                     and any(end[0] == DONE for end in engine.terminals.values()))
        used = self.budgets(engine)
        self.assertEqual(used["all"], engine.list()["cost_micros"])
        self.assertTrue(0 < used["tenant.t"] < used["all"], used)
        engine.close()
        engine = self.engine(server, **settings)  # the other was not acknowledged
        engine.until(lambda: any(end[0] == DONE for end in engine.terminals.values()))
        self.assertEqual((self.budgets(engine), engine.list()["dropped_results"]), (used, 0))
        engine.close()

    def test_a_price_that_is_not_known_is_not_nothing(self):
        server = self.server(**LIMITS, arguments=["--batch", "ends_s=1"])
        engine = self.engine(server, **{"spend.per_day": 100})
        ticket = engine.submit(self.body(0, model="model-without-a-price"))
        engine.until(lambda: ticket in engine.terminals)
        batch = engine.list()["batches"][0]
        self.assertEqual((batch["cost_micros"], batch["saved_micros"]), (-1, -1))
        self.assertEqual((batch["priced_results"], batch["unpriced_results"]), (0, 1))
        self.assertEqual(engine.list()["cost_micros"], -1)
        self.assertEqual(engine.list()["unpriced_results"], 1)
        self.assertEqual(engine.stats()["day"]["unpriced"], 1)
        self.assertEqual(self.budgets(engine)["all"], 0)
        engine.close()

    def test_a_late_result_that_nobody_waits_for_is_paid_all_the_same(self):
        server = self.server(**LIMITS, arguments=["--batch", "ends_s=2"])
        engine = self.engine(server, **{"spend.per_day": 100})
        first, second = (engine.submit(self.body(number)) for number in range(2))
        engine.until(lambda: engine.list()["batches"] and engine.list()["batches"][0]["id"])
        engine.call("weir_cancel", first)
        engine.until(lambda: engine.list()["dropped_results"] == 1 and second in engine.terminals)
        self.assertEqual(engine.list()["priced_results"], 2)
        self.assertEqual(self.budgets(engine)["all"], engine.list()["cost_micros"])
        engine.close()
