"""The wheel, put where nothing else of weir's is, and used there."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import support


class Wheel(unittest.TestCase):
    def test_it_is_used_where_it_was_put(self):
        directory = tempfile.TemporaryDirectory(prefix="weir-")
        self.addCleanup(directory.cleanup)
        place = pathlib.Path(directory.name)
        made = subprocess.run([sys.executable, support.PACKAGE.parent / "package", "python", "--library",
                               os.environ["WEIR_LIBRARY"], "--output", place], capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        wheel = made.stdout.strip()
        site = place / "site"
        if importlib.util.find_spec("pip"):
            subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps",
                            "--disable-pip-version-check", "--target", site, wheel], check=True,
                           env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
        else:
            zipfile.ZipFile(wheel).extractall(site)
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("WEIR_", "PYTHONPATH"))}
        with support.ModelServer() as server:
            program = ("import sys, json, weir\nfrom weir import _library\n"
                       "client = weir.Client(json.loads(sys.argv[1]))\n"
                       "print(client.messages(json.loads(sys.argv[2]))['type'], _library.load().path)\n")
            ended = subprocess.run([sys.executable, "-c", program, json.dumps(support.settings(server)),
                                    json.dumps(support.body())], capture_output=True, text=True, timeout=30,
                                   cwd=place, env={**environment, "PYTHONPATH": str(site)})
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(ended.stdout.split(), ["message", str(site / "weir" / "_lib" / "libweir.so.0")])


if __name__ == "__main__":
    unittest.main()
