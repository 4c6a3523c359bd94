"""A program that keeps its own HTTP client gets as much through with permits as weir does by itself."""

import concurrent.futures
import json
import os
import subprocess
import time

import support
from test_goodput import DEPTH_S, LIMITS, REQUESTS_PER_MINUTE

COUNT = 300
# All alike, so that the last one takes no longer than the others.
EVEN_ANSWERS = {"first_token_s": 0.4, "output_tokens": 60, "tokens_per_s": 300}


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
        service_s = EVEN_ANSWERS["first_token_s"] + output_tokens / EVEN_ANSWERS["tokens_per_s"]
        return (passed_s + service_s) / seconds

    def both_at_once(self):
        """The goodput with permits and with requests, side by side: what makes one late on a busy
        machine makes the other late as well."""
        setting = f"limit.claude-sonnet-4.requests_per_minute={REQUESTS_PER_MINUTE}"
        for_permits = self.server(limits=LIMITS, depth_s=DEPTH_S, **EVEN_ANSWERS)
        for_requests = self.server(limits=LIMITS, depth_s=DEPTH_S, **EVEN_ANSWERS)
        self.input.unlink(missing_ok=True)
        self.output.unlink(missing_ok=True)
        self.write_prompts(COUNT)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            loop = pool.submit(self.run_permit_loop, for_permits, setting)
            run = pool.submit(self.run_weir, for_requests, "--set", setting).result()
            answers, seconds = loop.result()
        self.assertEqual([json.loads(answer)["type"] for answer in answers], ["message"] * COUNT)
        self.assert_all_succeeded(run, COUNT)
        return self.goodput(for_permits, seconds), self.goodput(for_requests, run.seconds)

    def test_the_same_goodput_as_requests(self):
        for _ in range(3):
            permits, requests = self.both_at_once()
            print(f"goodput with permits {permits:.3f}, with requests {requests:.3f}")
            if support.SANITIZER != "none" or permits >= max(requests - 0.01, 0.97):
                return
        # A loop that loses goodput does so each time.
        self.assertGreaterEqual(permits, requests - 0.01)
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
