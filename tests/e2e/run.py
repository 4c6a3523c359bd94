#!/usr/bin/env python3
"""Runs the end-to-end tests side by side: they mostly wait for the model server's buckets.

    run.py [-v] [NAME...]      names of test methods; WEIR_BUILD is the build directory
"""

import concurrent.futures
import pathlib
import sys
import time
import unittest

AT_ONCE = 8


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def run_one(test):
    result = unittest.TestResult()
    started = time.monotonic()
    test.run(result)
    problems = result.errors + result.failures
    word = "FAILED" if problems else "skipped" if result.skipped else "ok"
    print(f"{word:8}{time.monotonic() - started:6.1f} s  {test.id()}", flush=True)
    return [f"{name.id()}\n{text}" for name, text in problems]


def main():
    wanted = sys.argv[1:]
    suite = unittest.defaultTestLoader.discover(pathlib.Path(__file__).parent)
    tests = [test for test in flatten(suite)
             if not wanted or any(name in test.id() for name in wanted)]
    tests.sort(key=lambda test: getattr(test, "seconds", 0), reverse=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        problems = [problem for found in pool.map(run_one, tests) for problem in found]
    print("\n\n".join(problems))
    print(f"{len(tests)} tests, {len(problems)} failures")
    return 1 if problems or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
