"""What the tests of the package share: a model of the API on a port of its own, and bodies for it."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent
sys.path.insert(0, str(PACKAGE))

MODEL_SERVER = os.environ.get("WEIR_MODEL_SERVER", "")
KEY = "test-key"
MODEL = "claude-sonnet-4-5"
# Answers that take some milliseconds.
QUICK = {"first_token_s": 0.005, "output_tokens": 20, "tokens_per_s": 20000}
GENEROUS = {"requests_per_minute": 600000}


class ModelServer:
    """The model of the API, with one account and one class of models."""

    def __init__(self, limits=None, faults=(), arguments=(), keys=(KEY,), **model_class):
        self._directory = tempfile.TemporaryDirectory(prefix="weir-")
        config = pathlib.Path(self._directory.name) / "server.json"
        config.write_text(json.dumps({
            "classes": [{"name": "claude", "limits": limits or GENEROUS, **(model_class or QUICK)}],
            "accounts": [{"name": "main", "keys": list(keys)}],
            "faults": list(faults)}))
        self._process = subprocess.Popen(
            [MODEL_SERVER, "--config", config, "--port", "0", *arguments],
            stdout=subprocess.PIPE, text=True)
        self.url = ""
        for line in self._process.stdout:
            if found := re.search(r"listening on (\S+)", line):
                self.url = found[1]
                break

    def report(self):
        with urllib.request.urlopen(self.url + "/model/report", timeout=10) as response:
            return json.load(response)

    def configure(self, **change):
        """Changes the faults or limits while the server runs."""
        request = urllib.request.Request(self.url + "/model/config", json.dumps(change).encode(),
                                         {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self):
        self._process.terminate()
        self._process.communicate(timeout=10)
        self._directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()


def settings(server, **more):
    """The settings of a client of the server's; dots are written as two underscores."""
    return {"account.main.key": KEY, "transport.base_url": server.url if server else "http://127.0.0.1:9",
            "limit.claude-sonnet-4.requests_per_minute": 600000, "retry.base_ms": 10,
            "retry.budget.capacity": 0,
            **{name.replace("__", "."): value for name, value in more.items()}}


def body(text="What is a weir?", **more):
    return {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}


def sdk_packages():
    """The Anthropic SDK and what of httpx and httpx2 it is built on; None and None if it is not installed."""
    try:
        import anthropic
    except ImportError:
        return None, None
    return anthropic, getattr(anthropic._base_client, "httpx2", None) or anthropic._base_client.httpx
