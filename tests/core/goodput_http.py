#!/usr/bin/env python3
"""Goodput over real HTTP: the jobs of `goodput --jobs` again, with weir against the model server.

    goodput_http.py BUILD [--only TEXT]

Prints a row a job, and fails if one is further than 0.01 below what virtual time says.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

AT_ONCE = 3  # jobs side by side: each needs little of a processor
SEEDS = 20  # in virtual time
TOLERANCE = 0.01
KEY = "test-key"
MODEL = "claude-sonnet-4-5"
BYTES_PER_TOKEN = 3.6  # the model server's tokenizer
WORDS = "the river goes over a weir and what it carries is measured there by the hour ".split()


def lognormal(spread, randomness):
    sigma = spread["sigma"]
    return randomness.lognormvariate(math.log(spread["mean"]) - sigma * sigma / 2, sigma)


def text_of(tokens, randomness):
    length = max(int(tokens * BYTES_PER_TOKEN), 8)
    words = []
    size = 0
    while size < length:
        words.append(randomness.choice(WORDS))
        size += len(words[-1]) + 1
    return " ".join(words)[:length]


def write_prompts(path, job):
    randomness = random.Random(job["name"])
    with path.open("w") as file:
        for number in range(job["requests"]):
            content = text_of(lognormal(job["input_tokens"], randomness), randomness)
            params = {"model": MODEL, "max_tokens": job["max_tokens"],
                      "messages": [{"role": "user", "content": content}]}
            file.write(json.dumps({"custom_id": f"prompt-{number}", "params": params}) + "\n")


def server_config(job):
    return {
        "seed": 7,
        "classes": [{"name": "any", "models": ["*"], "limits": job["limits"],
                     "depth_s": job["depth_s"], "output_tokens": job["output_tokens"],
                     "first_token_s": job["first_token_s"], "tokens_per_s": job["tokens_per_s"]}],
        "accounts": [{"name": "main", "keys": [KEY]}],
    }


def optimum_s(job, report):
    """The least time in which the buckets could pass the work, and a mean service time."""
    total = report["total"]
    used = {"requests_per_minute": total["accepted"],
            "input_tokens_per_minute": total["input_tokens"],
            "output_tokens_per_minute": total["output_tokens"]}
    least = 0
    for name, limit in job["limits"].items():
        per_s = limit / 60
        least = max(least, (used[name] - per_s * job["depth_s"]) / per_s)
    mean_output = total["output_tokens"] / total["completed"]
    return least + job["first_token_s"] + mean_output / job["tokens_per_s"]


def run_job(build, job):
    """Its goodput and waste."""
    with tempfile.TemporaryDirectory(prefix="weir-") as name:
        directory = pathlib.Path(name)
        (directory / "server.json").write_text(json.dumps(server_config(job)))
        write_prompts(directory / "in.jsonl", job)
        server = subprocess.Popen(
            [build / "tests/server/weir-model-server", "--config", directory / "server.json",
             "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().split()[-1]
            command = [build / "examples/weir", "run", directory / "in.jsonl",
                       "-o", directory / "out.jsonl", "--base-url", url]
            if job["configured"]:
                for limit, value in job["limits"].items():
                    command += ["--set", f"limit.claude-sonnet-4.{limit}={value}"]
            started = time.monotonic()
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL,
                           env={**os.environ, "ANTHROPIC_API_KEY": KEY})
            seconds = time.monotonic() - started
            with urllib.request.urlopen(url + "/model/report", timeout=10) as response:
                report = json.load(response)
        finally:
            server.terminate()
            server.wait()
    refused = sum(report["total"]["refused"].values())
    return optimum_s(job, report) / seconds, refused / report["total"]["accepted"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    build = options.build.resolve()
    listed = subprocess.run([build / "tests/core/goodput", "--jobs", "--seeds", str(SEEDS)],
                            check=True, capture_output=True, text=True).stdout
    jobs = [job for job in json.loads(listed) if options.only in job["name"]]
    print(f"{'job over HTTP':<58} {'goodput':>8} {'virtual':>8} {'waste':>8} {'virtual':>8}")
    below = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for job, (goodput, waste) in zip(jobs, pool.map(lambda job: run_job(build, job), jobs)):
            met = goodput >= job["goodput"] - TOLERANCE
            below += not met
            print(f"{job['name']:<58} {goodput:8.4f} {job['goodput']:8.4f} {waste:8.4f} "
                  f"{job['waste']:8.4f}  {'met' if met else 'MISSED'}", flush=True)
    return 1 if below or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
