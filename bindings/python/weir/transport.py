"""Transports for httpx and httpx2, on which the Anthropic SDK runs under weir unchanged:

    anthropic.Anthropic(http_client=httpx2.Client(transport=weir.Transport(client)))

Each call of the Messages API asks weir for a permit before each attempt, and weir alone decides on a
further one: what it gives up carries `x-should-retry: false`, so that nobody repeats it above. Other
calls pass through as they are. The SDK's versions before 1.0 take httpx, those from 1.0 on httpx2; a
transport works with both, and with that of them whose client it is given to.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional, Tuple, TypeVar, Union

from weir import _table
from weir._error import Error
from weir._permit import Permit, failure_of
from weir._sse import EventWatch
from weir.aio import AsyncClient, AsyncTicket
from weir.client import Client, Ticket

# Of a permit, in seconds. It is always reported: the lease is for a program that forgets its stream.
_LEASE_S = 3600
# The headers that say something to weir, and go no further: "weir-priority: high", and so on.
_PREFIX = "weir-"
_HEADERS: Dict[str, Callable[[str], Any]] = {
    "priority": str, "tenant": str, "deadline_s": float, "route": str, "complexity": str, "affinity": str,
    "input_tokens": int, "output_tokens": int, "count_tokens": str, "tag": int}

# How the caller hears of what ends without a response of the provider's.
_REFUSALS = {
    _table.ERR_BAD_BODY: (400, "invalid_request_error"),
    _table.ERR_BAD_ARGUMENT: (400, "invalid_request_error"),
    _table.ERR_INVALID_VALUE: (400, "invalid_request_error"),
    _table.ERR_UNKNOWN_KEY: (400, "invalid_request_error"),
    _table.ERR_NEVER_FITS: (413, "request_too_large"),
    _table.ERR_NO_ACCOUNT: (401, "authentication_error"),
    _table.ERR_AUTHENTICATION: (401, "authentication_error"),
    _table.ERR_PERMISSION: (403, "permission_error"),
    _table.ERR_SPEND_LIMIT: (402, "billing_error"),
    _table.ERR_QUEUE_FULL: (429, "rate_limit_error"),
    _table.ERR_RATE_LIMITED: (429, "rate_limit_error"),
    _table.ERR_TOO_LATE: (504, "timeout_error"),
    _table.ERR_DEADLINE: (504, "timeout_error"),
    _table.ERR_ATTEMPT_TIMEOUT: (504, "timeout_error"),
    _table.ERR_OVERLOADED: (529, "overloaded_error"),
    _table.ERR_CONNECTION: (502, "api_error"),
    _table.ERR_TLS: (502, "api_error"),
    _table.ERR_BROKEN_RESPONSE: (502, "api_error"),
    _table.ERR_STREAM_BROKEN: (502, "api_error"),
}
_OTHER = (503, "api_error")
# A whole answer is handed on, whatever became of the ticket meanwhile: it is paid.
_NOT_AN_ANSWER = (_table.ERR_BROKEN_RESPONSE, _table.ERR_RESPONSE_TOO_LARGE, _table.ERR_STREAM_BROKEN)

T = TypeVar("T")
KeyFunction = Callable[[Permit], Optional[str]]


def _package(request: Any) -> Any:
    """httpx or httpx2: whichever the request is of."""
    return sys.modules[type(request).__module__.partition(".")[0]]


def _is_message(request: Any) -> bool:
    return bool(request.method == "POST" and request.url.path.endswith("/v1/messages"))


def _options(request: Any, defaults: Dict[str, Any]) -> Dict[str, Any]:
    """The options of the permit: those of all requests, and those in this one's headers."""
    options = {"lease_s": _LEASE_S, **defaults}
    for header, value in request.headers.items():
        if not header.startswith(_PREFIX):
            continue
        name = header[len(_PREFIX):].replace("-", "_")
        if name not in _HEADERS:
            raise TypeError(f"the header {header} is no option of a request")
        try:
            options[name] = _HEADERS[name](value)
        except ValueError:
            raise TypeError(f"{header}: {value!r} is no number") from None
    options["body"] = request.content
    return options


def _inner(kind: Any, package: Any) -> Any:
    """A transport of the package's own. weir bounds what is in flight, and the pool does not."""
    limits = package.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=60)
    return kind(limits=limits)


def _is_routed(request: Any, options: Dict[str, Any]) -> bool:
    """weir chooses the model."""
    return bool(options.get("route")) or b'"route:' in request.content


def _prepared(request: Any, permit: Permit, routed: bool, key: Optional[KeyFunction]) -> Any:
    """The request of this attempt: with the model and the key of the permit, where weir chooses them."""
    package = _package(request)
    content, url = request.content, request.url
    headers = package.Headers([pair for pair in request.headers.multi_items()
                               if not pair[0].startswith(_PREFIX)])
    secret = key(permit) if key else None
    if secret is not None:
        # A key goes to its account's host, and to no other.
        base = permit.base_url.rstrip("/")
        base = base[:-len("/v1")] if base.endswith("/v1") else base
        url = package.URL(base + "/v1/messages").copy_with(query=url.query or None)
        if "x-api-key" not in headers and "authorization" in headers:
            headers["authorization"] = "Bearer " + secret
        else:
            headers.pop("authorization", None)
            headers["x-api-key"] = secret
        headers["host"] = url.netloc.decode("ascii")
    if routed:  # else a body goes as it is, byte for byte
        content = json.dumps({**json.loads(content), "model": permit.model}, ensure_ascii=False).encode()
        headers["content-length"] = str(len(content))
    return package.Request(request.method, url, headers=headers, content=content,
                           extensions=request.extensions)


def _head(response: Any) -> List[Tuple[str, str]]:
    """The headers, without those that are about an encoding that has been undone."""
    return [(name, value) for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")]


class _Attempt:
    """What has come of one attempt, whoever reads it: a whole response, or the beginning of a stream."""

    def __init__(self, request: Any, permit: Permit) -> None:
        self.request = request
        self.permit = permit
        self.response: Any = None
        self.content: Optional[bytes] = None  # of a whole response
        self.exception: Optional[Exception] = None  # in place of a whole response
        self.watch = EventWatch()
        self.held: List[bytes] = []  # of a stream, until its first content

    def take_head(self, response: Any) -> None:
        self.response = response
        response.request = self.request
        if response.is_success:
            self.permit.report_head(response.status_code, _head(response))

    @property
    def is_stream(self) -> bool:
        content_type = self.response.headers.get("content-type", "")
        return bool(self.response.is_success and content_type.startswith("text/event-stream"))

    @property
    def decided(self) -> bool:
        """A stream has shown what it is: an answer, or a failure before its first content."""
        return bool(self.watch.has_content or self.watch.error)

    def see(self, chunk: bytes) -> None:
        self.watch.feed(chunk)
        shown = self.watch.progress()
        if shown:
            self.permit.report_progress(shown)

    def report(self) -> None:
        """The end of an attempt, as far as it can be told yet."""
        if self.permit.reported:
            return
        status = self.response.status_code if self.response is not None else 0
        head = _head(self.response) if self.response is not None else []
        failure = failure_of(self.exception) if self.exception else 0
        body: Optional[bytes] = None
        if self.response is not None and self.is_stream:
            body = self.watch.error or None
            if not body and not failure and not self.watch.stopped:
                failure = _table.FAILURE_BROKEN
        elif self.content is not None:
            body = self.content
        self.permit.report(status, head, body, failure=failure, usage=self.watch.usage,
                           delivered=self.watch.has_content)

    def answer(self, stream: Any = None) -> Any:
        """The response for the caller."""
        package = _package(self.request)
        extensions = {name: value for name, value in self.response.extensions.items()
                      if name != "network_stream"}
        headers = _head(self.response)
        if stream is None:
            content = self.content or b""
            headers.append(("content-length", str(len(content))))
            stream = package.ByteStream(content)
        return package.Response(self.response.status_code, headers=headers, stream=stream,
                                extensions=extensions)

    def final(self, error: Error) -> Any:
        """The response for the caller when weir gives up: the provider's if there is one."""
        if self.response is not None and self.is_stream and self.watch.error:
            self.content = b"".join(self.held)
        succeeded = self.response is not None and self.response.is_success and not self.watch.error
        if self.content is None or self.exception or (succeeded and error.code in _NOT_AN_ANSWER):
            return refusal(self.request, error)
        response = self.answer()
        response.headers["x-should-retry"] = "false"
        response.extensions["weir_error"] = error
        return response


def refusal(request: Any, error: Exception) -> Any:
    """A response in the provider's words for what has none."""
    code = error.code if isinstance(error, Error) else _table.ERR_BAD_ARGUMENT
    status, kind = _REFUSALS.get(code, _OTHER)
    headers = {"x-should-retry": "false", "content-type": "application/json"}
    if isinstance(error, Error):
        headers["weir-error"] = error.name
        if error.retry_after is not None:
            headers["retry-after"] = str(int(error.retry_after + 0.999))
        if error.request_id:
            headers["request-id"] = error.request_id
    content = json.dumps({"type": "error", "error": {"type": kind, "message": f"weir: {error}"}}).encode()
    headers["content-length"] = str(len(content))
    package = _package(request)
    return package.Response(status, headers=headers, stream=package.ByteStream(content),
                            extensions={"weir_error": error})


def _cut(request: Any) -> Exception:
    """An answer that ends before it is whole ends with an exception, and never in silence."""
    exception: Exception = _package(request).RemoteProtocolError(
        "weir: the stream ended without message_stop", request=request)
    return exception


class _Reader:
    """The stream of an answer, for the caller: what was held back, and then what comes."""

    def __init__(self, attempt: _Attempt, chunks: Iterator[bytes], ticket: Ticket) -> None:
        self._attempt, self._chunks, self._ticket = attempt, chunks, ticket

    def __iter__(self) -> Iterator[bytes]:
        attempt = self._attempt
        yield from attempt.held
        attempt.held = []
        try:
            for chunk in self._chunks:
                attempt.see(chunk)
                if attempt.watch.stopped or attempt.watch.error:
                    attempt.report()
                yield chunk
        except Exception as exception:
            if attempt.watch.stopped:
                return  # the answer is whole, however the connection ends
            attempt.exception = exception
            attempt.report()
            raise
        attempt.report()
        if not attempt.watch.stopped and not attempt.watch.error:
            raise _cut(attempt.request)

    def close(self) -> None:
        try:
            self._attempt.response.close()
        finally:
            _abandon(self._attempt, self._ticket)

    def __del__(self) -> None:
        _abandon(self._attempt, self._ticket)


class _AsyncReader:
    """The same for asyncio."""

    def __init__(self, attempt: _Attempt, chunks: AsyncIterator[bytes], ticket: AsyncTicket) -> None:
        self._attempt, self._chunks, self._ticket = attempt, chunks, ticket

    async def __aiter__(self) -> AsyncIterator[bytes]:
        attempt = self._attempt
        for chunk in attempt.held:
            yield chunk
        attempt.held = []
        try:
            async for chunk in self._chunks:
                attempt.see(chunk)
                if attempt.watch.stopped or attempt.watch.error:
                    attempt.report()
                yield chunk
        except Exception as exception:
            if attempt.watch.stopped:
                return  # the answer is whole, however the connection ends
            attempt.exception = exception
            attempt.report()
            raise
        attempt.report()
        if not attempt.watch.stopped and not attempt.watch.error:
            raise _cut(attempt.request)

    async def aclose(self) -> None:
        try:
            await self._attempt.response.aclose()
        finally:
            _abandon(self._attempt, self._ticket)

    def __del__(self) -> None:
        _abandon(self._attempt, self._ticket)


def _abandon(attempt: _Attempt, ticket: Union[Ticket, AsyncTicket]) -> None:
    """The caller has left a stream. Before its end, it counts as what it was expected to take."""
    if attempt.watch.stopped:
        attempt.report()
    elif not attempt.permit.reported:
        attempt.permit.reported = True
        ticket.cancel()


@functools.lru_cache(maxsize=None)
def _reader_of(package: Any) -> Any:
    return type("Reader", (_Reader, package.SyncByteStream), {})


@functools.lru_cache(maxsize=None)
def _async_reader_of(package: Any) -> Any:
    return type("AsyncReader", (_AsyncReader, package.AsyncByteStream), {})


class Transport:
    """A transport for httpx.Client and httpx2.Client, under the limits of a weir.Client.

    `inner` makes the attempts (HTTPTransport(...) of the same package, with a proxy or certificates of
    your own); `key` gives the secret for a permit where the client has several keys or accounts, and None
    for the request's own; `options` are those of every request. A request has its own in headers that are
    not sent: weir-priority, weir-tenant, weir-deadline-s, weir-route, and so on.
    """

    def __init__(self, client: Client, *, inner: Any = None, key: Optional[KeyFunction] = None,
                 **options: Any) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"Transport takes a weir.Client, not {type(client).__name__}")
        self._client = client
        self._inner = inner
        self._making = threading.Lock()
        self._key = key
        self._options = options

    def handle_request(self, request: Any) -> Any:
        with self._making:
            if self._inner is None:
                package = _package(request)
                self._inner = _inner(package.HTTPTransport, package)
        if not _is_message(request):
            return self._inner.handle_request(request)
        request.read()
        try:
            options = _options(request, self._options)
            ticket = self._client._acquire(options)
        except (Error, TypeError, ValueError) as error:
            return refusal(request, error)
        try:
            return self._exchange(request, ticket, _is_routed(request, options))
        except BaseException:
            ticket.cancel()
            raise

    def _exchange(self, request: Any, ticket: Ticket, routed: bool) -> Any:
        attempt: Optional[_Attempt] = None
        while True:
            try:
                permit = ticket.permit()
            except Error as error:
                return attempt.final(error) if attempt else refusal(request, error)
            if permit is None:
                assert attempt is not None
                return attempt.answer()
            attempt = _Attempt(_prepared(request, permit, routed, self._key), permit)
            stream = self._attempt(attempt, ticket)
            if stream is not None:
                return attempt.answer(stream)

    def _attempt(self, attempt: _Attempt, ticket: Ticket) -> Any:
        """Makes an attempt, and reports it unless it has become a stream for the caller."""
        try:
            attempt.take_head(self._inner.handle_request(attempt.request))
            if not attempt.is_stream:
                attempt.content = attempt.response.read()
                attempt.report()
                return None
            chunks = attempt.response.iter_bytes()
            for chunk in chunks:
                attempt.held.append(chunk)
                attempt.see(chunk)
                if attempt.decided:
                    break
            if attempt.watch.has_content:
                ticket._give_up()  # what is handed on is not repeated
                return _reader_of(_package(attempt.request))(attempt, chunks, ticket)
        except Exception as exception:
            if not failure_of(exception):
                raise  # of the program's own making: it would be the same again
            attempt.exception = exception
        attempt.report()
        if attempt.response is not None:
            attempt.response.close()
        return None

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncTransport:
    """The same for httpx.AsyncClient and httpx2.AsyncClient, under a weir.AsyncClient, with asyncio."""

    def __init__(self, client: AsyncClient, *, inner: Any = None, key: Optional[KeyFunction] = None,
                 **options: Any) -> None:
        if not isinstance(client, AsyncClient):
            raise TypeError(f"AsyncTransport takes a weir.AsyncClient, not {type(client).__name__}")
        self._client = client
        self._inner = inner
        self._key = key
        self._options = options

    async def handle_async_request(self, request: Any) -> Any:
        if self._inner is None:
            package = _package(request)
            self._inner = _inner(package.AsyncHTTPTransport, package)
        if not _is_message(request):
            return await self._inner.handle_async_request(request)
        await request.aread()
        try:
            options = _options(request, self._options)
            ticket = self._client._acquire(options)
        except (Error, TypeError, ValueError) as error:
            return refusal(request, error)
        try:
            return await self._exchange(request, ticket, _is_routed(request, options))
        except BaseException:
            ticket.cancel()
            raise

    async def _exchange(self, request: Any, ticket: AsyncTicket, routed: bool) -> Any:
        attempt: Optional[_Attempt] = None
        while True:
            try:
                permit = await ticket.permit()
            except Error as error:
                return attempt.final(error) if attempt else refusal(request, error)
            if permit is None:
                assert attempt is not None
                return attempt.answer()
            attempt = _Attempt(_prepared(request, permit, routed, self._key), permit)
            stream = await self._attempt(attempt, ticket)
            if stream is not None:
                return attempt.answer(stream)

    async def _attempt(self, attempt: _Attempt, ticket: AsyncTicket) -> Any:
        """Makes an attempt, and reports it unless it has become a stream for the caller."""
        try:
            attempt.take_head(await self._inner.handle_async_request(attempt.request))
            if not attempt.is_stream:
                attempt.content = await attempt.response.aread()
                attempt.report()
                return None
            chunks = attempt.response.aiter_bytes()
            async for chunk in chunks:
                attempt.held.append(chunk)
                attempt.see(chunk)
                if attempt.decided:
                    break
            if attempt.watch.has_content:
                ticket._give_up()  # what is handed on is not repeated
                return _async_reader_of(_package(attempt.request))(attempt, chunks, ticket)
        except Exception as exception:
            if not failure_of(exception):
                raise  # of the program's own making: it would be the same again
            attempt.exception = exception
        attempt.report()
        if attempt.response is not None:
            await attempt.response.aclose()
        return None

    async def aclose(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()

    async def __aenter__(self: T) -> T:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()
