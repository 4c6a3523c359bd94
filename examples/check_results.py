#!/usr/bin/env python3
"""Checks that each request has succeeded, exactly once, and that nothing else was written.

    check_results.py INPUT OUTPUT
"""

import json
import sys


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                sys.exit(f"{path}, line {number}: {error}")
            if not line.endswith("\n"):
                sys.exit(f"{path}, line {number}, is torn")


def main():
    wanted = {line["custom_id"] for line in read_lines(sys.argv[1])}
    found = set()
    for line in read_lines(sys.argv[2]):
        custom_id, result = line["custom_id"], line["result"]
        if custom_id not in wanted:
            sys.exit(f"{custom_id} was not asked")
        if custom_id in found:
            sys.exit(f"{custom_id} is there twice")
        if result["type"] != "succeeded" or result["message"]["type"] != "message":
            sys.exit(f"{custom_id} has no message: {result}")
        found.add(custom_id)
    if missing := wanted - found:
        sys.exit(f"{len(missing)} are missing, {sorted(missing)[0]} among them")
    print(f"{len(found)} requests, each answered once.")


if __name__ == "__main__":
    main()
