# frozen_string_literal: true

# Generated from bindings/weir.json by bindings/ruby/generate.py.

module Weir
  class InternalError < Error; end # WEIR_ERR_INTERNAL
  class NomemError < Error; end # WEIR_ERR_NOMEM
  class BadHandleError < Error; end # WEIR_ERR_BAD_HANDLE
  class BadArgumentError < Error; end # WEIR_ERR_BAD_ARGUMENT
  class UnknownKeyError < Error; end # WEIR_ERR_UNKNOWN_KEY
  class InvalidValueError < Error; end # WEIR_ERR_INVALID_VALUE
  class UnsupportedError < Error; end # WEIR_ERR_UNSUPPORTED
  class NotFoundError < Error; end # WEIR_ERR_NOT_FOUND
  class QueueFullError < Error; end # WEIR_ERR_QUEUE_FULL
  class ClosedError < Error; end # WEIR_ERR_CLOSED
  class ForkedError < Error; end # WEIR_ERR_FORKED
  class ReentrantError < Error; end # WEIR_ERR_REENTRANT
  class BusyError < Error; end # WEIR_ERR_BUSY
  class TimeoutError < Error; end # WEIR_ERR_TIMEOUT
  class BadBodyError < Error; end # WEIR_ERR_BAD_BODY
  class NeverFitsError < Error; end # WEIR_ERR_NEVER_FITS
  class TooLateError < Error; end # WEIR_ERR_TOO_LATE
  class NoAccountError < Error; end # WEIR_ERR_NO_ACCOUNT
  class IoError < Error; end # WEIR_ERR_IO
  class NotNowError < Error; end # WEIR_ERR_NOT_NOW
  class CancelledError < Error; end # WEIR_ERR_CANCELLED
  class ShutdownError < Error; end # WEIR_ERR_SHUTDOWN
  class DeadlineError < Error; end # WEIR_ERR_DEADLINE
  class ConnectionError < Error; end # WEIR_ERR_CONNECTION
  class TlsError < Error; end # WEIR_ERR_TLS
  class AttemptTimeoutError < Error; end # WEIR_ERR_ATTEMPT_TIMEOUT
  class BrokenResponseError < Error; end # WEIR_ERR_BROKEN_RESPONSE
  class ResponseTooLargeError < Error; end # WEIR_ERR_RESPONSE_TOO_LARGE
  class RateLimitedError < Error; end # WEIR_ERR_RATE_LIMITED
  class SpendLimitError < Error; end # WEIR_ERR_SPEND_LIMIT
  class OverloadedError < Error; end # WEIR_ERR_OVERLOADED
  class ServerError < Error; end # WEIR_ERR_SERVER
  class RejectedError < Error; end # WEIR_ERR_REJECTED
  class AuthenticationError < Error; end # WEIR_ERR_AUTHENTICATION
  class PermissionError < Error; end # WEIR_ERR_PERMISSION
  class StreamBrokenError < Error; end # WEIR_ERR_STREAM_BROKEN
  class ExpiredError < Error; end # WEIR_ERR_EXPIRED
  class BatchGoneError < Error; end # WEIR_ERR_BATCH_GONE

  ERRORS = {
    -1 => InternalError,
    -2 => NomemError,
    -3 => BadHandleError,
    -4 => BadArgumentError,
    -5 => UnknownKeyError,
    -6 => InvalidValueError,
    -7 => UnsupportedError,
    -8 => NotFoundError,
    -9 => QueueFullError,
    -10 => ClosedError,
    -11 => ForkedError,
    -12 => ReentrantError,
    -13 => BusyError,
    -14 => TimeoutError,
    -15 => BadBodyError,
    -16 => NeverFitsError,
    -17 => TooLateError,
    -18 => NoAccountError,
    -19 => IoError,
    -20 => NotNowError,
    -100 => CancelledError,
    -101 => ShutdownError,
    -102 => DeadlineError,
    -103 => ConnectionError,
    -104 => TlsError,
    -105 => AttemptTimeoutError,
    -106 => BrokenResponseError,
    -107 => ResponseTooLargeError,
    -108 => RateLimitedError,
    -109 => SpendLimitError,
    -110 => OverloadedError,
    -111 => ServerError,
    -112 => RejectedError,
    -113 => AuthenticationError,
    -114 => PermissionError,
    -115 => StreamBrokenError,
    -116 => ExpiredError,
    -117 => BatchGoneError,
  }.freeze
end
