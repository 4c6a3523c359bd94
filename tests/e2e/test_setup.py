"""What `weir` takes from its environment, its options and the first bytes of its input."""

import json
import os
import subprocess
import threading

import support
import test_program

QUICK = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.05}
MESSAGE = json.dumps({"type": "message", "id": "m", "role": "assistant", "model": "m",
                      "content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn",
                      "usage": {"input_tokens": 1, "output_tokens": 1}})


class Environment(support.EndToEnd):
    def one_answer(self):
        server = test_program.OneAnswer(MESSAGE)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.handle_request, daemon=True).start()
        return server

    def test_the_address_and_the_token(self):
        server = self.one_answer()
        self.write_prompts(1)
        environment = {**os.environ, "ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "a-token",
                       "ANTHROPIC_BASE_URL": server.url + "/v1"}
        ended = subprocess.run([support.WEIR, "run", self.input, "-o", self.output, "-v"],
                               env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(server.headers["authorization"], "Bearer a-token")
        self.assertNotIn("a-token", ended.stderr)
        self.assertIn("ANTHROPIC_BASE_URL", ended.stderr)

    def test_a_header_of_the_job(self):
        server = self.one_answer()
        self.write_prompts(1)
        run = self.run_weir(server, "--header", "X-Team: research", "--header",
                            "anthropic-beta:one")
        self.assertEqual(run.status, 0, run.said)
        self.assertEqual(server.headers["x-team"], "research")
        self.assertEqual(server.headers["anthropic-beta"], "one")
        self.output.unlink()
        refused = self.run_weir(server, "--header", "authorization:other")
        self.assertEqual(refused.status, 3, refused.said)
        self.assertIn("set by weir alone", refused.said)

    def test_a_tier_keeps_the_key_of_the_environment(self):
        server = self.server(**QUICK)
        self.write_prompts(2)
        self.assert_all_succeeded(self.run_weir(server, "--set", "account.main.tier=build"), 2)

    def test_a_route_that_is_not_there(self):
        self.write_prompts(1)
        run = self.run_weir(None, "--route", "foo")
        self.assertEqual(run.status, 3, run.said)
        self.assertIn("route.foo.1.model", run.said)
        self.assertFalse(self.output.exists())

    def test_marks_of_the_encoding(self):
        server = self.server(**QUICK)
        line = json.dumps(support.prompt(0)) + "\n"
        self.input.write_bytes(b"\xef\xbb\xbf" + line.encode())
        self.assert_all_succeeded(self.run_weir(server), 1)
        self.output.unlink()
        self.input.write_bytes((line * 3).encode("utf-16"))
        run = self.run_weir(server)
        self.assertEqual(run.status, 3, run.said)
        self.assertEqual(run.said.count("UTF-16"), 2, run.said)  # in one sentence
