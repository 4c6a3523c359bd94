"""The small example programs do what they say."""

import json
import os
import subprocess

import support

ANSWERS = {"limits": {"requests_per_minute": 600}, "first_token_s": 0.1, "output_tokens": 30,
           "tokens_per_s": 300}


PROGRAMS = ("blocking_loop", "epoll_loop", "dispatch_callbacks", "streaming", "permit_loop")
READS_BODIES = ("epoll_loop", "permit_loop")
NOBODY = "http://127.0.0.1:9"


def bodies(count):
    return "".join(json.dumps(support.prompt(number)["params"]) + "\n" for number in range(count))


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
        lines = self.run_example("epoll_loop", input=bodies(5)).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 5)

    def test_permit_loop(self):
        lines = self.run_example("permit_loop", input=bodies(5)).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 5)

    def test_dispatch_callbacks(self):
        output = self.run_example("dispatch_callbacks")
        self.assertEqual(output.count("output tokens"), 4)
        self.assertIn("Peru", output)

    def test_streaming(self):
        output = self.run_example("streaming")
        self.assertRegex(output, r"(?s)\w+ .*\n\(\d+ output tokens\)\n$")

    def test_epoll_loop_reads_a_file(self):
        self.input.write_text(bodies(5))
        with self.input.open() as file:
            lines = self.run_example("epoll_loop", stdin=file).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 5)

    def test_epoll_loop_reads_a_terminal(self):
        keyboard, terminal = os.openpty()
        self.addCleanup(os.close, keyboard)
        self.addCleanup(os.close, terminal)
        os.write(keyboard, bodies(2).encode() + b"\x04")  # Ctrl-D on an empty line is the end
        lines = self.run_example("epoll_loop", stdin=terminal).splitlines()
        self.assertEqual([json.loads(line)["type"] for line in lines], ["message"] * 2)


class Failures(support.EndToEnd):
    """Each program ends with status 1 and says why."""

    seconds = 60  # the deadline in the programs

    def start(self, name, url, key):
        environment = {**os.environ, "ANTHROPIC_API_KEY": key}
        if not key:
            del environment["ANTHROPIC_API_KEY"]
        settings = ["request.deadline_ms=5000"] if name == "permit_loop" else []
        process = subprocess.Popen([support.BUILD / "examples" / name, url, *settings],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment)
        process.stdin.write(bodies(1) if name in READS_BODIES else "")
        process.stdin.close()
        process.stdin = None
        return process

    def check(self, url, key, words, timeout_s=30):
        started = [(name, self.start(name, url, key)) for name in PROGRAMS]
        for name, process in started:
            with self.subTest(program=name):
                said = process.communicate(timeout=timeout_s)
                self.assertEqual(process.returncode, 1, said)
                self.assertIn(words, "".join(said))

    def test_a_wrong_key(self):
        self.check(self.server(**ANSWERS).url, "wrong", "x-api-key")

    def test_no_key(self):
        self.check(NOBODY, "", "ANTHROPIC_API_KEY")

    def test_nobody_there(self):
        self.check(NOBODY, support.KEY, "onnect", timeout_s=100)
