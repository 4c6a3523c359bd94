"""A run in which nothing can succeed ends, says why, and leaves all for --resume."""

import http.server
import json
import signal
import socket
import threading
import time

import support

QUICK = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.05}
COUNT = 60


def answers_with(status, error_type, message):
    """A server that answers every request so, and its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"type": "error", "error": {"type": error_type, "message": message}})
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # the run may end before it has read the answer
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


class Hopeless(support.EndToEnd):
    def check_left(self, run, words):
        self.assertEqual(self.results(), {}, run.said)
        self.assertIn(words, run.said)
        self.assertIn("--resume", run.said)

    def test_nobody_there(self):
        self.write_prompts(3)
        run = self.run_weir(None, "--give-up", "2s")
        self.assertEqual(run.status, 3, run.said)
        self.assertEqual(run.said.count("cannot reach 127.0.0.1:9: "), 1)
        self.check_left(run, "gave up on 127.0.0.1:9")

    def test_all_fail_alike(self):
        for status, kind in ((404, "not_found_error"), (401, "authentication_error"),
                             (403, "permission_error")):
            with self.subTest(status=status):
                server, url = answers_with(status, kind, "the sentence of the API")
                self.addCleanup(server.server_close)
                self.addCleanup(server.shutdown)
                self.input.unlink(missing_ok=True)
                self.write_prompts(COUNT)
                run = self.run_weir(None, "--base-url", url)
                self.assertEqual(run.status, 1, run.said)
                self.check_left(run, "the sentence of the API")
                self.assertLess(run.said.count("\n"), 12, run.said)

    def test_what_was_left_is_had_with_resume(self):
        self.write_prompts(3)
        self.assertEqual(self.run_weir(None, "--give-up", "1s").status, 3)
        self.assert_all_succeeded(self.run_weir(self.server(**QUICK), "--resume"), 3)

    def test_some_that_fail_are_results(self):
        self.write_prompts(3)
        self.write_prompts(3, first=3, model="no-such-model")
        run = self.run_weir(self.server(**QUICK))
        self.assertEqual(run.status, 1, run.said)
        types = [result["type"] for _, result in sorted(self.results().items())]
        self.assertEqual(types, ["succeeded"] * 3 + ["errored"] * 3)

    def test_sigterm_ends_a_run_that_waits(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.write_prompts(3)
        process = self.start(None, "--base-url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.accept()
        process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        _, said = process.communicate(timeout=30 * support.SLOWNESS)
        self.assertLess(time.monotonic() - asked_at, 10 * support.SLOWNESS, said)
        self.assertEqual(process.returncode, 130, said)

    def test_a_secret_is_not_taken_from_the_command_line(self):
        self.write_prompts(1)
        for setting in ("account.main.key=sk-ant-1", "account.a.keys.b.value=sk-ant-1",
                        "transport.proxy=http://user:sk-ant-1@proxy:1"):
            run = self.run_weir(None, "--set", setting)
            self.assertEqual(run.status, 3, run.said)
            self.assertIn("process list", run.said)
            self.assertNotIn("sk-ant-1", run.said)

    def test_no_stream(self):
        server = self.server(**QUICK)
        self.write_prompts(2)
        self.write_prompts(1, first=2, stream=True)
        run = self.run_weir(server, "--no-stream")
        self.assertEqual(run.status, 1, run.said)
        self.assertIn("--no-stream", run.said)
        self.output.unlink()
        self.assert_all_succeeded(self.run_weir(server), 3)

    def test_why_nothing_succeeds_is_on_the_progress_line(self):
        server, url = answers_with(529, "overloaded_error", "the sentence of the API")
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.write_prompts(2)
        process = self.start(None, "--base-url", url)
        time.sleep(8)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30 * support.SLOWNESS)
        self.assertIn("529 overloaded: the sentence of the API", said)
