"""Generated from bindings/weir.json by bindings/python/generate.py."""

from typing import Dict, Type

from weir._error import Error

__all__ = [
    "Error",
    "InternalError",
    "NomemError",
    "BadHandleError",
    "BadArgumentError",
    "UnknownKeyError",
    "InvalidValueError",
    "UnsupportedError",
    "NotFoundError",
    "QueueFullError",
    "ClosedError",
    "ForkedError",
    "ReentrantError",
    "BusyError",
    "TimeoutError",
    "BadBodyError",
    "NeverFitsError",
    "TooLateError",
    "NoAccountError",
    "IoError",
    "NotNowError",
    "CancelledError",
    "ShutdownError",
    "DeadlineError",
    "ConnectionError",
    "TlsError",
    "AttemptTimeoutError",
    "BrokenResponseError",
    "ResponseTooLargeError",
    "RateLimitedError",
    "SpendLimitError",
    "OverloadedError",
    "ServerError",
    "RejectedError",
    "AuthenticationError",
    "PermissionError",
    "StreamBrokenError",
    "ExpiredError",
    "BatchGoneError",
]


class InternalError(Error):
    """WEIR_ERR_INTERNAL"""

    code = -1


class NomemError(Error):
    """WEIR_ERR_NOMEM"""

    code = -2


class BadHandleError(Error):
    """WEIR_ERR_BAD_HANDLE"""

    code = -3


class BadArgumentError(Error):
    """WEIR_ERR_BAD_ARGUMENT"""

    code = -4


class UnknownKeyError(Error):
    """WEIR_ERR_UNKNOWN_KEY"""

    code = -5


class InvalidValueError(Error):
    """WEIR_ERR_INVALID_VALUE"""

    code = -6


class UnsupportedError(Error):
    """WEIR_ERR_UNSUPPORTED"""

    code = -7


class NotFoundError(Error):
    """WEIR_ERR_NOT_FOUND"""

    code = -8


class QueueFullError(Error):
    """WEIR_ERR_QUEUE_FULL"""

    code = -9


class ClosedError(Error):
    """WEIR_ERR_CLOSED"""

    code = -10


class ForkedError(Error):
    """WEIR_ERR_FORKED"""

    code = -11


class ReentrantError(Error):
    """WEIR_ERR_REENTRANT"""

    code = -12


class BusyError(Error):
    """WEIR_ERR_BUSY"""

    code = -13


class TimeoutError(Error):
    """WEIR_ERR_TIMEOUT"""

    code = -14


class BadBodyError(Error):
    """WEIR_ERR_BAD_BODY"""

    code = -15


class NeverFitsError(Error):
    """WEIR_ERR_NEVER_FITS"""

    code = -16


class TooLateError(Error):
    """WEIR_ERR_TOO_LATE"""

    code = -17


class NoAccountError(Error):
    """WEIR_ERR_NO_ACCOUNT"""

    code = -18


class IoError(Error):
    """WEIR_ERR_IO"""

    code = -19


class NotNowError(Error):
    """WEIR_ERR_NOT_NOW"""

    code = -20


class CancelledError(Error):
    """WEIR_ERR_CANCELLED"""

    code = -100


class ShutdownError(Error):
    """WEIR_ERR_SHUTDOWN"""

    code = -101


class DeadlineError(Error):
    """WEIR_ERR_DEADLINE"""

    code = -102


class ConnectionError(Error):
    """WEIR_ERR_CONNECTION"""

    code = -103


class TlsError(Error):
    """WEIR_ERR_TLS"""

    code = -104


class AttemptTimeoutError(Error):
    """WEIR_ERR_ATTEMPT_TIMEOUT"""

    code = -105


class BrokenResponseError(Error):
    """WEIR_ERR_BROKEN_RESPONSE"""

    code = -106


class ResponseTooLargeError(Error):
    """WEIR_ERR_RESPONSE_TOO_LARGE"""

    code = -107


class RateLimitedError(Error):
    """WEIR_ERR_RATE_LIMITED"""

    code = -108


class SpendLimitError(Error):
    """WEIR_ERR_SPEND_LIMIT"""

    code = -109


class OverloadedError(Error):
    """WEIR_ERR_OVERLOADED"""

    code = -110


class ServerError(Error):
    """WEIR_ERR_SERVER"""

    code = -111


class RejectedError(Error):
    """WEIR_ERR_REJECTED"""

    code = -112


class AuthenticationError(Error):
    """WEIR_ERR_AUTHENTICATION"""

    code = -113


class PermissionError(Error):
    """WEIR_ERR_PERMISSION"""

    code = -114


class StreamBrokenError(Error):
    """WEIR_ERR_STREAM_BROKEN"""

    code = -115


class ExpiredError(Error):
    """WEIR_ERR_EXPIRED"""

    code = -116


class BatchGoneError(Error):
    """WEIR_ERR_BATCH_GONE"""

    code = -117


CLASSES: Dict[int, Type[Error]] = {
    -1: InternalError,
    -2: NomemError,
    -3: BadHandleError,
    -4: BadArgumentError,
    -5: UnknownKeyError,
    -6: InvalidValueError,
    -7: UnsupportedError,
    -8: NotFoundError,
    -9: QueueFullError,
    -10: ClosedError,
    -11: ForkedError,
    -12: ReentrantError,
    -13: BusyError,
    -14: TimeoutError,
    -15: BadBodyError,
    -16: NeverFitsError,
    -17: TooLateError,
    -18: NoAccountError,
    -19: IoError,
    -20: NotNowError,
    -100: CancelledError,
    -101: ShutdownError,
    -102: DeadlineError,
    -103: ConnectionError,
    -104: TlsError,
    -105: AttemptTimeoutError,
    -106: BrokenResponseError,
    -107: ResponseTooLargeError,
    -108: RateLimitedError,
    -109: SpendLimitError,
    -110: OverloadedError,
    -111: ServerError,
    -112: RejectedError,
    -113: AuthenticationError,
    -114: PermissionError,
    -115: StreamBrokenError,
    -116: ExpiredError,
    -117: BatchGoneError,
}
