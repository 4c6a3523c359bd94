"""Budgets of a day: money is counted, and what the day has used is known after a restart."""

import support

LIMITS = {"limits": {"requests_per_minute": 6000}}


class Spend(support.EndToEnd):
    seconds = 20

    def test_a_days_use_survives_a_restart(self):
        server = self.server(**LIMITS)
        journal = self.directory / "journal"
        settings = ["--set", f"journal.path={journal}", "--set", "limits.on_spent=refuse",
                    "--set", "spend.per_day=0.01"]
        self.write_prompts(40)
        first = self.run_weir(server, *settings, output=self.directory / "first.jsonl")
        self.output = self.directory / "first.jsonl"
        types = [result["type"] for result in self.results().values()]
        self.assertIn("succeeded", types, first.said)
        self.assertLess(types.count("succeeded"), 40, "the budget has let everything through")
        # Another run on the same day has nothing left but what no request fits into.
        self.output = self.directory / "second.jsonl"
        second = self.run_weir(server, *settings, output=self.output)
        again = [result["type"] for result in self.results().values()]
        self.assertLessEqual(again.count("succeeded"), 1, second.said)
        self.assertIn("spend.per_day", self.output.read_text())
        # Without the journal it does not know.
        self.output = self.directory / "third.jsonl"
        self.run_weir(server, *settings[2:], output=self.output)
        fresh = [result["type"] for result in self.results().values()]
        self.assertGreater(fresh.count("succeeded"), 1)
