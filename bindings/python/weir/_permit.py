"""Permits: the engine's limits, queue and retries for another HTTP client."""

from __future__ import annotations

import ctypes
import ssl
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Optional, Tuple, Union

from weir import _table
from weir._library import _text

if TYPE_CHECKING:
    from weir._engine import Engine

Headers = Union[Mapping[str, str], Iterable[Tuple[str, str]]]

# Why there is no whole response.
UNUSED = _table.FAILURE_UNUSED  # no attempt was made
CONNECT = _table.FAILURE_CONNECT  # no connection: nothing was sent
TLS = _table.FAILURE_TLS
TIMEOUT = _table.FAILURE_TIMEOUT  # the caller's own timeout, after something was sent
BROKEN = _table.FAILURE_BROKEN  # the connection broke, after something was sent

# What clients call their exceptions: those of httpx, requests, urllib3, aiohttp and the standard library.
_NO_CONNECTION = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ConnectionRefusedError", "gaierror",
                  "NewConnectionError", "ConnectTimeoutError", "ClientConnectorError", "ProxyError"}
_BROKEN = {"ConnectionError", "TransportError", "NetworkError", "ProtocolError", "IncompleteRead",
           "DecodingError", "ChunkedEncodingError", "ClientConnectionError", "ClientPayloadError",
           "RemoteDisconnected"}
# A mistake of the program's, which would be the same the next time.
_NEVER = {"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"}


def failure_of(exception: Optional[BaseException]) -> int:
    """What an HTTP client's exception says of an attempt; 0 if it is about something else."""
    if exception is None:
        return _table.FAILURE_NONE
    cause = failure_of(exception.__cause__)  # an SDK's own exception has the client's as its cause
    if cause:
        return cause
    names = [kind.__name__ for kind in type(exception).__mro__]
    if _NEVER.intersection(names):
        return _table.FAILURE_NONE
    if isinstance(exception, ssl.SSLError) or "ClientConnectorSSLError" in names:
        return TLS
    if _NO_CONNECTION.intersection(names):
        return TLS if "CERTIFICATE_VERIFY_FAILED" in str(exception) else CONNECT
    if any("Timeout" in name for name in names):
        return TIMEOUT
    return BROKEN if _BROKEN.intersection(names) else _table.FAILURE_NONE


def response_of(value: Any) -> Optional[Any]:
    """The HTTP response that a value or an exception is, or has with it."""
    for found in (value, getattr(value, "response", None)):
        if isinstance(getattr(found, "status_code", None), int) and hasattr(found, "headers"):
            return found
    return None


def pairs(headers: Headers) -> Iterator[Tuple[str, str]]:
    return iter(headers.items() if isinstance(headers, Mapping) else headers)


class Permit:
    """The right to make one attempt: make it now, and report what came of it."""

    def __init__(self, engine: Engine, permit: int) -> None:
        """Reads all of the library's permit, which may be released then."""
        library = engine.library
        self._library = library
        self._engine = engine
        text = library.weir_permit_string
        number = library.weir_permit_number
        self.ticket: int = library.weir_permit_ticket(permit)
        self.account: str = _text(text(permit, _table.PERMIT_ACCOUNT))
        self.key: str = _text(text(permit, _table.PERMIT_KEY))  # its name, never the key itself
        self.model: str = _text(text(permit, _table.PERMIT_MODEL))
        self.base_url: str = _text(text(permit, _table.PERMIT_BASE_URL))
        self.attempt: int = number(permit, _table.PERMIT_ATTEMPT)
        self.lease_s: float = number(permit, _table.PERMIT_LEASE_MS) / 1000
        self.input_tokens: int = number(permit, _table.PERMIT_INPUT_TOKENS)
        self.output_tokens: int = number(permit, _table.PERMIT_OUTPUT_TOKENS)
        self.reported = False

    def report(self, status: int = 0, headers: Headers = (), body: Union[bytes, bytearray, None] = None, *,
               failure: int = 0, usage: Optional[Mapping[int, int]] = None,
               delivered: bool = False) -> bool:
        """What came of the attempt: an HTTP status, a failure, or both. False if it has ended already.

        The body of a failure tells what was refused; that of a success what it used. `usage` has
        figures by weir.INPUT_TOKENS and the like; `delivered`: content was passed on, so that the
        attempt cannot be repeated unnoticed.
        """
        self.reported = True
        return self._tell("weir_report", status, headers, body, failure, usage, delivered)

    def report_head(self, status: int, headers: Headers) -> bool:
        """The head of a response whose body is still on its way: what it says of the limits."""
        return self._tell("weir_report_head", status, headers, None, 0, None, False)

    def report_response(self, response: Any) -> bool:
        """The same of a response of httpx, requests or the like, whose body has been read."""
        body = getattr(response, "content", None)
        return self.report(response.status_code, response.headers,
                           body if isinstance(body, (bytes, bytearray)) else None)

    def report_exception(self, exception: BaseException) -> bool:
        """The same of an exception of an HTTP client; False if it is about something else."""
        response = response_of(exception)
        if response is not None:
            return self.report_response(response)
        failure = failure_of(exception)
        return bool(failure) and self.report(failure=failure)

    def report_progress(self, output_tokens: int) -> None:
        """The output tokens that a stream has shown so far."""
        self._library.weir_report_progress(self._engine.handle, self.ticket, self.attempt, output_tokens)

    def _tell(self, function: str, status: int, headers: Headers, body: Union[bytes, bytearray, None],
              failure: int, usage: Optional[Mapping[int, int]], delivered: bool) -> bool:
        library = self._library
        outcome = library.made(library.weir_outcome_new)
        try:
            if status:
                library.check(library.weir_outcome_set_status(outcome, status))
            library.check(library.weir_outcome_set_failure(outcome, failure))
            library.check(library.weir_outcome_set_delivered(outcome, int(delivered)))
            for name, value in pairs(headers):
                key, text = name.encode("latin-1", "replace"), value.encode("latin-1", "replace")
                library.weir_outcome_set_header(outcome, key, len(key), text, len(text), None)
            if body is not None:
                library.call(library.weir_outcome_set_body, outcome, bytes(body), len(body))
            for number, figure in (usage or {}).items():
                library.check(library.weir_outcome_set_number(outcome, number, figure))
            error = ctypes.c_void_p()
            result: int = getattr(library, function)(self._engine.handle, self.ticket, self.attempt,
                                                     outcome, ctypes.byref(error))
            if result in (_table.ERR_NOT_FOUND, _table.ERR_CLOSED):  # its event says how it ended
                library.weir_error_release(error)
                return False
            if result < 0:
                raise library.error(result, error.value)
            return True
        finally:
            library.weir_outcome_release(outcome)


def settle(permit: Permit, exception: Optional[BaseException]) -> None:
    """Reports for a block that left without doing so. What it did then is not known: weir settles the
    attempt as what it was expected to take."""
    if permit.reported:
        return
    if exception is None:
        permit.report(200)
    elif not permit.report_exception(exception):
        permit._engine.cancel(permit.ticket)


def settle_value(permit: Permit, value: Any) -> None:
    """Reports for a function that returned. What is no response of HTTP counts as a success."""
    if permit.reported:
        return
    response = response_of(value)
    if response is None:
        permit.report(200, usage=usage_of(value))
    else:
        permit.report_response(response)


_FIGURES = (("input_tokens", _table.NUMBER_INPUT_TOKENS), ("output_tokens", _table.NUMBER_OUTPUT_TOKENS),
            ("cache_creation_input_tokens", _table.NUMBER_CACHE_WRITE_TOKENS),
            ("cache_read_input_tokens", _table.NUMBER_CACHE_READ_TOKENS))


def usage_of(value: Any) -> Mapping[int, int]:
    """The usage of a message: a dictionary, or an object of an SDK."""
    usage = value.get("usage") if isinstance(value, Mapping) else getattr(value, "usage", None)
    figures = {}
    for name, number in _FIGURES:
        figure = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
        if isinstance(figure, int) and figure >= 0:
            figures[number] = figure
    return figures
