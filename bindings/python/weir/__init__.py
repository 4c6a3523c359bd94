"""weir: one engine for a program's traffic to the Claude API.

    with weir.Client() as client:
        print(client.messages({"model": "claude-haiku-4-5", "max_tokens": 100,
                               "messages": [{"role": "user", "content": "What is a weir?"}]}).text)
"""

from weir import errors
from weir._answer import Answer
from weir._done import Done
from weir._error import Error, LibraryError
from weir._library import settings, version
from weir._permit import BROKEN, CONNECT, TIMEOUT, TLS, UNUSED, Permit
from weir._table import (NUMBER_CACHE_READ_TOKENS as CACHE_READ_TOKENS,
                         NUMBER_CACHE_WRITE_TOKENS as CACHE_WRITE_TOKENS,
                         NUMBER_INPUT_TOKENS as INPUT_TOKENS, NUMBER_OUTPUT_TOKENS as OUTPUT_TOKENS)
from weir._table import VERSION_STRING as __version__
from weir.aio import AsyncClient, AsyncTicket
from weir.client import Client, Ticket
from weir.transport import AsyncTransport, Transport

__all__ = [
    "Answer", "AsyncClient", "AsyncTicket", "AsyncTransport", "BROKEN", "CACHE_READ_TOKENS",
    "CACHE_WRITE_TOKENS", "CONNECT", "Client", "Done", "Error", "INPUT_TOKENS", "LibraryError",
    "OUTPUT_TOKENS", "Permit", "TIMEOUT", "TLS", "Ticket", "Transport", "UNUSED", "__version__",
    "errors", "settings", "version",
]
