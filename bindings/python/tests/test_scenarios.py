"""The scenarios that all bindings run, with both clients."""

import asyncio
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import support
import weir

TABLE = json.loads((support.PACKAGE.parent / "conformance" / "scenarios.json").read_text(encoding="utf-8"))
OLD_LIBRARY = os.environ.get("WEIR_OLD_LIBRARY", "")


def error_of(call):
    """The exception of weir's that a call ends with."""
    try:
        call()
    except weir.Error as error:
        return error
    raise AssertionError("it was no failure")


async def awaited_error_of(awaitable):
    try:
        await awaitable
    except weir.Error as error:
        return error
    raise AssertionError("it was no failure")


def wait_until(condition, timeout=10):
    give_up_at = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.005)


class Scenario(unittest.TestCase):
    """One row of the table; `run_it` is there for each client."""

    def __init__(self, row, kind):
        super().__init__(kind)
        self.row = row
        self.kind = kind

    def id(self):
        return f"{self.row['name']} ({self.kind})"

    __str__ = id

    def setUp(self):
        row = self.row
        batch = ["--batch", row["batch"]] if "batch" in row else []
        self.server = support.ModelServer(faults=row.get("faults", ()), arguments=batch,
                                          **{**support.QUICK, **row.get("server", {})})
        self.addCleanup(self.server.stop)
        self.settings = {**support.settings(self.server), **row.get("settings", {})}
        if row.get("https"):
            self.settings["transport.base_url"] = self.server.url.replace("http:", "https:")
        self.body = row.get("raw_body") or {**support.body(), **row.get("body", {})}
        self.options = row.get("options", {})
        self.expected = row["expect"]

    def threads(self):
        getattr(self, "do_" + self.row["do"])()

    def loop(self):
        action = getattr(self, "loop_" + self.row["do"])
        asyncio.run(asyncio.wait_for(action(), 30))

    # ---- What is expected

    def check_error(self, error):
        self.check_fields(error, self.expected["error"])
        for predicate in self.expected.get("is", ()):
            self.assertTrue(getattr(error, predicate), f"{error!r} is not {predicate}")
        for predicate in self.expected.get("is_not", ()):
            self.assertFalse(getattr(error, predicate), f"{error!r} is {predicate}")
        self.assertIn(self.expected.get("message_has", ""), error.message)
        self.assertNotIn(support.KEY, error.message)

    def check_fields(self, found, fields):
        for name, value in fields.items():
            if value is True:
                self.assertTrue(getattr(found, name), name)
            else:
                self.assertEqual(getattr(found, name), value, name)

    def check_answer(self, answer):
        self.check_fields(answer, self.expected["answer"])
        if answer.body:
            self.assertEqual(answer["type"], "message")
            self.assertIn(self.expected.get("text_has", ""), answer.text)
            self.assertTrue(answer.headers["content-type"].startswith("application/json"))

    def check_events(self, events):
        if "events" in self.expected:
            self.assertEqual([events[0]["type"], events[-1]["type"]], self.expected["events"])

    # ---- With threads

    def client(self):
        client = weir.Client(self.settings)
        self.addCleanup(client.close)
        return client

    def do_open(self):
        self.check_error(error_of(lambda: weir.Client(self.settings)))

    def do_messages(self):
        client = self.client()
        before = [client.submit(support.body()) for _ in range(self.row.get("before", 0))]
        if self.row.get("first_is_answered"):
            before[0].result()
        if "error" in self.expected:
            self.check_error(error_of(lambda: client.messages(self.body, **self.options)))
        else:
            self.check_answer(client.messages(self.body, **self.options))

    def do_stream(self):
        client = self.client()
        with client.stream(self.body, **self.options) as events:
            if "error" in self.expected:
                self.check_error(error_of(lambda: list(events)))
            else:
                self.check_events(list(events))
                self.check_answer(events.result())

    def do_cancel(self):
        client, when = self.client(), self.row["when"]
        if when == "queued":
            client.submit(self.body)
        ticket = client.stream(self.body) if when == "streaming" else client.submit(self.body)
        if when == "in_flight":
            wait_until(lambda: self.server.report()["total"]["requests"])
        elif when == "streaming":
            next(iter(ticket))
        elif when == "ended":
            ticket.result()
        self.assertEqual(ticket.cancel(), self.expected.get("cancelled", True))
        if "error" in self.expected:
            self.check_error(error_of(ticket.result))
        else:
            self.check_answer(ticket.result())

    def do_many(self):
        read = 0

        def bodies():
            nonlocal read
            for number in range(self.row["count"]):
                read += 1
                yield support.body(f"Question {number}")

        seen = set()
        for done in self.client().map(bodies(), in_flight=self.row["in_flight"]):
            self.assertIn(f"Question {done.index} ", done.result().text + " ")
            seen.add(done.index)
            # Beside those in flight, one has been read that waits for a place.
            self.assertLessEqual(read - len(seen), self.expected.get("read_ahead", read) + 1)
        self.assertEqual(len(seen), self.expected["answers"])

    def do_random_cancels(self):
        client, dice = self.client(), random.Random(7)
        tickets = [client.submit(support.body(str(number))) for number in range(self.row["count"])]
        for ticket in dice.sample(tickets, int(len(tickets) * self.row["share"])):
            ticket.cancel()
        ended = {True: 0, False: 0}
        for ticket in tickets:
            try:
                ended[ticket.result(timeout=20).http_status == 200] += 1
            except weir.errors.CancelledError:
                ended[False] += 1
        self.assertEqual(sum(ended.values()), self.expected["ended"])
        self.assertGreater(ended[False], 0)
        self.assertEqual(len(client._engine.receivers), 0)

    def do_collect(self):
        client, ended = self.client(), []
        stop = threading.Event()

        def collect():
            while not stop.is_set():
                gc.collect()

        collector = threading.Thread(target=collect)
        collector.start()
        try:
            for number in range(self.row["count"]):
                client.submit(support.body(), tag=9)  # dropped at once
                events = iter(client.stream(support.body()))
                if number % 3:
                    next(events)  # dropped in the middle
                ticket = client.submit(support.body())
                cycle = [ticket]
                cycle.append(cycle)
                ended.append(client.messages(support.body()).body)
                weir.Client(self.settings) if number % 20 == 0 else None  # a client that nobody closes
        finally:
            stop.set()
            collector.join()
        self.assertEqual(len(ended), self.expected["ended"])
        wait_until(lambda: not client._engine.receivers)

    def do_permit(self):
        client, reports, attempts = self.client(), list(self.row["reports"]), []

        def attempt(permit):
            attempts.append(permit.attempt)
            report = reports[len(attempts) - 1]
            if report == "broken":
                raise ConnectionResetError("reset")
            permit.report(report, {}, b"" if report != 200 else None)
            return "done"

        def run():
            return client.run(attempt, model=support.MODEL, max_tokens=64, input_tokens=10)

        if "error" in self.expected:
            self.check_error(error_of(run))
        else:
            self.assertEqual(run(), "done")
        self.assertEqual(attempts, list(range(1, self.expected["attempts"] + 1)))

    def do_try_permit(self):
        client = self.client()
        permit = client.try_permit(model=support.MODEL, max_tokens=64)
        self.assertEqual((permit.account, permit.attempt, permit.model), ("main", 1, support.MODEL))
        self.check_error(error_of(lambda: client.try_permit(model=support.MODEL, max_tokens=64)))
        permit.report(200)

    def do_keys(self):
        told = []
        client = weir.Client(self.settings, on_notice=lambda kind, state: told.append((kind, state["state"])))
        self.addCleanup(client.close)
        ticket = client.submit(self.body)
        wait_until(lambda: told)
        self.assertEqual(told[0], ("key", "quarantined"))
        client.set_key("main", "main", support.KEY)
        self.check_answer(ticket.result(10))
        client.retire_key("main", "main")
        with self.assertRaises(weir.errors.NotFoundError):
            client.set_key("nobody", "main", "x")

    def do_batch(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {**self.settings, "journal.path": directory + "/journal"}
            with weir.Client(settings) as client:
                for number in range(self.row["count"]):
                    ticket = client.submit(self.body, lane="batch", custom_id=f"question-{number}")
                    self.assertTrue(ticket.durable.wait(10))
                self.assertIn("batches", client.batches())
            with weir.Client(settings) as client:
                answers = {}
                for ticket in client.recovered():
                    answers[ticket.custom_id] = ticket.result(20)["type"]
                    ticket.acknowledge()
                self.assertEqual(answers, {f"question-{number}": "message"
                                           for number in range(self.expected["answers"])})
            with weir.Client(settings) as client:
                self.assertEqual(list(client.recovered()), [])

    def do_close_outstanding(self):
        client = weir.Client(self.settings)
        tickets = [client.submit(self.body) for _ in range(self.row["count"])]
        started = time.monotonic()
        self.assertTrue(client.close())
        self.assertLess(time.monotonic() - started, 3)
        for ticket in tickets:
            self.check_error(error_of(ticket.result))

    def do_use_after_close(self):
        client = weir.Client(self.settings)
        client.close()
        for call in (lambda: client.messages(self.body),
                     lambda: client.run(lambda permit: None, body=self.body)):
            self.check_error(error_of(call))

    def do_close_twice(self):
        client = weir.Client(self.settings)
        self.assertTrue(client.close())
        self.assertTrue(client.close())

    def do_fork(self):
        client = self.client()
        answered = client.messages(self.body)
        ticket = client.submit(self.body)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for call in (lambda: client.messages(self.body), client.stats, ticket.result):
                    self.check_error(error_of(call))
                client.close()
                del answered
                gc.collect()
                with weir.Client(self.settings) as own:
                    status = 0 if own.messages(self.body)["type"] == "message" else 2
            except BaseException as problem:
                print(repr(problem), file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(ticket.result()["type"], "message")
        self.assertEqual(client.messages(self.body)["type"], "message")

    def do_interrupt(self):
        program = ("import json, sys, weir\n"
                   "client = weir.Client(json.loads(sys.argv[1]))\n"
                   "print('waiting', flush=True)\n"
                   "try:\n    client.messages(json.loads(sys.argv[2]))\n"
                   "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n")
        with run_python(program, json.dumps(self.settings), json.dumps(self.body)) as process:
            self.assertEqual(process.stdout.readline(), "waiting\n")
            wait_until(lambda: self.server.report()["total"]["requests"])
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.stdout.readline(), "interrupted\n")
            self.assertEqual(process.wait(10), 0)
            self.assertLess(time.monotonic() - started, self.expected["within_s"])

    def do_wrong_types(self):
        client = self.client()
        for body, options in ((3, {}), (None, {}), (["a"], {}), (self.body, {"priority": 1.5}),
                              (self.body, {"deadline_s": "soon"}), (self.body, {"tag": "a"}),
                              (self.body, {"colour": "red"}), (self.body, {"headers": 3})):
            with self.assertRaises((TypeError, AttributeError)):
                client.submit(body, **options)
        with self.assertRaises(ValueError):
            client.submit(self.body, priority="urgent")
        with self.assertRaises(weir.errors.InvalidValueError):
            client.submit(self.body, lane="fast")
        with self.assertRaises(weir.errors.BadArgumentError):
            client.submit(self.body, priority=17)
        self.assertEqual(client.messages(self.body)["type"], "message")

    def do_load(self):
        path = {"missing": "/nowhere/libweir.so.0", "foreign": "libc.so.6",
                "old": OLD_LIBRARY}[self.row["library"]]
        if not path:
            self.skipTest("WEIR_OLD_LIBRARY is not set to old_library.c's")
        program = "import weir\ntry:\n    weir.Client()\nexcept weir.LibraryError as error:\n    print(error)\n"
        with run_python(program, WEIR_LIBRARY=path) as process:
            said = process.communicate(timeout=10)[0]
        self.assertIn(self.expected["message_has"], said)
        self.assertIn(weir.__version__, said)

    # ---- On a loop

    async def loop_messages(self):
        async with weir.AsyncClient(self.settings) as client:
            before = [client.submit(support.body()) for _ in range(self.row.get("before", 0))]
            if self.row.get("first_is_answered"):
                await before[0]
            if "error" in self.expected:
                self.check_error(await awaited_error_of(client.messages(self.body, **self.options)))
            else:
                self.check_answer(await client.messages(self.body, **self.options))

    async def loop_stream(self):
        async def read(ticket):
            return [event async for event in ticket]

        async with weir.AsyncClient(self.settings) as client:
            async with client.stream(self.body, **self.options) as ticket:
                if "error" in self.expected:
                    self.check_error(await awaited_error_of(read(ticket)))
                else:
                    self.check_events(await read(ticket))
                    self.check_answer(await ticket)

    async def loop_cancel(self):
        when = self.row["when"]
        async with weir.AsyncClient(self.settings) as client:
            if when == "queued":
                client.submit(self.body)
            ticket = client.stream(self.body) if when == "streaming" else client.submit(self.body)
            if when == "in_flight":
                while not self.server.report()["total"]["requests"]:
                    await asyncio.sleep(0.01)
            elif when == "streaming":
                async for _ in ticket:
                    break
            elif when == "ended":
                await ticket
            self.assertEqual(ticket.cancel(), self.expected.get("cancelled", True))
            if "error" in self.expected:
                self.check_error(await awaited_error_of(ticket.result()))
            else:
                self.check_answer(await ticket)

    async def loop_many(self):
        async def bodies():
            for number in range(self.row["count"]):
                yield support.body(f"Question {number}")

        seen = set()
        async with weir.AsyncClient(self.settings) as client:
            async for done in client.map(bodies(), in_flight=self.row["in_flight"]):
                self.assertIn(f"Question {done.index} ", done.result().text + " ")
                seen.add(done.index)
        self.assertEqual(len(seen), self.expected["answers"])

    async def loop_random_cancels(self):
        dice = random.Random(7)
        async with weir.AsyncClient(self.settings) as client:
            tasks = [asyncio.ensure_future(client.messages(support.body(str(number))))
                     for number in range(self.row["count"])]
            await asyncio.sleep(0.05)
            for task in dice.sample(tasks, int(len(tasks) * self.row["share"])):
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self.assertEqual(len(ended), self.expected["ended"])
            self.assertTrue(any(isinstance(one, asyncio.CancelledError) for one in ended))
            for one in ended:
                self.assertIsInstance(one, (weir.Answer, asyncio.CancelledError))
            while client._engine.receivers:  # those that were cancelled have their end as well
                await asyncio.sleep(0.01)

    async def loop_permit(self):
        reports, attempts = list(self.row["reports"]), []

        async def attempt(permit):
            attempts.append(permit.attempt)
            report = reports[len(attempts) - 1]
            if report == "broken":
                raise ConnectionResetError("reset")
            permit.report(report, {}, b"" if report != 200 else None)
            return "done"

        async with weir.AsyncClient(self.settings) as client:
            run = client.run(attempt, model=support.MODEL, max_tokens=64, input_tokens=10)
            if "error" in self.expected:
                self.check_error(await awaited_error_of(run))
            else:
                self.assertEqual(await run, "done")
        self.assertEqual(attempts, list(range(1, self.expected["attempts"] + 1)))

    async def loop_batch(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {**self.settings, "journal.path": directory + "/journal"}
            async with weir.AsyncClient(settings) as client:
                for number in range(self.row["count"]):
                    ticket = client.submit(self.body, lane="batch", custom_id=f"question-{number}")
                    await ticket.made_durable()
            async with weir.AsyncClient(settings) as client:
                answers = {}
                async for ticket in client.recovered():
                    answers[ticket.custom_id] = (await ticket)["type"]
                    ticket.acknowledge()
                self.assertEqual(len(answers), self.expected["answers"])

    async def loop_close_outstanding(self):
        client = weir.AsyncClient(self.settings)
        tickets = [client.submit(self.body) for _ in range(self.row["count"])]
        self.assertTrue(await client.close())
        for ticket in tickets:
            self.check_error(await awaited_error_of(ticket.result()))

    async def loop_use_after_close(self):
        client = weir.AsyncClient(self.settings)
        await client.close()
        self.check_error(await awaited_error_of(client.messages(self.body)))

    async def loop_close_twice(self):
        client = weir.AsyncClient(self.settings)
        self.assertTrue(await client.close())
        self.assertTrue(await client.close())


def run_python(program, *arguments, **environment):
    path = os.pathsep.join([str(support.PACKAGE), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "PYTHONPATH": path, **environment})


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for row in TABLE["scenarios"]:
        suite.addTests(Scenario(row, kind) for kind in ("threads", "loop")
                       if kind == "threads" or hasattr(Scenario, "loop_" + row["do"]))
    return suite


if __name__ == "__main__":
    unittest.main()
