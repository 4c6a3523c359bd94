"""The input tokens of requests are asked for before they are admitted, where that is configured."""

import support
import test_routes

QUICK = {"limits": {"requests_per_minute": 6000}, "first_token_s": 0.05, "output_tokens": 10}


class TokenCount(support.EndToEnd):
    seconds = 20

    def test_every_request_is_counted_once(self):
        server = self.server(**QUICK)
        self.write_prompts(20)
        run = self.run_weir(server, "--set", "limits.count_tokens=always")
        self.assert_all_succeeded(run, 20)
        seen = server.report()
        self.assertEqual(seen["token_counts"], 20)
        self.assertEqual(seen["total"]["requests"], 20)

    def test_with_a_route_it_is_the_first_choices_tokens(self):
        server = self.server(**QUICK)
        self.write_prompts(10)
        run = self.run_weir(server, "--config", test_routes.ROUTES, "--route", "classify",
                            "--set", "limits.count_tokens=always")
        self.assert_all_succeeded(run, 10)
        self.assertEqual(server.report()["token_counts"], 10)
        self.assertEqual(test_routes.by_model(self.results()), {test_routes.HAIKU: 10})

    def test_nothing_is_counted_unasked(self):
        server = self.server(**QUICK)
        self.write_prompts(5)
        self.assert_all_succeeded(self.run_weir(server), 5)
        self.assertEqual(server.report()["token_counts"], 0)

    def test_without_room_for_the_calls_the_estimate_does(self):
        server = self.server(**QUICK)
        self.write_prompts(10)
        run = self.run_weir(server, "--set", "limits.count_tokens=always",
                            "--set", "limit.token_count.requests_per_minute=1")
        self.assert_all_succeeded(run, 10)
        self.assertLess(server.report()["token_counts"], 10)
