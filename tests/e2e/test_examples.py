"""The small example programs do what they say."""

import json
import os
import subprocess

import support

ANSWERS = {"limits": {"requests_per_minute": 600}, "first_token_s": 0.1, "output_tokens": 30,
           "tokens_per_s": 300}


class Examples(support.EndToEnd):
    def run_example(self, name, **popen):
        server = self.server(**ANSWERS)
        ended = subprocess.run([support.BUILD / "examples" / name, server.url],
                               capture_output=True, text=True, timeout=30,
                               env={**os.environ, "ANTHROPIC_API_KEY": support.KEY}, **popen)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout

    def test_blocking_loop(self):
        lines = self.run_example("blocking_loop").splitlines()
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertEqual(json.loads(line.split(": ", 1)[1])["type"], "message")

    def test_epoll_loop(self):
        bodies = "".join(json.dumps(support.prompt(number)["params"]) + "\n" for number in range(5))
        lines = self.run_example("epoll_loop", input=bodies).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 5)

    def test_permit_loop(self):
        bodies = "".join(json.dumps(support.prompt(number)["params"]) + "\n" for number in range(5))
        lines = self.run_example("permit_loop", input=bodies).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 5)

    def test_dispatch_callbacks(self):
        output = self.run_example("dispatch_callbacks")
        self.assertEqual(output.count("output tokens"), 4)
        self.assertIn("Peru", output)

    def test_streaming(self):
        output = self.run_example("streaming")
        self.assertRegex(output, r"(?s)\w+ .*\n\(\d+ output tokens\)\n$")
