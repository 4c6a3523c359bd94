"""The command line, bad lines, files that cannot be used, and the plan."""

import http.server
import json
import os
import subprocess
import threading
import unittest

import support

QUICK = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.1, "output_tokens": 10,
         "tokens_per_s": 0}


class OneAnswer(http.server.HTTPServer):
    """Gives one answer, and keeps the headers and the body that it answers."""

    def __init__(self, message):
        self.message = message.encode()
        self.body = None
        self.headers = None
        super().__init__(("127.0.0.1", 0), OneAnswer.Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.headers = self.headers
            self.server.body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(self.server.message)))
            self.end_headers()
            self.wfile.write(self.server.message)

        def log_message(self, *arguments):
            pass


def weir(*arguments, **popen):
    return subprocess.run([support.WEIR, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "ANTHROPIC_API_KEY": support.KEY}, **popen)


class CommandLine(support.EndToEnd):
    def test_wrong_usage(self):
        for arguments in ([], ["walk", "in"], ["run"], ["run", "in"], ["run", "a", "b", "-o", "c"],
                          ["run", "in", "-o", "out", "--priority", "urgent"],
                          ["run", "in", "-o", "out", "--deadline", "soon"],
                          ["run", "in", "-o", "out", "--set", "key"],
                          ["run", "in", "-o", "-", "--resume"], ["--nonsense"]):
            ended = weir(*arguments)
            self.assertEqual(ended.returncode, 2, arguments)
            self.assertRegex(ended.stderr, r"^weir: .*\nTry 'weir --help'.\n$")

    def test_help_and_version(self):
        for option in ("--help", "--version", "-h"):
            ended = weir(option)
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("130 interrupted", weir("--help").stdout)
        self.assertIn("weir/", weir("--version").stdout)

    def test_wrong_configuration(self):
        self.write_prompts(1)
        config = self.directory / "config.json"
        config.write_text('{"queue": {"max_request": 3}}')
        for arguments, said in ((["--set", "queue.max_requests=none"], "queue.max_requests"),
                                (["--set", "queue.nothing=1"], "queue.nothing"),
                                (["--config", config], "queue.max_request"),
                                (["--config", "/nowhere.json"], "No such file"),
                                (["--key-env", "WEIR_NO_SUCH_KEY"], "WEIR_NO_SUCH_KEY")):
            ended = weir("run", self.input, "-o", self.output, *arguments)
            self.assertEqual(ended.returncode, 3, ended.stderr)
            self.assertIn(said, ended.stderr)
            self.assertNotIn(support.KEY, ended.stderr)
        self.assertFalse(self.output.exists())

    def test_the_configuration_file_has_the_account(self):
        server = self.server(**QUICK)
        self.write_prompts(3)
        config = self.directory / "config.json"
        config.write_text(json.dumps({"account": {"main": {"key": support.KEY}}}))
        ended = weir("run", self.input, "-o", self.output, "--config", config, "--base-url",
                     server.url, "--priority", "high", "--max-in-flight", "2")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertLessEqual(server.report()["total"]["peak_running"], 2)


class Files(support.EndToEnd):
    def test_files_that_cannot_be_used(self):
        self.write_prompts(1)
        for arguments in (["/nowhere/in", "-o", self.output], [self.input, "-o", "/nowhere/out"],
                          [self.directory, "-o", self.output]):
            ended = weir("run", *arguments)
            self.assertEqual(ended.returncode, 3, ended.stderr)
            self.assertIn("cannot", ended.stderr)

    def test_a_full_disk(self):
        server = self.server(**QUICK)
        self.write_prompts(50)
        ended = weir("run", self.input, "-o", "/dev/full", "--base-url", server.url)
        self.assertEqual(ended.returncode, 3, ended.stderr)
        self.assertIn("No space left", ended.stderr)

    def test_a_file_that_may_grow_no_more_ends_whole(self):
        server = self.server(**QUICK)
        self.write_prompts(50)
        run = self.run_weir(server, preexec_fn=limit_file_size)
        self.assertEqual(run.status, 3, run.said)
        self.assertGreater(len(self.results()), 0)
        self.assert_all_succeeded(self.run_weir(server, "--resume"), 50)

    def test_standard_input_and_output(self):
        server = self.server(**QUICK)
        lines = "".join(json.dumps(support.prompt(number)) + "\n" for number in range(20))
        ended = weir("run", "-", "-o", "-", "-q", "--base-url", server.url, input=lines)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual({json.loads(line)["custom_id"] for line in ended.stdout.splitlines()},
                         {support.prompt_id(number) for number in range(20)})

    def test_answers_come_while_the_input_is_open(self):
        server = self.server(**QUICK)
        process = subprocess.Popen(
            [support.WEIR, "run", "-", "-o", self.output, "--base-url", server.url],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "ANTHROPIC_API_KEY": support.KEY})
        self.addCleanup(support.end, process)
        for number in range(3):
            process.stdin.write(json.dumps(support.prompt(number)) + "\n")
            process.stdin.flush()
            support.wait_until(lambda: support.line_count(self.output) == number + 1)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=10), 0)


class Lines(support.EndToEnd):
    def test_bad_lines_are_reported_and_the_rest_goes_on(self):
        server = self.server(**QUICK)
        good = json.dumps(support.prompt(0))
        bad = [
            "not json",
            '{"custom_id": "open", "params": {"model": "m"}',
            good,  # a custom_id that was there before
            '{"params": {"model": "m", "max_tokens": 1, "messages": []}}',
            '{"custom_id": "", "params": {}}',
            '{"custom_id": "no-params"}',
            '{"custom_id": "list", "params": []}',
            '{"custom_id": "no-model", "params": {"max_tokens": 1}}',
            '{"custom_id": "surrogate", "params": {"model": "m", "max_tokens": 1, "messages":'
            ' [{"role": "user", "content": "\\ud83d"}]}}',
        ]
        self.input.write_text("\n".join([good, "", *bad, json.dumps(support.prompt(1))]))
        run = self.run_weir(server)
        self.assertEqual(run.status, 1, run.said)
        for number in range(3, 3 + len(bad)):
            self.assertIn(f"weir: line {number}: ", run.said)
        results = self.results()
        self.assertEqual({custom_id for custom_id, result in results.items()
                          if result["type"] == "errored"},
                         {"no-params", "list", "no-model", "surrogate"})
        self.assertEqual({custom_id for custom_id, result in results.items()
                          if result["type"] == "succeeded"}, {"prompt-0", "prompt-1"})
        self.assertEqual(server.report()["total"]["requests"], 2)

    def test_params_and_message_stay_as_they_are(self):
        """Byte for byte; only line ends between the message's tokens become spaces."""
        params = ('{"max_tokens" : 100,"model":"m", "messages":[{"role":"user","content":"\\u00e9 é"}],'
                  '"x":123456789012345678901234567890}')
        message = ('{\r\n "type": "message", "id": "msg_1", "role": "assistant", "model": "m",\n'
                   ' "content": [{"type": "text", "text": "\\u00e9 é\\n"}], "stop_reason": "end_turn",'
                   ' "usage": {"input_tokens": 1, "output_tokens": 1}, "y": 1.50e1}\n')
        server = OneAnswer(message)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.handle_request, daemon=True).start()
        custom_id = 'quote " and \\ and é and 🌊'
        self.input.write_text(f'{{"custom_id": {json.dumps(custom_id)}, "params": {params}}}\n')
        run = self.run_weir(server, "--no-stream")
        self.assertEqual(run.status, 0, run.said)
        self.assertEqual(server.body.decode(), params)
        self.assertEqual(list(self.results()), [custom_id])
        self.assertIn('"message":' + message.replace("\r", " ").replace("\n", " ") + "}}\n",
                      self.output.read_text())

    def test_long_lines(self):
        """Longer than a read of the input; and longer than any request may be."""
        server = self.server(**QUICK)
        content = [{"role": "user", "content": "a river " * 100_000}]
        self.write_prompts(1, messages=content)
        with self.input.open("a") as file:
            file.write('{"custom_id": "too-long", "params": "' + "x" * (65 << 20) + '"}\n')
        self.write_prompts(1, first=1, messages=content)
        run = self.run_weir(server)
        self.assertEqual(run.status, 1, run.said)
        self.assertIn("line 2: it is longer than 64 MiB", run.said)
        self.assertEqual({result["type"] for result in self.results().values()}, {"succeeded"})
        self.assertEqual(len(self.results()), 2)

    @unittest.skipIf(support.SANITIZER != "none", "a sanitizer takes memory of its own")
    def test_memory_does_not_grow_with_the_input(self):
        server = self.server(limits={"requests_per_minute": 600}, first_token_s=0.2)
        content = [{"role": "user", "content": "a river " * 1000}]
        self.write_prompts(20_000, messages=content)
        self.assertGreater(self.input.stat().st_size, 150 << 20)
        process = self.start(server)
        support.wait_until(lambda: support.line_count(self.output) >= 5)
        with open(f"/proc/{process.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.assertLess(peak, 64 << 10)

    def test_a_deadline_ends_the_run_with_expired_results(self):
        server = self.server(limits={"requests_per_minute": 60}, depth_s=2, first_token_s=0.2,
                             output_tokens=10)
        self.write_prompts(100)
        run = self.run_weir(server, "--deadline", "2s")
        self.assertEqual(run.status, 1, run.said)
        self.assertLess(run.seconds, 4)
        kinds = [result["type"] for result in self.results().values()]
        self.assertEqual(len(kinds), 100)
        self.assertEqual(set(kinds), {"succeeded", "expired"})


class Plan(support.EndToEnd):
    def plan(self, *arguments):
        return weir("run", self.input, "--plan", *arguments)

    def test_time_under_the_limits(self):
        self.write_prompts(100)
        ended = self.plan("--set", "limit.claude-sonnet-4.requests_per_minute=50",
                          "--set", "limit.claude-sonnet-4.output_tokens_per_minute=6400")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("25,600 at most", ended.stdout)
        self.assertIn("Time under these limits: about 2m 00s.", ended.stdout)
        self.assertIn("as long as its max_tokens: 4m 00s.", ended.stdout)
        self.assertFalse(self.output.exists())

    def test_without_limits(self):
        self.write_prompts(3)
        ended = self.plan()
        self.assertEqual(ended.returncode, 0)
        self.assertIn("No limit is configured", ended.stdout)

    def test_what_is_left_with_resume(self):
        self.write_prompts(10)
        done = json.dumps({"custom_id": support.prompt_id(3),
                           "result": {"type": "succeeded", "message": {}}})
        self.output.write_text(done + "\ntorn")
        ended = self.plan("-o", self.output, "--resume")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertRegex(ended.stdout, rf"{support.MODEL} +9 ")
        self.assertEqual(self.output.read_text(), done + "\ntorn")


def limit_file_size():
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
