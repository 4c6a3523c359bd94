"""The package's types, at mypy's strictest."""

import importlib.util
import subprocess
import sys
import tempfile
import unittest

import support

PROGRAM = """
import httpx2
import weir
import weir.httpx2


def ask(client: weir.Client) -> str:
    answer: weir.Answer = client.messages({"model": "m", "max_tokens": 1}, priority="high", deadline_s=3)
    attempts: int = answer.attempts
    http_client = httpx2.Client(transport=weir.httpx2.Transport(client))
    http_client.close()
    return answer.model + str(attempts) + client.run(lambda permit: permit.account, model="m", max_tokens=1)


async def ask_async(client: weir.AsyncClient) -> bytes:
    async for done in client.map([b"{}"], in_flight=3, tenant="a"):
        return done.result().body
    return (await client.messages(b"{}")).body
"""
WRONG = PROGRAM.replace('priority="high"', 'colour="red"')


@unittest.skipUnless(importlib.util.find_spec("mypy") and importlib.util.find_spec("httpx2"),
                     "mypy and httpx2 are not installed for this interpreter")
class Types(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.cache.cleanup)

    def check(self, *arguments):
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", self.cache.name,
                               *arguments], capture_output=True, text=True, cwd=support.PACKAGE)

    def test_the_package(self):
        checked = self.check("-p", "weir")
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_programs(self):
        checked = self.check("-c", PROGRAM)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        self.assertIn("colour", self.check("-c", WRONG).stdout)


if __name__ == "__main__":
    unittest.main()
