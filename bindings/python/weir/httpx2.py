"""The transports as classes of httpx2's, for type checkers and whoever asks isinstance()."""

import httpx2

from weir import transport


class Transport(transport.Transport, httpx2.BaseTransport):
    __doc__ = transport.Transport.__doc__


class AsyncTransport(transport.AsyncTransport, httpx2.AsyncBaseTransport):
    __doc__ = transport.AsyncTransport.__doc__
