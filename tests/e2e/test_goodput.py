"""The limits are used to the full, and not overrun."""

import support

COUNT = 400
REQUESTS_PER_MINUTE = 600
DEPTH_S = 5
LIMITS = {"requests_per_minute": REQUESTS_PER_MINUTE, "input_tokens_per_minute": 400_000,
          "output_tokens_per_minute": 400_000}
ANSWERS = {"first_token_s": {"median": 0.4, "sigma": 0.2},
           "output_tokens": {"median": 60, "sigma": 0.5}, "tokens_per_s": 300}


class Goodput(support.EndToEnd):
    seconds = 40

    def check(self, *arguments):
        server = self.server(limits=LIMITS, depth_s=DEPTH_S, **ANSWERS)
        self.write_prompts(COUNT)
        run = self.run_weir(server, *arguments)
        self.assert_all_succeeded(run, COUNT)

        seen = server.report()["total"]
        passed_s = (COUNT - REQUESTS_PER_MINUTE / 60 * DEPTH_S) / (REQUESTS_PER_MINUTE / 60)
        output_tokens = seen["output_tokens"] / seen["completed"]
        service_s = ANSWERS["first_token_s"]["median"] + output_tokens / ANSWERS["tokens_per_s"]
        goodput = (passed_s + service_s) / run.seconds
        waste = sum(seen["refused"].values()) / seen["accepted"]
        print(f"goodput {goodput:.3f}, 429s {waste:.4f} of the accepted: {' '.join(arguments)}")
        if support.SANITIZER == "none":
            self.assertGreaterEqual(goodput, 0.97, run.said)
        self.assertLessEqual(waste, 0.02, run.said)

    def test_limits_configured(self):
        self.check("--set", f"limit.claude-sonnet-4.requests_per_minute={REQUESTS_PER_MINUTE}")

    def test_nothing_configured_but_the_key(self):
        self.check()
