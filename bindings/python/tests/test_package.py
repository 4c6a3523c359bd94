"""What the scenarios of all languages do not show of this package."""

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import weakref

import support
import weir


class Package(unittest.TestCase):
    def server(self, **server):
        server = support.ModelServer(**{**support.QUICK, **server})
        self.addCleanup(server.stop)
        return server

    def client(self, **server):
        client = weir.Client(support.settings(self.server(**server)))
        self.addCleanup(client.close)
        return client

    def test_versions_and_settings(self):
        self.assertTrue(weir.version().startswith("weir/" + weir.__version__))
        rows = {row[0]: row for row in weir.settings()}
        self.assertEqual(rows["queue.max_requests"][1:3], ("integer", "100000"))

    def test_settings_may_be_nested(self):
        with weir.Client({"account": {"main": {"key": "a"}}, "queue": {"max_requests": 7}}) as client:
            self.assertEqual(client.stats()["queue"]["max_requests"], 7)

    def test_an_error_says_what_it_is(self):
        with self.assertRaises(weir.errors.InvalidValueError) as caught:
            weir.Client({"queue.max_requests": -1})
        error = caught.exception
        self.assertIsInstance(error, weir.Error)
        self.assertEqual((error.name, error.retryable, error.retry_after, error.source),
                         ("invalid_value", False, None, "config"))
        for code, kind in weir.errors.CLASSES.items():
            self.assertEqual(kind.code, code)

    def test_bodies_as_text_and_bytes(self):
        client = self.client()
        text = '{"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}'
        self.assertEqual(client.messages(text)["type"], "message")
        self.assertEqual(client.messages(text.encode()).message["role"], "assistant")

    def test_an_answer_outlives_its_client(self):
        client = self.client()
        answer = client.messages(support.body())
        client.close()
        del client
        gc.collect()
        self.assertEqual(answer["type"], "message")
        self.assertEqual(answer.headers["content-type"], "application/json")

    def test_a_wait_with_a_timeout(self):
        client = self.client(first_token_s=5)
        ticket = client.submit(support.body())
        with self.assertRaises(TimeoutError):
            ticket.result(timeout=0.05)
        self.assertFalse(ticket.done)
        self.assertEqual(ticket.place(), (0, 0.0))
        self.assertTrue(ticket.cancel())

    def test_several_threads_wait_for_one(self):
        ticket = self.client(first_token_s=0.1).submit(support.body())
        texts = []
        waiting = [threading.Thread(target=lambda: texts.append(ticket.result().text)) for _ in range(4)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(10)
        self.assertEqual(len(texts), 4)

    def test_ctrl_c_in_this_process(self):
        client = self.client(first_token_s=20)
        timer = threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            client.messages(support.body())
        deadline = time.monotonic() + 5
        while client.stats()["requests"]["outstanding"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_tags_and_estimates(self):
        client = self.client(first_token_s=5)
        tickets = [client.submit(support.body(), tag=4) for _ in range(5)]
        client.cancel_tag(4)
        for ticket in tickets:
            with self.assertRaises(weir.errors.CancelledError):
                ticket.result(5)
        self.assertEqual(client.estimate(support.body(), priority="low")["account"], "main")

    def test_map_goes_on_after_a_refusal(self):
        bodies = [support.body(), (support.body(), {"tenant": "a"}), "{}", support.body()]
        done = {one.index: one for one in self.client().map(bodies)}
        self.assertEqual(sorted(done), [0, 1, 2, 3])
        self.assertEqual(done[2].error.name, "bad_body")
        with self.assertRaises(weir.errors.BadBodyError):
            done[2].result()

    def test_map_that_is_left(self):
        client = self.client(first_token_s=0.05)
        for _ in client.map([support.body()] * 50, in_flight=20):
            break
        deadline = time.monotonic() + 5
        while client._engine.receivers:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_a_permit_block(self):
        client = self.client()
        with client.permit(model=support.MODEL, max_tokens=10) as permit:
            self.assertEqual((permit.account, permit.attempt), ("main", 1))
            permit.report(200, {"request-id": "x"}, usage={weir.INPUT_TOKENS: 5, weir.OUTPUT_TOKENS: 3})
        with client.permit(body=support.body()):
            pass  # a success
        with self.assertRaises(ConnectionError), client.permit(model=support.MODEL, max_tokens=10):
            raise ConnectionError("gone")  # repeated by nobody
        with self.assertRaises(KeyError), client.permit(model=support.MODEL, max_tokens=10):
            raise KeyError("of the program's own")
        deadline = time.monotonic() + 5
        while client.stats()["requests"]["outstanding"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_run_reads_responses_and_exceptions(self):
        class Response:
            def __init__(self, status_code):
                self.status_code, self.headers = status_code, {}
                self.content = b"" if status_code != 200 else None

        class StatusError(Exception):
            response = Response(529)

        client, calls = self.client(), []

        def call(permit):
            calls.append(permit.attempt)
            if len(calls) == 1:
                raise StatusError
            return Response(500 if len(calls) == 2 else 200)

        self.assertEqual(client.run(call, model=support.MODEL, max_tokens=9).status_code, 200)
        self.assertEqual(calls, [1, 2, 3])

        def fails(permit):
            response = StatusError()
            response.response = Response(400)
            raise response

        with self.assertRaises(StatusError) as caught:
            client.run(fails, model=support.MODEL, max_tokens=9)
        self.assertIsInstance(caught.exception.__cause__, weir.errors.RejectedError)
        with self.assertRaises(ZeroDivisionError):
            client.run(lambda permit: 1 // 0, model=support.MODEL, max_tokens=9)

    def test_failures_by_exception(self):
        import socket
        import ssl
        from weir._permit import failure_of

        named = {"ConnectError": weir.CONNECT, "ConnectTimeout": weir.CONNECT, "ReadTimeout": weir.TIMEOUT}
        for name, failure in named.items():
            self.assertEqual(failure_of(type(name, (Exception,), {})()), failure, name)
        outer = RuntimeError("an SDK's own")
        outer.__cause__ = ConnectionResetError()
        for exception, failure in ((outer, weir.BROKEN), (socket.gaierror(), weir.CONNECT),
                                   (ssl.SSLError(), weir.TLS), (TimeoutError(), weir.TIMEOUT),
                                   (KeyError(), 0)):
            self.assertEqual(failure_of(exception), failure, repr(exception))

    def test_logs_go_to_logging(self):
        server = self.server()
        with self.assertLogs("weir", logging.DEBUG):
            with weir.Client(support.settings(server, log__level="debug")) as client:
                client.messages(support.body())

    def test_a_client_that_nobody_closes_is_collected(self):
        server = self.server()
        client = weir.Client(support.settings(server))
        client.messages(support.body())
        engine, thread = weakref.ref(client._engine), client._thread
        del client
        gc.collect()
        thread.join(5)
        self.assertFalse(thread.is_alive())
        gc.collect()
        self.assertIsNone(engine())

    def test_a_program_that_closes_nothing(self):
        server = self.server(first_token_s=20)
        programs = ("client = weir.Client(settings)\nticket = client.submit(body)\n",
                    "client = weir.Client(settings)\nstream = client.stream(body)\n"
                    "def read():\n    try:\n        list(stream)\n    except weir.Error:\n        pass\n"
                    "import threading\nthreading.Thread(target=read, daemon=True).start()\n",
                    "import asyncio\nclient = weir.AsyncClient(settings)\n"
                    "async def main():\n    client.submit(body)\nasyncio.run(main())\n",
                    "client = weir.Client(settings)\nimport os, sys\nif os.fork() == 0: sys.exit(0)\nos.wait()\n")
        for program in programs:
            text = "import weir, json, sys\nsettings, body = map(json.loads, sys.argv[1:])\n" + program
            started = time.monotonic()
            ended = subprocess.run([sys.executable, "-c", text, json.dumps(support.settings(server)),
                                    json.dumps(support.body())], capture_output=True, text=True, timeout=20,
                                   env={**os.environ, "PYTHONPATH": str(support.PACKAGE)})
            self.assertEqual((ended.returncode, ended.stderr), (0, ""), program)
            self.assertLess(time.monotonic() - started, 5)

    def test_notices_that_raise_do_no_harm(self):
        server = self.server()

        def raises(kind, state):
            raise RuntimeError("from the program")

        with self.assertLogs("weir", logging.ERROR):
            with weir.Client(support.settings(server), on_notice=raises) as client:
                client.retire_key("main", "main")
                client.set_key("main", "main", support.KEY)
                client.messages(support.body())


class Loops(unittest.TestCase):
    def setUp(self):
        self.server = support.ModelServer()
        self.addCleanup(self.server.stop)

    def test_one_loop_after_the_other(self):
        client = weir.AsyncClient(support.settings(self.server))

        async def ask():
            return (await client.messages(support.body()))["type"]

        self.assertEqual(asyncio.run(ask()), "message")
        self.assertEqual(asyncio.run(ask()), "message")
        self.assertTrue(asyncio.run(client.close()))

    def test_two_loops_at_a_time(self):
        client = weir.AsyncClient(support.settings(self.server))

        async def other():
            with self.assertRaisesRegex(RuntimeError, "another event loop"):
                await client.messages(support.body())

        async def main():
            await client.messages(support.body())
            await asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(other()))
            await client.close()

        asyncio.run(main())

    def test_the_loop_goes_on_meanwhile(self):
        async def main():
            ticks = 0
            server = support.ModelServer(**{**support.QUICK, "first_token_s": 0.3})
            self.addCleanup(server.stop)
            async with weir.AsyncClient(support.settings(server)) as client:
                task = asyncio.ensure_future(client.messages(support.body()))
                while not task.done():
                    await asyncio.sleep(0.01)
                    ticks += 1
            self.assertGreater(ticks, 5)

        asyncio.run(main())

    def test_permits(self):
        async def call(permit):
            return permit.attempt

        async def main():
            async with weir.AsyncClient(support.settings(self.server)) as client:
                async with client.permit(model=support.MODEL, max_tokens=9) as permit:
                    permit.report(200)
                self.assertEqual(await client.run(call, model=support.MODEL, max_tokens=9), 1)
                client.try_permit(model=support.MODEL, max_tokens=9).report(failure=weir.UNUSED)
                with self.assertRaises(KeyError):
                    async with client.permit(model=support.MODEL, max_tokens=9):
                        raise KeyError("of the program's own")

        asyncio.run(main())

    def test_a_client_that_nobody_closes(self):
        async def main():
            client = weir.AsyncClient(support.settings(self.server))
            await client.messages(support.body())
            driver = client._driver
            del client
            gc.collect()
            for _ in range(500):
                if driver.engine.ended:
                    break
                await asyncio.sleep(0.01)
            self.assertTrue(driver.engine.ended)

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
