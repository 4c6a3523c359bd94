"""Ctrl-C: once finishes, twice cancels; the output is whole either way."""

import signal
import time

import support

SLOW = {"limits": {"requests_per_minute": 600}, "depth_s": 2, "first_token_s": 1.5,
        "output_tokens": 20, "tokens_per_s": 400}
COUNT = 1000


class Interrupt(support.EndToEnd):
    seconds = 20

    def start_and_wait(self):
        server = self.server(**SLOW)
        self.write_prompts(COUNT)
        process = self.start(server)
        support.wait_until(lambda: support.line_count(self.output) >= 5)
        return process

    def test_once_finishes_what_was_taken_in(self):
        process = self.start_and_wait()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, said)
        results = self.results()
        self.assertEqual({result["type"] for result in results.values()}, {"succeeded"})
        self.assertTrue(5 < len(results) < COUNT / 2, len(results))
        self.assertIn("interrupted", said)

    def test_twice_cancels(self):
        process = self.start_and_wait()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        sent_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - sent_at, 1.0 * support.SLOWNESS)
        self.assertEqual(process.returncode, 130, said)
        kinds = [result["type"] for result in self.results().values()]
        self.assertGreater(kinds.count("canceled"), 0)
        self.assertEqual(set(kinds), {"succeeded", "canceled"})

    def test_terminate_is_as_interrupt(self):
        process = self.start_and_wait()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
