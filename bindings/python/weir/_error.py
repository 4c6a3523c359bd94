"""The one kind of exception that the library's failures become; errors.py has a class for each code."""

from __future__ import annotations

from typing import Optional

from weir import _table


class Error(Exception):
    """A refusal (the call had no effect) or the failure of a request that was accepted.

    `code` is the WEIR_ERR_ code, `name` its stable name ("queue_full"), `message` is for people.
    """

    code: int = 0
    name: str = ""
    source: str = "local"  # "config", "local", "transport" or "provider"
    flags: int = 0
    http_status: int = 0  # the provider's HTTP status, or 0
    provider_type: str = ""  # the provider's error type ("overloaded_error"), or ""
    request_id: str = ""  # the provider's, or ""
    retry_after: Optional[float] = None  # the seconds to wait, as the provider or a limit has it
    attempts: int = 0  # how many were sent

    @property
    def message(self) -> str:
        return str(self)

    @property
    def retryable(self) -> bool:
        """The same request may succeed later."""
        return bool(self.flags & _table.ERROR_RETRYABLE)

    @property
    def maybe_executed(self) -> bool:
        """The provider may have done, and billed, the work."""
        return bool(self.flags & _table.ERROR_MAYBE_EXECUTED)

    @property
    def throttled(self) -> bool:
        """A limit, the provider's or the engine's, was in the way."""
        return bool(self.flags & _table.ERROR_THROTTLED)

    @property
    def fatal(self) -> bool:
        """The engine is unusable."""
        return bool(self.flags & _table.ERROR_FATAL)

    @property
    def timed_out(self) -> bool:
        """A timeout or a deadline."""
        return bool(self.flags & _table.ERROR_TIMED_OUT)

    @property
    def cancelled(self) -> bool:
        """The caller asked for it: cancel or close."""
        return bool(self.flags & _table.ERROR_CANCELLED)


class LibraryError(Exception):
    """libweir could not be loaded, or is not of the version that this package is made for."""
