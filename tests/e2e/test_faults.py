"""Nothing is lost, and nothing written twice, whatever the API does."""

import support

COUNT = 400
FAST = {"first_token_s": 0.2, "output_tokens": {"median": 60, "sigma": 0.5}, "tokens_per_s": 300}
LIMITS = {"requests_per_minute": 3000}


class Faults(support.EndToEnd):
    seconds = 25

    def test_each_kind_of_failure(self):
        kinds = {"overloaded": 0.04, "server_error": 0.04, "reset_before_read": 0.02,
                 "reset_after_read": 0.02, "truncated_body": 0.04}
        # Of a request that twice gets an answer that cannot be read nothing more is bought.
        garbage = [{"kind": kind, "first": 2} for kind in ("garbage_not_json", "garbage_wrong_json")]
        server = self.server(limits=LIMITS, **FAST, faults=garbage + [
            {"kind": kind, "probability": share} for kind, share in kinds.items()])
        self.write_prompts(COUNT)
        run = self.run_weir(server, "-v")
        self.assert_all_succeeded(run, COUNT)
        self.assertGreater(sum(server.report()["total"]["faults"].values()), 20)

    def test_what_the_api_rejects_is_errored(self):
        server = self.server(limits=LIMITS, **FAST, faults=[{"kind": "forbidden", "first": 1}])
        self.write_prompts(20)
        run = self.run_weir(server)
        self.assertEqual(run.status, 1, run.said)
        results = self.results()
        errored = [result for result in results.values() if result["type"] == "errored"]
        self.assertEqual((len(results), len(errored)), (20, 1))
        self.assertEqual(errored[0]["error"]["type"], "error")
        self.assertEqual(errored[0]["error"]["error"]["type"], "permission_error")
        self.assertTrue(errored[0]["error"]["error"]["message"])
        self.assertTrue(errored[0]["error"]["request_id"].startswith("req_"))

    def test_a_refused_key_stops_the_run(self):
        server = self.server(limits=LIMITS, **FAST, faults=[{"kind": "bad_key"}])
        self.write_prompts(2000)
        run = self.run_weir(server)
        self.assertEqual(run.status, 1, run.said)
        self.assertIn("refuses the key", run.said)
        self.assertLess(server.report()["total"]["requests"], 200)
