"""The answer of a request, read from the library as far as somebody asks for it."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Dict, Optional

from weir import _table
from weir._library import Library, _text


class Held:
    """An event that is kept, with what belongs to it, until nobody refers to it."""

    __slots__ = ("library", "event", "object")

    def __init__(self, library: Library, event: _table.Event) -> None:
        self.library = library
        self.event = event
        self.object = event.object

    def __del__(self) -> None:
        self.library.weir_events_release(ctypes.byref(self.event), _table.EVENT_SIZE, 1)


class Number:
    """A WEIR_NUMBER_ of the answer."""

    def __init__(self, name: int) -> None:
        self._name = name

    def __get__(self, answer: Answer, owner: type) -> int:
        return int(answer._library.weir_response_number(answer._held.object, self._name))


class String:
    """A WEIR_STRING_ of the answer."""

    def __init__(self, name: int) -> None:
        self._name = name

    def __get__(self, answer: Answer, owner: type) -> str:
        return _text(answer._library.weir_response_string(answer._held.object, self._name))


class Answer:
    """The answer. It outlives its client; numbers that are not known are -1, strings ""."""

    def __init__(self, library: Library, held: Held) -> None:
        self._library = library
        self._held = held
        self._message: Optional[Dict[str, Any]] = None
        self._headers: Optional[Dict[str, str]] = None

    @property
    def ticket(self) -> int:
        return int(self._held.event.ticket)

    @property
    def body(self) -> bytes:
        """The message as the provider sent it; b"" after a stream."""
        event = self._held.event
        return ctypes.string_at(event.data, event.data_length) if event.data_length else b""

    @property
    def message(self) -> Dict[str, Any]:
        """The message as a dictionary; {} after a stream."""
        if self._message is None:
            self._message = json.loads(self.body or b"{}")
        return self._message

    def __getitem__(self, key: str) -> Any:
        return self.message[key]

    @property
    def text(self) -> str:
        """The text of all text blocks."""
        return "".join(block.get("text", "") for block in self.message.get("content", ())
                       if block.get("type") == "text")

    @property
    def http_status(self) -> int:
        return int(self._library.weir_response_http_status(self._held.object))

    @property
    def headers(self) -> Dict[str, str]:
        """The response's headers, by names in lower case."""
        if self._headers is None:
            headers: Dict[str, str] = {}
            name, value = ctypes.c_char_p(), ctypes.c_char_p()
            index = 0
            while self._library.weir_response_header_at(
                    self._held.object, index, ctypes.byref(name), ctypes.byref(value)) == 0:
                headers[_text(name.value).lower()] = _text(value.value)
                index += 1
            self._headers = headers
        return self._headers

    model = String(_table.STRING_MODEL)  # as the answer names it
    account = String(_table.STRING_ACCOUNT)
    request_id = String(_table.STRING_REQUEST_ID)
    stop_reason = String(_table.STRING_STOP_REASON)
    route = String(_table.STRING_ROUTE)
    route_reason = String(_table.STRING_ROUTE_REASON)
    input_tokens = Number(_table.NUMBER_INPUT_TOKENS)
    cache_write_tokens = Number(_table.NUMBER_CACHE_WRITE_TOKENS)
    cache_read_tokens = Number(_table.NUMBER_CACHE_READ_TOKENS)
    output_tokens = Number(_table.NUMBER_OUTPUT_TOKENS)
    attempts = Number(_table.NUMBER_ATTEMPTS)
    queued_ms = Number(_table.NUMBER_QUEUED_MS)
    first_byte_ms = Number(_table.NUMBER_FIRST_BYTE_MS)
    total_ms = Number(_table.NUMBER_TOTAL_MS)
    cost_micros = Number(_table.NUMBER_COST_MICROS)
    route_step = Number(_table.NUMBER_ROUTE_STEP)
    hedged = Number(_table.NUMBER_HEDGED)
