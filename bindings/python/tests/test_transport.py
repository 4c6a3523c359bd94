"""The transports: httpx, httpx2 and the Anthropic SDK under weir, as far as they are installed."""

import asyncio
import importlib
import time
import unittest

import support
import weir


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


HTTPX = [found for found in map(package, ("httpx", "httpx2")) if found]
SDK, SDK_HTTP = support.sdk_packages()


class Case(unittest.TestCase):
    def server(self, faults=(), **model_class):
        server = support.ModelServer(faults=faults, **{**support.QUICK, **model_class})
        self.addCleanup(server.stop)
        return server

    def client(self, server, **settings):
        client = weir.Client(support.settings(server, **settings))
        self.addCleanup(client.close)
        return client


@unittest.skipUnless(HTTPX, "neither httpx nor httpx2 is installed for this interpreter")
class Transport(Case):
    """Without an SDK: what every caller of either package sees."""

    HEADERS = {"x-api-key": support.KEY, "anthropic-version": "2023-06-01"}

    def both(self, server, options=None, **settings):
        """A client of each package."""
        weir_client = self.client(server, **settings)
        for http in HTTPX:
            transport = weir.Transport(weir_client, **(options or {}))
            with self.subTest(http.__name__), http.Client(transport=transport, base_url=server.url,
                                                          headers=self.HEADERS, timeout=5) as client:
                yield http, client

    def test_an_answer(self):
        for _, client in self.both(self.server()):
            response = client.post("/v1/messages", json=support.body())
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.json()["type"], "message")
            self.assertIn("anthropic-ratelimit-requests-remaining", response.headers)
            self.assertGreaterEqual(response.elapsed.total_seconds(), 0)

    def test_a_stream(self):
        for _, client in self.both(self.server()):
            with client.stream("POST", "/v1/messages", json=support.body(stream=True)) as response:
                lines = list(response.iter_lines())
            self.assertIn("event: message_stop", [line.strip() for line in lines])

    def test_failures_are_repeated(self):
        server = self.server([{"kind": "overloaded", "every": 2}, {"kind": "reset_after_read", "every": 5}])
        for _, client in self.both(server):
            for _ in range(10):
                self.assertEqual(client.post("/v1/messages", json=support.body()).status_code, 200)

    def test_what_weir_gives_up_is_not_to_be_repeated(self):
        cases = (("overloaded", 529), ("server_error", 500), ("refuse_requests", 429), ("bad_key", 401),
                 ("forbidden", 403), ("reset_after_read", 502), ("garbage_not_json", 502))
        for kind, status in cases:
            server = self.server([{"kind": kind, "probability": 1, "retry_after_s": 0}
                                  if kind == "refuse_requests" else {"kind": kind, "probability": 1}])
            for _, client in self.both(server, retry__max_attempts=2, retry__max_refusals=1):
                response = client.post("/v1/messages", json=support.body())
                self.assertEqual((kind, response.status_code), (kind, status))
                self.assertEqual(response.headers["x-should-retry"], "false")
                self.assertEqual(response.json()["type"], "error")
                self.assertIsInstance(response.extensions["weir_error"], weir.Error)

    def test_no_server(self):
        weir_client = self.client(None, retry__max_attempts=2)
        for http in HTTPX:
            with http.Client(transport=weir.Transport(weir_client)) as client:
                response = client.post("http://127.0.0.1:9/v1/messages", json=support.body())
            self.assertEqual((response.status_code, response.headers["x-should-retry"]), (502, "false"))
            self.assertEqual(response.headers["weir-error"], "connection")

    def test_refusals(self):
        for _, client in self.both(self.server(), queue__max_requests=1, tenant__none__max_requests=1):
            response = client.post("/v1/messages", content=b"[]")
            self.assertEqual((response.status_code, response.headers["weir-error"]), (400, "bad_body"))
            response = client.post("/v1/messages", json=support.body(), headers={"weir-colour": "red"})
            self.assertEqual((response.status_code, response.headers["x-should-retry"]), (400, "false"))

    def test_a_stream_that_breaks_early_is_repeated(self):
        server = self.server([{"kind": "stream_error_early", "every": 2}])
        for _, client in self.both(server):
            for _ in range(4):
                response = client.post("/v1/messages", json=support.body(stream=True))
                self.assertIn("message_stop", response.text)
                self.assertNotIn("event: error", response.text)

    def test_a_stream_that_breaks_early_again_and_again(self):
        for http in HTTPX:
            server = self.server([{"kind": "stream_error_early", "first": 4}])
            with http.Client(transport=weir.Transport(self.client(server)), base_url=server.url,
                             headers=self.HEADERS) as client:
                response = client.post("/v1/messages", json=support.body(stream=True))
            self.assertIn("message_stop", response.text)
            self.assertEqual(server.report()["total"]["requests"], 5)

    def test_a_stream_that_breaks_late(self):
        for kind in ("stream_error_late", "reset_mid_body", "stream_without_stop"):
            server = self.server([{"kind": kind, "probability": 1, "at": 0.7}], output_tokens=300)
            for http, client in self.both(server):
                body = support.body(stream=True, max_tokens=1000)
                with client.stream("POST", "/v1/messages", json=body) as response:
                    if kind == "stream_error_late":
                        self.assertIn("event: error", "".join(response.iter_text()))
                    else:
                        with self.assertRaises(http.TransportError):
                            list(response.iter_bytes())

    def test_a_connection_that_breaks_after_the_end(self):
        for http, client in self.both(self.server()):
            class Inner(http.BaseTransport, http.SyncByteStream):
                def handle_request(self, request):
                    return http.Response(200, headers={"content-type": "text/event-stream"}, stream=self)

                def __iter__(self):
                    yield b'data: {"type": "content_block_delta", "delta": {"text": "a"}}\n\n'
                    yield b'data: {"type": "message_stop"}\n\n'
                    raise http.ReadError("reset")

            client._transport._inner = Inner()
            self.assertIn("message_stop", client.post("/v1/messages", json=support.body(stream=True)).text)
            self.assertEqual(client._transport._client.stats()["requests"]["failed"], 0)

    def test_a_stream_that_is_left(self):
        server = self.server(output_tokens=4000, tokens_per_s=2000)
        for _, client in self.both(server):
            with client.stream("POST", "/v1/messages",
                               json=support.body(stream=True, max_tokens=4000)) as response:
                next(response.iter_bytes())
            weir_client = client._transport._client
            deadline = time.monotonic() + 5
            while weir_client.stats()["requests"]["outstanding"]:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)

    def test_a_mistake_is_not_repeated(self):
        for http, client in self.both(self.server()):
            made = []

            class Inner(http.BaseTransport):
                def handle_request(self, request):
                    made.append(request)
                    raise http.LocalProtocolError("an illegal header")

            client._transport._inner = Inner()
            with self.assertRaises(http.LocalProtocolError):
                client.post("/v1/messages", json=support.body())
            self.assertEqual(len(made), 1)

    def test_a_body_goes_as_it_is(self):
        for http, client in self.both(self.server()):
            sent = []

            def answer(request):
                sent.append(request.content)
                return http.Response(400, json={"type": "error"})

            client._transport._inner = http.MockTransport(answer)
            text = b'{ "model":"claude-sonnet-4-5", "max_tokens" : 9,\n "messages":[{"role":"user","content":"hi"}]}'
            client.post("/v1/messages", content=text)
            self.assertEqual(sent, [text])

    def test_options_in_headers(self):
        server = self.server()
        seen = []
        for http, client in self.both(server, {"tenant": "all"}):
            client._transport._inner = http.HTTPTransport()
            made = client._transport._inner.handle_request

            def handle_request(request):
                seen.append(request.headers)
                return made(request)

            client._transport._inner.handle_request = handle_request
            headers = {"weir-priority": "high", "weir-tenant": "acme", "weir-deadline-s": "20"}
            self.assertEqual(client.post("/v1/messages", json=support.body(), headers=headers).status_code, 200)
        for headers in seen:
            self.assertFalse([name for name in headers if name.startswith("weir-")])

    def test_keys_and_routes(self):
        server = self.server()
        settings = {"account__main__base_url": server.url, "route__easy__1__model": "claude-haiku-4-5"}
        weir_client = self.client(server, **settings)
        asked = []

        def key(permit):
            asked.append((permit.account, permit.key))
            return support.KEY

        for http in HTTPX:
            with http.Client(transport=weir.Transport(weir_client, key=key)) as client:
                response = client.post("http://127.0.0.1:9/v1/messages", json=support.body(model="route:easy"),
                                       headers={**self.HEADERS, "authorization": "Bearer none"})
            self.assertEqual(response.json().get("model"), "claude-haiku-4-5", response.text)
        self.assertEqual(set(asked), {("main", "main")})

    def test_other_calls_pass(self):
        for _, client in self.both(self.server(), queue__max_requests=1):
            response = client.post("/v1/messages/count_tokens", json={
                "model": support.MODEL, "messages": support.body()["messages"]})
            self.assertEqual(response.status_code, 200)
            self.assertNotIn("x-should-retry", response.headers)

    def test_limits_are_learnt_from_the_heads(self):
        weir_client = weir.Client({"account.main.key": support.KEY})
        self.addCleanup(weir_client.close)
        server = self.server()
        with HTTPX[0].Client(transport=weir.Transport(weir_client), base_url=server.url,
                             headers=self.HEADERS) as client:
            client.post("/v1/messages", json=support.body())
        limits = {limit["kind"]: limit for limit in weir_client.stats()["limits"]}
        self.assertEqual((limits["requests"]["limit"], limits["requests"]["learnt"]), (600000, True))

    def test_on_a_loop(self):
        server = self.server([{"kind": "overloaded", "every": 3}, {"kind": "stream_error_early", "every": 4}])

        async def ask(http, weir_client):
            transport = weir.AsyncTransport(weir_client)
            async with http.AsyncClient(transport=transport, base_url=server.url, headers=self.HEADERS) as client:
                answers = await asyncio.gather(*(client.post(
                    "/v1/messages", json=support.body(stream=bool(number % 2))) for number in range(20)))
                self.assertEqual({answer.status_code for answer in answers}, {200})
                async with client.stream("POST", "/v1/messages", json=support.body(stream=True)) as response:
                    self.assertIn("message_stop", "".join([text async for text in response.aiter_text()]))
                refused = await client.post("/v1/messages", content=b"{}")
                self.assertEqual((refused.status_code, refused.headers["x-should-retry"]), (400, "false"))

        async def main():
            for http in HTTPX:
                async with weir.AsyncClient(support.settings(server)) as weir_client:
                    await ask(http, weir_client)

        asyncio.run(main())

    def test_a_task_that_is_cancelled(self):
        server = self.server(first_token_s=10)

        async def main():
            for http in HTTPX:
                async with weir.AsyncClient(support.settings(server)) as weir_client:
                    async with http.AsyncClient(transport=weir.AsyncTransport(weir_client)) as client:
                        task = asyncio.ensure_future(client.post(
                            server.url + "/v1/messages", json=support.body(), headers=self.HEADERS))
                        await asyncio.sleep(0.2)
                        task.cancel()
                        with self.assertRaises(asyncio.CancelledError):
                            await task
                    while weir_client.stats()["requests"]["outstanding"]:
                        await asyncio.sleep(0.01)

        asyncio.run(asyncio.wait_for(main(), 10))

    def test_classes_of_the_packages(self):
        for http in HTTPX:
            module = importlib.import_module("weir." + http.__name__)
            self.assertTrue(issubclass(module.Transport, http.BaseTransport))
            self.assertTrue(issubclass(module.AsyncTransport, http.AsyncBaseTransport))
        with self.assertRaises(TypeError):
            weir.Transport("client")


@unittest.skipUnless(SDK, "the Anthropic SDK is not installed for this interpreter")
class Sdk(Case):
    """The Anthropic SDK, unmodified."""

    def sdk(self, server, **settings):
        http_client = SDK_HTTP.Client(transport=weir.Transport(self.client(server, **settings)))
        self.addCleanup(http_client.close)
        return SDK.Anthropic(api_key=support.KEY, base_url=server.url, http_client=http_client)

    def test_messages_and_streams(self):
        server = self.server([{"kind": "overloaded", "every": 3}, {"kind": "stream_error_early", "every": 4}])
        sdk = self.sdk(server)
        for _ in range(5):
            self.assertEqual(sdk.messages.create(**support.body()).type, "message")
            with sdk.messages.stream(**support.body()) as stream:
                self.assertTrue("".join(stream.text_stream))
                self.assertEqual(stream.get_final_message().usage.output_tokens, 20)
            events = [event.type for event in sdk.messages.create(**support.body(), stream=True)]
            self.assertEqual((events[0], events[-1]), ("message_start", "message_stop"))
        raw = sdk.messages.with_raw_response.create(**support.body())
        self.assertEqual(raw.parse().type, "message")

    def test_nobody_retries_over_weir(self):
        cases = (("overloaded", SDK.APIStatusError, 2), ("server_error", SDK.InternalServerError, 2),
                 ("reset_after_read", SDK.InternalServerError, 2), ("bad_key", SDK.AuthenticationError, 1))
        for kind, exception, attempts in cases:
            server = self.server([{"kind": kind, "probability": 1}])
            sdk = self.sdk(server, retry__max_attempts=2, retry__max_refusals=1)
            with self.subTest(kind), self.assertRaises(exception):
                sdk.messages.create(**support.body())
            self.assertEqual(server.report()["total"]["requests"], attempts)

    def test_on_a_loop(self):
        server = self.server()

        async def main():
            async with weir.AsyncClient(support.settings(server)) as client:
                http_client = SDK_HTTP.AsyncClient(transport=weir.AsyncTransport(client))
                async with SDK.AsyncAnthropic(api_key=support.KEY, base_url=server.url,
                                              http_client=http_client) as sdk:
                    answers = await asyncio.gather(*(sdk.messages.create(**support.body()) for _ in range(20)))
                    self.assertEqual({answer.type for answer in answers}, {"message"})
                    async with sdk.messages.stream(**support.body()) as stream:
                        self.assertTrue([text async for text in stream.text_stream])

        asyncio.run(main())

    def test_goodput(self):
        """64 callers at once. sdk_goodput.py by itself does it for minutes, and judges the time as well."""
        import sdk_goodput
        for mode in ([], ["--asyncio"]):
            result = sdk_goodput.measure(sdk_goodput.arguments_of(["--count", "70", *mode]))
            print(result)
            self.assertEqual(result["answered"], 70)
            # On a busy machine the first ones may come late, in a bunch; by itself there is none.
            self.assertLessEqual(result["refused"], 15)


if __name__ == "__main__":
    unittest.main()
