"""The first lines of the README, and the example with the SDK, run as they stand."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

import support

README = support.PACKAGE / "README.md"
EXAMPLE = support.PACKAGE.parent.parent / "examples" / "anthropic_sdk.py"


def run(program, **environment):
    path = os.pathsep.join([str(support.PACKAGE), os.environ.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "PYTHONPATH": path, "ANTHROPIC_API_KEY": support.KEY, **environment})


class Readme(unittest.TestCase):
    def setUp(self):
        self.server = support.ModelServer()
        self.addCleanup(self.server.stop)
        self.blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)

    def test_the_first_lines(self):
        first = self.blocks[0]
        self.assertLessEqual(len(first.splitlines()), 10)
        self.assertIn("weir.Client(", first)
        program = first.replace("weir.Client(", f"weir.Client({{'transport.base_url': {self.server.url!r}}}", 1)
        ended = run(program)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("What is a weir?", ended.stdout)

    def test_every_block_is_python(self):
        for block in self.blocks:
            compile(block, str(README), "exec", flags=0x2000)  # await is allowed at the top

    def test_the_example_with_the_sdk(self):
        http = support.sdk_packages()[1]
        if http is None or http.__name__ != "httpx2":
            self.skipTest("the Anthropic SDK from its version 1.0 on is not installed for this interpreter")
        ended = run(pathlib.Path(EXAMPLE).read_text(encoding="utf-8"), ANTHROPIC_BASE_URL=self.server.url)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(len(ended.stdout.splitlines()), 5)


if __name__ == "__main__":
    unittest.main()
