"""What the end-to-end tests share: a model server, and runs of the program weir against it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request

BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", "build")).resolve()
WEIR = BUILD / "examples" / "weir"
MODEL_SERVER = (os.environ.get("WEIR_MODEL_SERVER")
                or BUILD / "tests" / "server" / "weir-model-server")
SANITIZER = os.environ.get("WEIR_SANITIZER", "none")
# A sanitizer slows the program down: bounds in time are stretched by this, and speed is not judged.
SLOWNESS = 1 if SANITIZER == "none" else 4
KEY = "test-key"
MODEL = "claude-sonnet-4-5"


class ModelServer:
    """The model of the API on a port of its own, with one account, and one class by default."""

    def __init__(self, directory, limits=None, faults=(), arguments=(), keys=(KEY,),
                 classes=None, accounts=None, **model_class):
        config = {
            "classes": classes or [{"name": "claude", "limits": limits, **model_class}],
            "accounts": accounts or [{"name": "main", "keys": list(keys)}],
            "faults": list(faults),
        }
        self.config = directory / "server.json"
        self.config.write_text(json.dumps(config))
        self.process = subprocess.Popen(
            [MODEL_SERVER, "--config", self.config, "--port", "0", *arguments],
            stdout=subprocess.PIPE, text=True)
        self.url = self._read_url()

    def _read_url(self):
        for line in self.process.stdout:
            if found := re.search(r"listening on (\S+)", line):
                return found[1]
        raise RuntimeError("the model server did not start")

    def report(self):
        with urllib.request.urlopen(self.url + "/model/report", timeout=10) as response:
            return json.load(response)

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=10)


class Run:
    """A run of weir that has ended: its exit status, what it said, and how long it took."""

    def __init__(self, process, seconds, output):
        self.status = process.returncode
        self.said = output
        self.seconds = seconds


class EndToEnd(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="weir-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.input = self.directory / "in.jsonl"
        self.output = self.directory / "out.jsonl"

    def server(self, **settings):
        server = ModelServer(self.directory, **settings)
        self.addCleanup(server.stop)
        return server

    def write_prompts(self, count, first=0, **params):
        with self.input.open("a") as file:
            for number in range(first, first + count):
                file.write(json.dumps(prompt(number, **params)) + "\n")

    def start(self, server, *arguments, output=None, env=None, **popen):
        """Starts weir with the key in its environment, and what `env` adds."""
        command = [WEIR, "run", self.input, "-o", output or self.output,
                   "--base-url", server.url if server else "http://127.0.0.1:9", *arguments]
        environment = {**os.environ, "ANTHROPIC_API_KEY": KEY, **(env or {})}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment,
                                   **popen)
        self.addCleanup(end, process)
        return process

    def run_weir(self, server, *arguments, timeout=150, **popen):
        started = time.monotonic()
        process = self.start(server, *arguments, **popen)
        _, said = process.communicate(timeout=timeout)
        return Run(process, time.monotonic() - started, said)

    def results(self):
        """The results by custom_id; fails if a line is not whole, or an id is there twice."""
        results = {}
        text = self.output.read_text()
        self.assertTrue(text == "" or text.endswith("\n"), "the last line is torn")
        for line in text.splitlines():
            result = json.loads(line)
            self.assertNotIn(result["custom_id"], results)
            results[result["custom_id"]] = result["result"]
        return results

    def assert_all_succeeded(self, run, count):
        self.assertEqual(run.status, 0, run.said)
        results = self.results()
        self.assertEqual(set(results), {prompt_id(number) for number in range(count)})
        self.assertEqual({result["type"] for result in results.values()}, {"succeeded"})
        for result in results.values():
            self.assertEqual(result["message"]["type"], "message")


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stderr:
        process.stderr.close()


def batches_seen(server):
    """What the model server's batch endpoints have seen; `ours` leaves foreign batches out."""
    with urllib.request.urlopen(server.url + "/model/batches", timeout=10) as response:
        seen = json.load(response)
    seen["ours"] = [batch for batch in seen["batches"] if not batch["foreign"]]
    return seen


def prompt_id(number):
    return f"prompt-{number}"


def prompt(number, **params):
    content = f"Question {number}: " + "what does a weir do to a river? " * (number % 7 + 1)
    return {"custom_id": prompt_id(number),
            "params": {"model": MODEL, "max_tokens": 256,
                       "messages": [{"role": "user", "content": content}], **params}}


def wait_until(condition, timeout=60):
    """Waits for something that another process does."""
    give_up_at = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > give_up_at:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)


def line_count(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0
