"""Keys that are revoked and rotated while a run goes on lose nothing."""

import json
import os
import time

import support

COUNT = 300
FAST = {"depth_s": 2, "first_token_s": 0.2, "tokens_per_s": 300,
        "output_tokens": {"median": 60, "sigma": 0.5}}
LIMITS = {"requests_per_minute": 3000}


class Keys(support.EndToEnd):
    seconds = 15

    def test_one_of_three_keys_is_revoked(self):
        keys = [support.KEY, {"secret": "second-key", "revoked_at_s": 1.5}, "third-key"]
        server = self.server(limits=LIMITS, **FAST, keys=keys)
        self.write_prompts(COUNT)
        config = self.directory / "keys.json"
        config.write_text(json.dumps({"account": {"main": {
            "key_env": "ANTHROPIC_API_KEY",
            "keys": {"b": {"value": "second-key"}, "c": {"value": "third-key"}}}}}))
        run = self.run_weir(server, "-v", "--config", config)
        self.assert_all_succeeded(run, COUNT)
        self.assertNotIn("second-key", run.said)
        self.assertGreater(server.report()["revoked_key"], 0)

    def test_a_key_in_a_file_is_rotated(self):
        revoked = [{"secret": key, "revoked_at_s": 1} for key in (support.KEY, "old-key")]
        server = self.server(limits=LIMITS, **FAST, keys=[*revoked, "new-key"])
        file = self.directory / "key"
        file.write_text("old-key\n")
        self.write_prompts(COUNT)
        process = self.start(server, "--set", f"account.main.keys.b.file={file}",
                             "--set", "accounts.when_all_out=wait")
        time.sleep(4)
        self.assertIsNone(process.poll(), "it waits for a key")
        new = self.directory / "new"
        new.write_text("new-key\n")
        os.replace(new, file)
        _, said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        results = self.results()
        self.assertEqual(len(results), COUNT)
        self.assertEqual({result["type"] for result in results.values()}, {"succeeded"})
