"""weir batch: each step by itself, in processes of their own, stopped and taken again."""

import json
import os
import random
import re
import resource
import sqlite3
import subprocess
import time

import support

LIMITS = {"limits": {"requests_per_minute": 600}}
QUICK = ["--set", "batch.poll_min_ms=200", "--set", "batch.visibility_ms=1500",
         "--set", "batch.max_attempts=10"]


class BatchCommands(support.EndToEnd):
    seconds = 40

    def setUp(self):
        super().setUp()
        self.journal = self.directory / "journal"

    def batch_server(self, behaviour):
        return self.server(**LIMITS, arguments=["--batch", behaviour])

    def start_batch(self, server, command, *arguments, key=support.KEY):
        process = subprocess.Popen(
            [support.WEIR, "batch", command, "--journal", self.journal, *QUICK,
             "--base-url", server.url if server else "http://127.0.0.1:9",
             *(["-o", self.output] if command == "fetch" else []), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "ANTHROPIC_API_KEY": key})
        self.addCleanup(support.end, process)
        self.addCleanup(process.stdout.close)
        return process

    def batch(self, server, command, *arguments, status=0, **popen):
        process = self.start_batch(server, command, *arguments, **popen)
        out, said = process.communicate(timeout=150)
        self.assertEqual(process.returncode, status, out + said)
        return out, said

    def batches(self, server):
        return json.loads(self.batch(server, "status", "--json")[0])

    def fetch_all(self, server):
        """Waits and fetches until the journal is empty; what was said."""
        all_said = ""
        for _ in range(30):
            self.batch(server, "wait")
            process = self.start_batch(server, "fetch")
            _, said = process.communicate(timeout=150)
            self.assertIn(process.returncode, (0, 1), said)
            all_said += said
            report = self.batches(server)
            if not report["batches"] and not report["collecting"]:
                return all_said
        self.fail("it does not come to an end")

    @staticmethod
    def has_open(process, path):
        directory = f"/proc/{process.pid}/fd"
        try:
            return any(os.readlink(f"{directory}/{name}") == str(path)
                       for name in os.listdir(directory))
        except OSError:  # one was closed meanwhile
            return False

    def assert_each_once(self, server, count):
        results = self.results()
        self.assertEqual(set(results), {support.prompt_id(number) for number in range(count)})
        self.assertEqual({result["type"] for result in results.values()}, {"succeeded"})
        seen = support.batches_seen(server)
        self.assertEqual(seen["answered"], count)
        self.assertEqual(seen["answered_more_than_once"], 0)
        return seen

    def test_each_step_by_itself(self):
        count = 300
        server = self.batch_server(f"ends_s={5 * support.SLOWNESS},errored=0.05,expired=0.05,"
                                   "not_found_s=0.2,foreign=1,cut_downloads=1")
        self.write_prompts(count)
        out, said = self.batch(server, "submit", self.input, "--set", "batch.max_requests=100")
        self.assertIn("300 requests submitted", said)
        self.assertEqual(len(out.splitlines()), 4, out)
        _, said = self.batch(server, "submit", self.input)
        self.assertIn("0 requests submitted; 300 were in the journal before", said)
        out, _ = self.batch(server, "status")
        self.assertEqual(out.count("in progress"), 3, out)
        self.assertNotIn("not asked", out)
        _, said = self.batch(server, "fetch")
        self.assertIn("3 batches have not ended", said)
        self.assertEqual(self.results(), {})
        out, _ = self.batch(server, "wait")
        self.assertEqual(out.count(" ended "), 3, out)
        self.assertIn("succeeded", out)
        rows = self.batches(server)["batches"]
        self.assertEqual(sum(row["succeeded"] + row["errored"] + row["expired"] for row in rows),
                         count)
        self.assertEqual(self.results(), {})
        self.assertRegex(self.fetch_all(server), r"results: .*; \$0\.\d+, \$0\.\d+ less than online")
        self.assert_each_once(server, count)
        out, _ = self.batch(server, "status")
        self.assertEqual(out, "the journal is empty\n")

    def test_any_step_killed_at_any_moment(self):
        count = 600
        server = self.batch_server("ends_s=1,errored=0.03,expired=0.03,not_found_s=0.2,foreign=1")
        self.write_prompts(count)
        moments = random.Random(5)
        submit = ["submit", self.input, "--set", "batch.max_requests=60"]
        for _ in range(12):  # before the first fetch, which forgets what it has fetched
            process = self.start_batch(server, *submit)
            time.sleep(moments.uniform(0.01, 0.4) * support.SLOWNESS)
            support.end(process)
        self.batch(server, *submit)
        for number in range(40):
            process = self.start_batch(server, moments.choice(["fetch", "fetch", "wait", "status"]))
            try:
                process.wait(timeout=moments.uniform(0.02, 0.6) * support.SLOWNESS)
            except subprocess.TimeoutExpired:
                process.send_signal(support.signal.SIGKILL if number % 3 else
                                    support.signal.SIGINT)
                process.wait(timeout=60)
        self.fetch_all(server)
        self.assert_each_once(server, count)

    def test_cancel(self):
        server = self.batch_server("ends_s=60")
        self.write_prompts(30)
        self.batch(server, "submit", self.input, "--set", "batch.max_requests=10")
        rows = self.batches(server)["batches"]
        self.assertEqual(len(rows), 3)
        out, said = self.batch(server, "cancel", "1", rows[1]["id"], "17", status=1)
        self.assertIn("the journal has no batch 17", said)
        self.assertEqual((out.count("canceling"), out.count("in progress")), (2, 1), out)
        self.batch(server, "cancel", "--all")
        self.batch(server, "wait")
        _, said = self.batch(server, "cancel", "1")
        self.assertIn("batch 1 has ended already", said)
        self.batch(server, "fetch", status=1)
        self.assertEqual({result["type"] for result in self.results().values()}, {"canceled"})
        self.assertEqual(len(self.results()), 30)
        out, _ = self.batch(server, "status")
        self.assertEqual(out, "the journal is empty\n")

    def test_results_that_come_after_the_deadline_are_read_for_what_they_cost(self):
        server = self.batch_server(f"ends_s={4 * support.SLOWNESS}")
        self.write_prompts(5)
        self.batch(server, "submit", self.input, "--deadline", f"{3 * support.SLOWNESS}s")
        self.batch(server, "wait")
        _, said = self.batch(server, "fetch", "--set", "spend.per_day=1", status=1)
        self.assertIn("5 results: 5 expired", said)
        self.assertEqual({result["type"] for result in self.results().values()}, {"expired"})
        out, _ = self.batch(server, "status")
        self.assertEqual(out, "the journal is empty\n")
        with sqlite3.connect(self.journal) as kept:
            [(spend,)] = kept.execute("SELECT spend FROM day_use WHERE scope = 'all'").fetchall()
        self.assertGreater(spend, 0)

    def test_what_a_full_disk_does_not_take_is_not_submitted(self):
        count = 1000
        server = self.batch_server("ends_s=1")
        self.write_prompts(count)
        limit = (256 << 10, 256 << 10)  # of the journal's file
        process = subprocess.Popen(
            [support.WEIR, "batch", "submit", self.input, "--journal", self.journal, *QUICK,
             "--base-url", server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "ANTHROPIC_API_KEY": support.KEY},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        _, said = process.communicate(timeout=150)
        self.assertEqual(process.returncode, 3, said)
        self.assertIn("make room", said)
        submitted = int(re.search(r"([\d,]+) requests submitted", said)[1].replace(",", ""))
        self.assertLess(submitted, count)
        _, said = self.batch(server, "submit", self.input)
        before = re.search(r"; ([\d,]+) (?:was|were) in the journal", said)
        self.assertGreaterEqual(int(before[1].replace(",", "")) if before else 0, submitted)
        self.fetch_all(server)
        self.assert_each_once(server, count)

    def test_a_key_that_is_refused_loses_nothing(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(20)
        _, said = self.batch(server, "submit", self.input, status=1, key="wrong-key")
        self.assertIn("the API made no batch", said)
        self.assertIn("20 requests wait in the journal", said)
        self.assertNotIn("wrong-key", said)
        out, _ = self.batch(server, "status")
        self.assertIn("20 requests are in no batch yet", out)
        self.batch(server, "fetch", status=1, key="wrong-key")
        self.assertEqual(self.results(), {})
        self.fetch_all(server)
        self.assert_each_once(server, 20)

    def test_what_is_in_no_batch_can_be_given_up(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(5)
        self.batch(server, "submit", self.input, status=1, key="wrong-key")
        _, said = self.batch(server, "cancel", "--all")
        self.assertIn("5 requests were in no batch; they are given up", said)
        out, _ = self.batch(server, "status")
        self.assertEqual(out, "the journal is empty\n")
        self.assertEqual(support.batches_seen(server)["creations"], 0)

    def test_an_output_that_has_results_already(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(4)
        succeeded = {"type": "succeeded", "message": {"type": "message", "kept": True}}
        lines = [{"custom_id": "elsewhere", "result": {"type": "errored", "error": {}}},
                 {"custom_id": support.prompt_id(0), "result": succeeded},
                 {"custom_id": support.prompt_id(1), "result": {"type": "expired"}}]
        torn = '{"custom_id": "prompt-2", "result": {"type": "succ'
        self.output.write_text("\n".join([*map(json.dumps, lines), torn]))
        self.batch(server, "submit", self.input)
        self.batch(server, "wait")
        _, said = self.batch(server, "fetch")
        self.assertIn("torn last line", said)
        results = self.results()
        self.assertEqual(results.pop("elsewhere")["type"], "errored")
        self.assertTrue(results[support.prompt_id(0)]["message"]["kept"])
        self.assertEqual({result["type"] for result in results.values()}, {"succeeded"})
        self.assertEqual(len(results), 4)

    def test_what_cannot_be_used(self):
        server = self.batch_server("ends_s=60")
        self.write_prompts(2)
        for command in ("status", "wait", "fetch"):
            _, said = self.batch(server, command, status=3)
            self.assertIn(f"there is no journal {self.journal}", said)
            self.assertFalse(self.journal.exists())
        self.batch(server, "submit", self.directory / "nothing", status=3)
        self.batch(server, "submit", self.input)
        waiting = self.start_batch(server, "wait")
        support.wait_until(lambda: self.has_open(waiting, self.journal))
        time.sleep(0.3)  # it takes its lock right after
        _, said = self.batch(server, "status", status=3)
        self.assertIn(f"{self.journal} is in use", said)
        waiting.send_signal(support.signal.SIGINT)
        _, said = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 130, said)
        self.output.write_text("not a result\n")
        _, said = self.batch(server, "fetch", status=3)
        self.assertIn("is not a result", said)
        self.journal.write_text("not a journal, but something else of some length\n" * 100)
        _, said = self.batch(server, "status", status=3)
        self.assertIn(str(self.journal), said)

    def test_an_api_that_does_not_answer(self):
        server = self.batch_server("ends_s=60")
        self.write_prompts(2)
        self.batch(server, "submit", self.input)
        out, said = self.batch(None, "status", "--timeout", "1s", status=1)
        self.assertIn("(not asked)", out)
        self.assertIn("the time was not enough", said)
        _, said = self.batch(server, "wait", "--timeout", "1s", status=1)
        self.assertIn("the time was not enough", said)

    def test_bad_lines_and_lines_that_batches_do_not_take(self):
        server = self.batch_server("ends_s=1")
        self.write_prompts(2)
        self.write_prompts(1, first=2, stream=True)
        with self.input.open("a") as file:
            file.write("no request\n")
        _, said = self.batch(server, "submit", self.input, status=1)
        self.assertIn("line 4", said)
        self.assertIn("stream", said)
        self.assertIn("2 requests submitted", said)
        self.fetch_all(server)
        self.assert_each_once(server, 2)

    def test_wrong_usage(self):
        journal = ["--journal", "j"]
        for arguments in ([], ["walk"], ["submit", *journal], ["submit", "in"], ["status"],
                          ["submit", "a", "b", *journal], ["status", "in", *journal],
                          ["fetch", *journal], ["fetch", "-o", "-", *journal],
                          ["status", "-o", "out", *journal], ["wait", "--all", *journal],
                          ["cancel", *journal], ["cancel", "--all", "1", *journal],
                          ["wait", "--timeout", "soon", *journal],
                          ["wait", "--deadline", "1h", *journal],
                          ["submit", "in", "--lane", "batch", *journal]):
            ended = subprocess.run([support.WEIR, "batch", *arguments], capture_output=True,
                                   text=True, timeout=60)
            self.assertEqual(ended.returncode, 2, arguments)
            self.assertIn("Try 'weir --help'.", ended.stderr)
        ended = subprocess.run([support.WEIR, "batch", "--help"], capture_output=True, text=True,
                               timeout=60)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("no batch is ever created twice", ended.stdout.replace("\n", " "))
