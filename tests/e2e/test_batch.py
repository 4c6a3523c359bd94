"""Runs over the batch lane: every result once, no batch twice, whatever goes wrong on the way."""

import random

import support

LIMITS = {"limits": {"requests_per_minute": 600}}
FAULTY = ("ends_s=1,errored=0.02,expired=0.03,overloaded_every=7,lost_creations=1,cut_downloads=1,"
          "cut_at=0.6,not_found_s=2,foreign=1")
QUICK = ["--lane", "batch", "--set", f"batch.max_age_ms={200 * support.SLOWNESS}", "--set", "batch.poll_min_ms=200",
         "--set", "batch.visibility_ms=2000", "--set", "batch.max_attempts=10"]


class Batch(support.EndToEnd):
    seconds = 60

    def batch_server(self, behaviour):
        return self.server(**LIMITS, arguments=["--batch", behaviour])

    def seen(self, server):
        return support.batches_seen(server)

    def assert_each_once(self, server, count):
        seen = self.seen(server)
        self.assertEqual(seen["answered"], count)
        self.assertEqual(seen["answered_more_than_once"], 0)
        return seen

    def test_batches_that_fail_in_every_way(self):
        count = 5000
        server = self.batch_server(FAULTY)
        self.write_prompts(count)
        run = self.run_weir(server, *QUICK, "--set", "batch.max_requests=2500")
        self.assert_all_succeeded(run, count)
        seen = self.assert_each_once(server, count)
        # Two for the job, and few for what expired or errored in them.
        self.assertEqual([batch["requests"] for batch in seen["ours"]][:2], [2500, 2500])
        self.assertLess(len(seen["ours"]), 12, seen["ours"])

    def test_killed_at_random_moments(self):
        count = 1000
        server = self.batch_server("ends_s=1,errored=0.02,expired=0.03,not_found_s=0.2,foreign=1")
        self.write_prompts(count)
        moments = random.Random(3)
        arguments = [*QUICK, "--set", "batch.max_requests=50", "--resume"]
        kills = 0
        while kills < 50:
            process = self.start(server, *arguments)
            try:
                process.wait(timeout=moments.uniform(0.01, 0.6))
                self.write_prompts(500, first=count)  # it has got through: there is more to do
                count += 500
            except support.subprocess.TimeoutExpired:
                support.end(process)
                kills += 1
        self.assert_all_succeeded(self.run_weir(server, *arguments), count)
        self.assert_each_once(server, count)

    def test_stopped_and_gone_on_with(self):
        count = 50
        server = self.batch_server("ends_s=4")
        self.write_prompts(count)
        first = self.start(server, *QUICK)
        support.wait_until(lambda: self.seen(server)["creations"] == 1)
        first.send_signal(support.signal.SIGINT)
        _, said = first.communicate(timeout=20)
        self.assertEqual(first.returncode, 130, said)
        self.assertEqual(self.results(), {})
        self.assert_all_succeeded(self.run_weir(server, *QUICK, "--resume"), count)
        self.assertEqual(len(self.assert_each_once(server, count)["ours"]), 1)

    def test_a_journal_that_is_in_use_is_said(self):
        server = self.batch_server("ends_s=30")
        self.write_prompts(2)
        journal = self.directory / "shared.journal"
        first = self.start(server, *QUICK, "--set", f"journal.path={journal}")
        support.wait_until(journal.exists)
        support.wait_until(lambda: self.seen(server)["creations"] == 1)
        second = self.run_weir(server, *QUICK, "--set", f"journal.path={journal}",
                               output=self.directory / "other.jsonl")
        self.assertEqual(second.status, 3, second.said)
        self.assertIn(f"{journal} is in use", second.said)
        support.end(first)
