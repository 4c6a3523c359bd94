"""The transports as classes of httpx's, for type checkers and whoever asks isinstance()."""

import httpx

from weir import transport


class Transport(transport.Transport, httpx.BaseTransport):
    __doc__ = transport.Transport.__doc__


class AsyncTransport(transport.AsyncTransport, httpx.AsyncBaseTransport):
    __doc__ = transport.AsyncTransport.__doc__
