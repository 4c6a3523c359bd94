"""A run that was cut off goes on where it was."""

import json
import signal

import support

SLOW = {"limits": {"requests_per_minute": 1200}, "depth_s": 2, "first_token_s": 0.3,
        "output_tokens": 40, "tokens_per_s": 400}


class Resume(support.EndToEnd):
    seconds = 15

    def test_kill_in_the_middle(self):
        count = 200
        server = self.server(**SLOW)
        self.write_prompts(count)
        killed = self.start(server)
        support.wait_until(lambda: support.line_count(self.output) >= count // 3)
        killed.kill()
        killed.wait()
        before = support.line_count(self.output)
        self.assertLess(before, count)
        run = self.run_weir(server, "--resume")
        self.assert_all_succeeded(run, count)
        self.assertIn(f"skipped {before:>14}", run.said)

    def test_a_torn_line_is_cut_off_and_what_failed_is_tried_again(self):
        server = self.server(**SLOW)
        self.write_prompts(6)
        message = {"type": "message", "kept": True}
        kept = json.dumps({"custom_id": support.prompt_id(0),
                           "result": {"type": "succeeded", "message": message}})
        failed = [json.dumps({"custom_id": support.prompt_id(number), "result": {"type": kind}})
                  for number, kind in ((1, "errored"), (2, "canceled"), (3, "expired"))]
        torn = kept.replace(support.prompt_id(0), support.prompt_id(4))[:-9]
        self.output.write_text("\n".join([failed[0], kept, *failed[1:], torn]))
        run = self.run_weir(server, "--resume")
        self.assert_all_succeeded(run, 6)
        self.assertEqual(self.output.read_text().splitlines()[0], kept)
        self.assertIn("torn last line", run.said)
        self.assertIn("took 3 results", run.said)
        self.assertEqual(server.report()["total"]["requests"], 5)

    def test_only_a_torn_line(self):
        server = self.server(**SLOW)
        self.write_prompts(2)
        self.output.write_text('{"custom_id": "prompt-0", "result": {"type": "succ')
        self.assert_all_succeeded(self.run_weir(server, "--resume"), 2)

    def test_an_output_that_is_something_else_is_left_alone(self):
        self.write_prompts(1)
        self.output.write_text("not a result\n")
        run = self.run_weir(None, "--resume")
        self.assertEqual(run.status, 3, run.said)
        self.assertIn("line 1, is not a result", run.said)
        self.assertEqual(self.output.read_text(), "not a result\n")

    def test_results_are_not_overwritten_without_resume(self):
        self.write_prompts(1)
        self.output.write_text("{}\n")
        run = self.run_weir(None)
        self.assertEqual(run.status, 3, run.said)
        self.assertIn("--resume", run.said)
        self.assertEqual(self.output.read_text(), "{}\n")

    def test_one_run_at_a_time_has_the_output(self):
        server = self.server(**SLOW)
        self.write_prompts(200)
        first = self.start(server)
        support.wait_until(lambda: support.line_count(self.output) >= 1)
        second = self.run_weir(server, "--resume")
        self.assertEqual(second.status, 3, second.said)
        self.assertIn("in use by another run", second.said)
        first.send_signal(signal.SIGKILL)
