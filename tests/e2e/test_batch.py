"""Runs over the batch lane: every result once, no batch twice, whatever goes wrong on the way."""

import os
import pty
import random
import resource
import subprocess
import time
import unittest

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
        run = self.run_weir(server, *QUICK, "--set", "batch.max_requests=2500",
                            "--set", f"batch.max_age_ms={3000 * support.SLOWNESS}")
        self.assert_all_succeeded(run, count)
        seen = self.assert_each_once(server, count)
        self.assertEqual((seen["lost_creations"], seen["cut_downloads"]), (1, 1))
        self.assertGreaterEqual(seen["overloaded"], seen["calls"] // 7)
        self.assertGreater(seen["unanswered"], count * 0.03)
        # Two for the job, and few for what expired or errored in them, and for nothing else.
        sizes = [batch["requests"] for batch in seen["ours"]]
        self.assertEqual(sizes[:2], [2500, 2500])
        self.assertLess(len(sizes), 12, sizes)
        self.assertEqual(sum(sizes), count + seen["unanswered"])
        self.assertEqual(seen["creations"], len(sizes))

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
        arguments = [*QUICK, "--journal", self.directory / "journal"]
        first = self.start(server, *arguments)
        support.wait_until(lambda: self.seen(server)["creations"] == 1)
        for file in self.directory.glob("journal*"):
            self.assertNotIn(support.KEY.encode(), file.read_bytes())
        first.send_signal(support.signal.SIGINT)
        _, said = first.communicate(timeout=20)
        self.assertEqual(first.returncode, 130, said)
        self.assertEqual(self.results(), {})
        self.assert_all_succeeded(self.run_weir(server, *arguments, "--resume"), count)
        self.assertEqual(len(self.assert_each_once(server, count)["ours"]), 1)

    def test_what_goes_round_again_does_not_wait_when_no_more_lines_come(self):
        server = self.batch_server("ends_s=0.5,expired=0.3")
        self.write_prompts(60)
        run = self.run_weir(server, "--lane", "batch", "--set", "batch.poll_min_ms=200",
                            "--set", "batch.max_attempts=20")  # batch.max_age_ms is a minute
        self.assert_all_succeeded(run, 60)
        self.assertGreater(len(self.assert_each_once(server, 60)["ours"]), 2)
        self.assertLess(run.seconds, 50 * support.SLOWNESS)

    def test_results_that_are_strange_are_said(self):
        server = self.batch_server("ends_s=1,strange_lines=3")
        self.write_prompts(10)
        run = self.run_weir(server, *QUICK)
        self.assert_all_succeeded(run, 10)
        self.assertIn("3 results with a custom_id that is not of this batch, 3 with one that was "
                      "there before; passed over", run.said)

    def test_a_terminal_is_shown_the_batches_and_their_age(self):
        server = self.batch_server(f"ends_s={4 * support.SLOWNESS}")
        self.write_prompts(30)
        terminal, its_end = pty.openpty()
        process = subprocess.Popen(
            [support.WEIR, "run", self.input, "-o", self.output, "--base-url", server.url, *QUICK,
             "--set", "batch.max_requests=15"],
            stderr=its_end, env={**os.environ, "ANTHROPIC_API_KEY": support.KEY})
        self.addCleanup(support.end, process)
        os.close(its_end)
        shown = b""
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # so a terminal says that nobody writes to it any more
                break
            if not piece:
                break
            shown += piece
        os.close(terminal)
        self.assertEqual(process.wait(timeout=60), 0)
        said = shown.decode()
        self.assertRegex(said, r"0 done of 30  2 batches on their way, oldest \d+\.\d s\r")
        self.assertNotRegex(said, r" left|\d/s")  # nobody knows when they end

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

    def test_a_full_disk_stops_the_run_and_loses_nothing(self):
        count = 1000
        server = self.batch_server("ends_s=1")
        self.write_prompts(count)
        arguments = [*QUICK, "--resume", "--journal", self.directory / "journal"]
        limit = (256 << 10, 256 << 10)  # of the journal's file
        run = self.run_weir(server, *arguments,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        self.assertEqual(run.status, 3, run.said)
        self.assertIn(f"the disk of {self.directory / 'journal'} is full", run.said)
        self.assertIn("make room", run.said)
        self.assertEqual(self.results(), {})
        self.assert_all_succeeded(self.run_weir(server, *arguments), count)
        self.assert_each_once(server, count)

    def start_lane(self, server, *arguments, lane="batch"):
        return self.start(server, *QUICK[2:], "--lane", lane, *arguments)

    def peak_of_run(self, server, *arguments):
        """The most memory that a run has had, in bytes."""
        # Meson has malloc write to all that it gives, also to what nobody uses.
        process = self.start(server, *arguments, env={"MALLOC_PERTURB_": "0"})
        peak = 0
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status") as status:
                peak = next((int(line.split()[1]) for line in status
                             if line.startswith("VmHWM")), peak)
            time.sleep(0.05)
        self.assertEqual(process.returncode, 0)
        return peak << 10

    @unittest.skipUnless(support.SANITIZER == "none", "a sanitizer has memory of its own")
    def test_results_are_read_without_being_held(self):
        count = 8000
        server = self.batch_server("ends_s=1,output_tokens=3000")
        self.write_prompts(count)
        peak = self.peak_of_run(server, *QUICK)
        self.assertEqual(support.line_count(self.output), count)
        self.assertGreater(self.output.stat().st_size, 72 << 20)
        self.assertLess(peak, 64 << 20)

    @unittest.skipUnless(support.SANITIZER == "none", "a sanitizer has memory of its own")
    def test_bodies_are_not_held_twice(self):
        count = 4000
        server = self.batch_server("ends_s=1")
        self.write_prompts(count, messages=[{"role": "user", "content": "a river " * 1500}])
        bodies = self.input.stat().st_size
        self.assertGreater(bodies, 45 << 20)
        peak = self.peak_of_run(server, "--lane", "batch", "--set", "batch.poll_min_ms=200")
        self.assertEqual(support.line_count(self.output), count)
        self.assertEqual([batch["requests"] for batch in self.seen(server)["ours"]], [count])
        self.assertLess(peak, 2 * bodies)

    def test_auto_killed_at_random_moments(self):
        server = self.batch_server("ends_s=0.5,expired=0.05")
        self.write_prompts(200)
        self.write_prompts(20, first=200, stream=True)  # these go online
        moments = random.Random(8)
        arguments = [*QUICK[2:], "--lane", "auto", "--set", "batch.max_requests=30", "--resume"]
        for _ in range(8):
            process = self.start(server, *arguments)
            try:
                process.wait(timeout=moments.uniform(0.05, 0.6) * support.SLOWNESS)
            except support.subprocess.TimeoutExpired:
                support.end(process)
        run = self.run_weir(server, *arguments)
        results = self.results()
        self.assertEqual(len(results), 220, run.said)
        for number in range(200):
            self.assertEqual(results[support.prompt_id(number)]["type"], "succeeded", run.said)
        self.assert_each_once(server, 200)

    def test_auto_takes_the_batch_lane_where_the_deadline_allows_it(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(20)
        self.write_prompts(5, first=20, stream=True)  # batches do not take these
        run = self.run_weir(server, *QUICK[2:], "--lane", "auto", "--deadline", "1h",
                            "--set", "batch.auto_deadline_ms=3000000")
        self.assert_all_succeeded_but_streams(run, 25)
        self.assertIn("at half the price, over batches: 20 results", run.said)
        self.assertEqual(self.assert_each_once(server, 20)["ours"][0]["requests"], 20)
        self.output.unlink()
        run = self.run_weir(server, *QUICK[2:], "--lane", "auto", "--deadline", "30m",
                            "--set", "batch.auto_deadline_ms=3000000")
        self.assert_all_succeeded_but_streams(run, 25)
        self.assertNotIn("at half the price", run.said)
        self.assertEqual(len(self.seen(server)["ours"]), 1)

    def assert_all_succeeded_but_streams(self, run, count):
        results = self.results()
        self.assertEqual(len(results), count, run.said)
        for number in range(20):
            self.assertEqual(results[support.prompt_id(number)]["type"], "succeeded", run.said)

    def test_what_has_no_answer_near_its_deadline_is_answered_online(self):
        server = self.batch_server("ends_s=60")
        self.write_prompts(10)
        deadline = 20 * support.SLOWNESS
        run = self.run_weir(server, *QUICK, "--deadline", f"{deadline}s",
                            "--fallback", f"{deadline - 2 * support.SLOWNESS}s")
        self.assert_all_succeeded(run, 10)
        self.assertIn("answered online, their deadline being near: 10", run.said)
        self.assertEqual(server.report()["total"]["requests"], 10)

    def test_the_deadline_ends_what_may_not_be_paid_twice(self):
        server = self.batch_server("ends_s=60")
        self.write_prompts(3)
        run = self.run_weir(server, *QUICK, "--deadline", f"{2 * support.SLOWNESS}s")
        self.assertEqual(run.status, 1, run.said)
        self.assertEqual({result["type"] for result in self.results().values()}, {"expired"})

    def test_batches_are_cancelled_or_left_when_the_engine_is_closed(self):
        for on_close, cancelled in (("leave", 0), ("cancel", 1)):
            server = self.batch_server("ends_s=60")
            self.write_prompts(5)
            process = self.start_lane(server, "--set", f"batch.on_close={on_close}", "--resume",
                                      "--journal", self.directory / on_close)
            support.wait_until(lambda: len(self.seen(server)["ours"]) == 1)
            support.wait_until(lambda: self.seen(server)["calls"] >= 3)  # its answer has come
            process.send_signal(support.signal.SIGINT)
            _, said = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, said)
            self.assertEqual(sum(batch["cancelled"] for batch in self.seen(server)["ours"]),
                             cancelled, on_close)
            self.input.unlink()

    def test_batches_are_deleted_when_their_answers_are_in_safe_hands(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(30)
        run = self.run_weir(server, *QUICK, "--set", "batch.max_requests=10",
                            "--set", "batch.delete_after=true")
        self.assert_all_succeeded(run, 30)
        run = self.run_weir(server, *QUICK, "--resume", "--set", "batch.delete_after=true")
        self.assertEqual(run.status, 0, run.said)
        deleted = [batch["deleted"] for batch in self.assert_each_once(server, 30)["ours"]]
        self.assertGreaterEqual(sum(deleted), 2, deleted)
