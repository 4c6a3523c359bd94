"""Looks at the server-sent events of an answer as they pass: where it stands, and what it has used."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

from weir import _table

# That there is something of the answer: that a block begins does not say so.
_CONTENT = frozenset(["content_block_delta", "content_block_stop", "message_stop"])
_CHARACTERS_PER_TOKEN = 4
_PROGRESS_STEP = 64  # output tokens between two reports
_FIGURES = {"input_tokens": _table.NUMBER_INPUT_TOKENS, "output_tokens": _table.NUMBER_OUTPUT_TOKENS,
            "cache_creation_input_tokens": _table.NUMBER_CACHE_WRITE_TOKENS,
            "cache_read_input_tokens": _table.NUMBER_CACHE_READ_TOKENS}


class EventWatch:
    """Reads a stream beside whoever it is for; what it does not understand it lets pass."""

    def __init__(self) -> None:
        self.has_content = False
        self.stopped = False  # message_stop: the answer is whole
        self.error = b""  # the data of an error event
        self.usage: Dict[int, int] = {}
        self._rest = b""
        self._characters = 0
        self._told = 0

    def feed(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                self._see(line[5:].strip())

    def progress(self) -> int:
        """The output tokens to tell of, if there is enough news; else 0."""
        shown = max(self._characters // _CHARACTERS_PER_TOKEN,
                    self.usage.get(_table.NUMBER_OUTPUT_TOKENS, 0))
        if shown < self._told + _PROGRESS_STEP:
            return 0
        self._told = shown
        return shown

    def _see(self, data: bytes) -> None:
        try:
            event = json.loads(data)
            kind = event["type"]
        except (ValueError, TypeError, KeyError):
            return
        if kind == "error":
            self.error = data
        elif kind == "message_stop":
            self.stopped = True
        elif kind == "message_start":
            self._take_usage(_object(event.get("message")).get("usage"))
        elif kind == "message_delta":
            self._take_usage(event.get("usage"))
        elif kind == "content_block_delta":
            self._characters += sum(len(part) for part in _object(event.get("delta")).values()
                                    if isinstance(part, str))
        self.has_content = self.has_content or kind in _CONTENT

    def _take_usage(self, usage: Any) -> None:
        for name, figure in _object(usage).items():
            if name in _FIGURES and isinstance(figure, int) and figure >= 0:
                self.usage[_FIGURES[name]] = figure


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
