"""A program that keeps its own HTTP client gets as much through with permits as weir does by itself."""

import json
import os
import subprocess
import time

import support
from test_goodput import ANSWERS, DEPTH_S, LIMITS, REQUESTS_PER_MINUTE

COUNT = 300


class Permits(support.EndToEnd):
    seconds = 60

    def run_permit_loop(self, server, *settings):
        """The answers of the prompts, and how long it took."""
        bodies = "".join(json.dumps(support.prompt(number)["params"]) + "\n"
                         for number in range(COUNT))
        started = time.monotonic()
        ended = subprocess.run([support.BUILD / "examples" / "permit_loop", server.url, *settings],
                               input=bodies, capture_output=True, text=True, timeout=150,
                               env={**os.environ, "ANTHROPIC_API_KEY": support.KEY})
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout.splitlines(), time.monotonic() - started

    def goodput(self, server, seconds):
        """Work that a perfect client would have had done in the time, as a share of one."""
        seen = server.report()["total"]
        self.assertEqual(seen["completed"], COUNT)
        self.assertLessEqual(sum(seen["refused"].values()), 0.02 * seen["accepted"])
        passed_s = (COUNT - REQUESTS_PER_MINUTE / 60 * DEPTH_S) / (REQUESTS_PER_MINUTE / 60)
        output_tokens = seen["output_tokens"] / seen["completed"]
        service_s = ANSWERS["first_token_s"]["median"] + output_tokens / ANSWERS["tokens_per_s"]
        return (passed_s + service_s) / seconds

    def test_the_same_goodput_as_requests(self):
        setting = f"limit.claude-sonnet-4.requests_per_minute={REQUESTS_PER_MINUTE}"
        server = self.server(limits=LIMITS, depth_s=DEPTH_S, **ANSWERS)
        answers, seconds = self.run_permit_loop(server, setting)
        self.assertEqual([json.loads(answer)["type"] for answer in answers], ["message"] * COUNT)
        permits = self.goodput(server, seconds)

        server = self.server(limits=LIMITS, depth_s=DEPTH_S, **ANSWERS)
        self.write_prompts(COUNT)
        run = self.run_weir(server, "--set", setting)
        self.assert_all_succeeded(run, COUNT)
        requests = self.goodput(server, run.seconds)
        print(f"goodput with permits {permits:.3f}, with requests {requests:.3f}")
        if support.SANITIZER == "none":
            # A busy machine makes either one late, so that each is held against the optimum.
            self.assertGreaterEqual(permits, 0.97)

    def test_failures_are_repeated(self):
        faults = [{"kind": "overloaded", "probability": 0.1},
                  {"kind": "reset_after_read", "probability": 0.05}]
        server = self.server(limits={"requests_per_minute": 6000}, faults=faults,
                             first_token_s=0.05, output_tokens=30, tokens_per_s=3000)
        answers, _ = self.run_permit_loop(
            server, "limit.claude-sonnet-4.requests_per_minute=6000", "retry.base_ms=20")
        self.assertEqual([json.loads(answer)["type"] for answer in answers], ["message"] * COUNT)
        self.assertGreater(server.report()["total"]["requests"], COUNT)
