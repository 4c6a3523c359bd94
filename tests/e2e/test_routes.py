"""Requests that name a route instead of a model, over HTTP."""

import json
import pathlib
import threading

import support
import test_program

ROUTES = pathlib.Path(__file__).parents[2] / "examples" / "routes.json"
HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"


def model_class(model, requests_per_minute=6000):
    return {"name": model, "models": [model + "*"], "first_token_s": 0.05, "output_tokens": 10,
            "tokens_per_s": 0, "limits": {"requests_per_minute": requests_per_minute}}


def by_model(results):
    """How many answers each model gave."""
    counts = {}
    for result in results.values():
        model = result["message"]["model"]
        counts[model] = counts.get(model, 0) + 1
    return counts


class Routes(support.EndToEnd):
    def routed(self, *arguments, haiku=6000, faults=(), count=60):
        server = self.server(faults=faults, classes=[
            model_class(HAIKU, haiku), model_class(SONNET), model_class(OPUS)])
        self.write_prompts(count)
        run = self.run_weir(server, "--config", ROUTES, *arguments)
        self.assert_all_succeeded(run, count)
        return by_model(self.results())

    def test_the_first_choice(self):
        self.assertEqual(self.routed("--route", "classify"), {HAIKU: 60})

    def test_each_row_of_the_table(self):
        for route, model in (("analyse", SONNET), ("decide", OPUS)):
            self.input.unlink(missing_ok=True)
            self.output.unlink(missing_ok=True)
            self.assertEqual(self.routed("--route", route, count=5), {model: 5})

    def test_mixed_by_complexity_and_priority(self):
        for arguments, model in ((["--complexity", "low"], HAIKU),
                                 (["--complexity", "medium"], SONNET),
                                 (["--complexity", "high"], OPUS), ([], SONNET),
                                 (["--complexity", "low", "--priority", "critical"], OPUS)):
            self.input.unlink(missing_ok=True)
            self.output.unlink(missing_ok=True)
            self.assertEqual(self.routed("--route", "mixed", *arguments, count=5), {model: 5})

    def test_an_overloaded_model(self):
        counts = self.routed("--route", "classify", faults=[{"kind": "overloaded", "class": HAIKU}])
        self.assertEqual(counts, {SONNET: 60})

    def test_a_model_that_is_out_of_budget(self):
        counts = self.routed("--route", "classify", "--set", "route.classify.max_wait_ms=1000",
                             haiku=20)
        self.assertGreaterEqual(counts[SONNET], 20)
        self.assertGreaterEqual(counts[HAIKU], 1)

    def test_a_route_of_a_line(self):
        self.write_prompts(1, model="route:decide")
        self.write_prompts(1, first=1, model="route:nowhere")
        self.write_prompts(1, first=2)
        server = self.server(classes=[model_class(SONNET), model_class(OPUS)])
        run = self.run_weir(server, "--config", ROUTES)
        self.assertEqual(run.status, 1, run.said)
        results = self.results()
        self.assertEqual(results["prompt-0"]["message"]["model"], OPUS)
        self.assertEqual(results["prompt-1"]["type"], "errored")
        self.assertIn("there is no route \"nowhere\"; there are analyse, classify, decide, mixed",
                      results["prompt-1"]["error"]["error"]["message"])
        self.assertEqual(results["prompt-2"]["message"]["model"], SONNET)

    def test_over_batches(self):
        server = self.server(classes=[model_class(HAIKU), model_class(SONNET)],
                             arguments=["--batch", "ends_s=1"])
        self.write_prompts(10)
        run = self.run_weir(server, "--config", ROUTES, "--route", "classify", "--lane",
                            "batch", "--set", "batch.max_age_ms=200", "--set",
                            "batch.poll_min_ms=200")
        self.assert_all_succeeded(run, 10)
        self.assertEqual(by_model(self.results()), {HAIKU: 10})


class Wire(support.EndToEnd):
    PARAMS = ('{"max_tokens" : 100,"model" : "%s", "messages":[{"role":"user","content":'
              '"\\u00e9 é \\"model\\""}],"x":123456789012345678901234567890}')
    MESSAGE = ('{"type": "message", "id": "msg_1", "role": "assistant", "model": "m",'
               ' "content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn",'
               ' "usage": {"input_tokens": 1, "output_tokens": 1}}')

    def test_the_rest_of_the_body_stays_as_it_is(self):
        for model in ("m", "a-much-longer-name-of-a-model-than-any-that-there-is"):
            server = test_program.OneAnswer(self.MESSAGE)
            self.addCleanup(server.server_close)
            threading.Thread(target=server.handle_request, daemon=True).start()
            self.output.unlink(missing_ok=True)
            params = self.PARAMS % "route:r"
            self.input.write_text(f'{{"custom_id": "a", "params": {params}}}\n')
            run = self.run_weir(server, "--no-stream", "--set", "route.r.1.model=" + model)
            self.assertEqual(run.status, 0, run.said)
            self.assertEqual(server.body.decode(), self.PARAMS % model)

    def test_a_long_body(self):
        """More pieces than the transport takes at once."""
        server = self.server(classes=[model_class(HAIKU)])
        self.write_prompts(5, messages=[{"role": "user", "content": "a river " * 100_000}])
        run = self.run_weir(server, "--config", ROUTES, "--route", "classify")
        self.assert_all_succeeded(run, 5)
        self.assertEqual(by_model(self.results()), {HAIKU: 5})
