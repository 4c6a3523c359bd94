#!/usr/bin/env python3
"""Prints a few hundred requests for weir: passages of licence texts to be explained.

    license_prompts.py COUNT FILE...
"""

import json
import pathlib
import re
import sys

SHORTEST_PASSAGE = 200


def passages(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for paragraph in re.split(r"\n\s*\n", text):
        passage = " ".join(paragraph.split())
        if len(passage) >= SHORTEST_PASSAGE:
            yield passage


def request(name, number, passage):
    question = f"Explain this passage of {name} in one plain sentence:\n\n{passage}"
    return {
        "custom_id": f"{name.replace('.', '_')}-{number}",
        "params": {
            "model": "claude-haiku-4-5",
            "max_tokens": 300,
            "messages": [{"role": "user", "content": question}],
        },
    }


def main():
    count = int(sys.argv[1])
    for name in sys.argv[2:]:
        path = pathlib.Path(name)
        for number, passage in enumerate(passages(path), start=1):
            if count == 0:
                return
            print(json.dumps(request(path.name, number, passage)))
            count -= 1


if __name__ == "__main__":
    main()
