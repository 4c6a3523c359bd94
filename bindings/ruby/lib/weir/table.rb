# frozen_string_literal: true

# Generated from bindings/weir.json by bindings/ruby/generate.py.

module Weir
  module Table
    VERSION_NUM = 100
    VERSION_STRING = "0.1.0"

    OK = 0
    ERR_INTERNAL = -1
    ERR_NOMEM = -2
    ERR_BAD_HANDLE = -3
    ERR_BAD_ARGUMENT = -4
    ERR_UNKNOWN_KEY = -5
    ERR_INVALID_VALUE = -6
    ERR_UNSUPPORTED = -7
    ERR_NOT_FOUND = -8
    ERR_QUEUE_FULL = -9
    ERR_CLOSED = -10
    ERR_FORKED = -11
    ERR_REENTRANT = -12
    ERR_BUSY = -13
    ERR_TIMEOUT = -14
    ERR_BAD_BODY = -15
    ERR_NEVER_FITS = -16
    ERR_TOO_LATE = -17
    ERR_NO_ACCOUNT = -18
    ERR_IO = -19
    ERR_NOT_NOW = -20
    ERR_CANCELLED = -100
    ERR_SHUTDOWN = -101
    ERR_DEADLINE = -102
    ERR_CONNECTION = -103
    ERR_TLS = -104
    ERR_ATTEMPT_TIMEOUT = -105
    ERR_BROKEN_RESPONSE = -106
    ERR_RESPONSE_TOO_LARGE = -107
    ERR_RATE_LIMITED = -108
    ERR_SPEND_LIMIT = -109
    ERR_OVERLOADED = -110
    ERR_SERVER = -111
    ERR_REJECTED = -112
    ERR_AUTHENTICATION = -113
    ERR_PERMISSION = -114
    ERR_STREAM_BROKEN = -115
    ERR_EXPIRED = -116
    ERR_BATCH_GONE = -117

    ERROR_RETRYABLE = 1
    ERROR_MAYBE_EXECUTED = 2
    ERROR_THROTTLED = 4
    ERROR_FATAL = 8
    ERROR_TIMED_OUT = 16
    ERROR_CANCELLED = 32

    EVENT_STREAM = 1
    EVENT_LOG = 2
    EVENT_ENGINE = 3
    EVENT_RECOVERED = 4
    EVENT_DURABLE = 5
    EVENT_BATCH = 6
    EVENT_KEY = 7
    EVENT_STREAM_RESTART = 8
    EVENT_PERMIT = 9
    EVENT_DONE = 257
    EVENT_FAILED = 258

    NUL = 18446744073709551615
    PRIORITY_CRITICAL = 0
    PRIORITY_HIGH = 1
    PRIORITY_NORMAL = 2
    PRIORITY_LOW = 3
    EVENT_TERMINAL_BIT = 256
    LOG_ERROR = 1
    LOG_WARNING = 2
    LOG_INFO = 3
    LOG_DEBUG = 4
    ENGINE_CLOSED = 1
    ENGINE_RECOVERED = 3
    ENGINE_FAILED = 2
    NUMBER_INPUT_TOKENS = 1
    NUMBER_CACHE_WRITE_TOKENS = 2
    NUMBER_CACHE_READ_TOKENS = 3
    NUMBER_OUTPUT_TOKENS = 4
    NUMBER_ATTEMPTS = 5
    NUMBER_QUEUED_MS = 6
    NUMBER_FIRST_BYTE_MS = 7
    NUMBER_TOTAL_MS = 8
    NUMBER_COST_MICROS = 9
    NUMBER_ROUTE_STEP = 10
    NUMBER_HEDGED = 11
    STRING_MODEL = 1
    STRING_ACCOUNT = 2
    STRING_REQUEST_ID = 3
    STRING_STOP_REASON = 4
    STRING_ROUTE = 5
    STRING_ROUTE_REASON = 6
    PERMIT_ACCOUNT = 1
    PERMIT_KEY = 2
    PERMIT_MODEL = 3
    PERMIT_BASE_URL = 4
    PERMIT_ATTEMPT = 1
    PERMIT_LEASE_MS = 2
    PERMIT_INPUT_TOKENS = 3
    PERMIT_OUTPUT_TOKENS = 4
    FAILURE_NONE = 0
    FAILURE_UNUSED = 1
    FAILURE_CONNECT = 2
    FAILURE_TLS = 3
    FAILURE_TIMEOUT = 4
    FAILURE_BROKEN = 5

    EVENT_SIZE = 64
    OFFSET_TICKET = 0
    OFFSET_USER_DATA = 8
    OFFSET_TYPE = 16
    OFFSET_STATUS = 20
    OFFSET_FLAGS = 24
    OFFSET_INDEX = 28
    OFFSET_DATA = 32
    OFFSET_DATA_LENGTH = 40
    OFFSET_OBJECT = 48
    OFFSET_RESERVED = 56

    # Result and parameters of each function.
    FUNCTIONS = {
      weir_version_num: [:uint32, []],
      weir_version_string: [:string, []],
      weir_abi_level: [:uint32, []],
      weir_event_size: [:size_t, []],
      weir_has_feature: [:int32, [:pointer, :size_t]],
      weir_feature_at: [:string, [:size_t]],
      weir_global_init: [:int32, []],
      weir_error_code: [:int32, [:pointer]],
      weir_error_name: [:string, [:pointer]],
      weir_error_message: [:string, [:pointer]],
      weir_error_source: [:string, [:pointer]],
      weir_error_http_status: [:int32, [:pointer]],
      weir_error_provider_type: [:string, [:pointer]],
      weir_error_request_id: [:string, [:pointer]],
      weir_error_retry_after_ms: [:int64, [:pointer]],
      weir_error_attempts: [:uint32, [:pointer]],
      weir_error_flags: [:uint32, [:pointer]],
      weir_error_is: [:int32, [:pointer, :uint32]],
      weir_error_new: [:int32, [:int32, :pointer, :size_t, :pointer]],
      weir_error_release: [:void, [:pointer]],
      weir_error_table: [:int32, [:size_t, :pointer, :pointer, :pointer, :pointer]],
      weir_text_data: [:string, [:pointer, :pointer]],
      weir_text_release: [:void, [:pointer]],
      weir_config_new: [:int32, [:pointer, :pointer]],
      weir_config_set: [:int32, [:pointer, :pointer, :size_t, :pointer, :size_t, :pointer]],
      weir_config_set_json: [:int32, [:pointer, :pointer, :size_t, :pointer]],
      weir_config_get: [:int32, [:pointer, :pointer, :size_t, :pointer, :pointer]],
      weir_config_json: [:int32, [:pointer, :pointer, :pointer]],
      weir_config_describe: [:int32, [:size_t, :pointer, :pointer, :pointer, :pointer, :pointer]],
      weir_config_copy: [:int32, [:pointer, :pointer, :pointer]],
      weir_config_release: [:void, [:pointer]],
      weir_request_new: [:int32, [:pointer, :pointer]],
      weir_request_set_body: [:int32, [:pointer, :pointer, :size_t, :pointer]],
      weir_request_set_priority: [:int32, [:pointer, :int32]],
      weir_request_set_user_data: [:int32, [:pointer, :uint64]],
      weir_request_set_tag: [:int32, [:pointer, :uint64]],
      weir_request_set_deadline_ms: [:int32, [:pointer, :int64]],
      weir_request_set: [:int32, [:pointer, :pointer, :size_t, :pointer, :size_t, :pointer]],
      weir_request_reset: [:int32, [:pointer]],
      weir_request_release: [:void, [:pointer]],
      weir_events_release: [:void, [:pointer, :size_t, :size_t]],
      weir_response_http_status: [:int32, [:pointer]],
      weir_response_header: [:int32, [:pointer, :pointer, :size_t, :pointer, :pointer]],
      weir_response_header_at: [:int32, [:pointer, :size_t, :pointer, :pointer]],
      weir_response_number: [:int64, [:pointer, :uint32]],
      weir_response_string: [:string, [:pointer, :uint32]],
      weir_engine_open: [:int32, [:pointer, :pointer, :pointer]],
      weir_engine_close: [:int32, [:pointer]],
      weir_engine_wait: [:int32, [:pointer, :int64]],
      weir_engine_release: [:void, [:pointer]],
      weir_engine_config: [:int32, [:pointer, :pointer, :pointer]],
      weir_engine_stats: [:int32, [:pointer, :pointer, :pointer]],
      weir_submit: [:int32, [:pointer, :pointer, :pointer, :pointer]],
      weir_estimate: [:int32, [:pointer, :pointer, :pointer, :pointer]],
      weir_place: [:int32, [:pointer, :uint64, :pointer, :pointer, :pointer]],
      weir_cancel: [:int32, [:pointer, :uint64]],
      weir_cancel_tag: [:int32, [:pointer, :uint64]],
      weir_fd: [:int32, [:pointer]],
      weir_poll: [:int32, [:pointer, :pointer, :size_t, :size_t, :int64]],
      weir_dispatch: [:int32, [:pointer, :pointer, :pointer, :size_t, :int64]],
      weir_set_wake_hook: [:int32, [:pointer, :pointer, :pointer, :pointer]],
      weir_wakeup: [:int32, [:pointer]],
      weir_key_set: [:int32, [:pointer, :pointer, :size_t, :pointer, :size_t, :pointer, :size_t, :pointer]],
      weir_key_retire: [:int32, [:pointer, :pointer, :size_t, :pointer, :size_t, :pointer]],
      weir_permit_ticket: [:uint64, [:pointer]],
      weir_permit_string: [:string, [:pointer, :uint32]],
      weir_permit_number: [:int64, [:pointer, :uint32]],
      weir_permit_release: [:void, [:pointer]],
      weir_acquire: [:int32, [:pointer, :pointer, :pointer, :pointer]],
      weir_try_acquire: [:int32, [:pointer, :pointer, :pointer, :pointer]],
      weir_outcome_new: [:int32, [:pointer, :pointer]],
      weir_outcome_set_status: [:int32, [:pointer, :int32]],
      weir_outcome_set_failure: [:int32, [:pointer, :uint32]],
      weir_outcome_set_header: [:int32, [:pointer, :pointer, :size_t, :pointer, :size_t, :pointer]],
      weir_outcome_set_body: [:int32, [:pointer, :pointer, :size_t, :pointer]],
      weir_outcome_set_number: [:int32, [:pointer, :uint32, :int64]],
      weir_outcome_set_delivered: [:int32, [:pointer, :int32]],
      weir_outcome_reset: [:int32, [:pointer]],
      weir_outcome_release: [:void, [:pointer]],
      weir_report: [:int32, [:pointer, :uint64, :uint32, :pointer, :pointer]],
      weir_report_head: [:int32, [:pointer, :uint64, :uint32, :pointer, :pointer]],
      weir_report_progress: [:int32, [:pointer, :uint64, :uint32, :int64]],
      weir_batch_acknowledge: [:int32, [:pointer, :uint64]],
      weir_batch_flush: [:int32, [:pointer]],
      weir_batch_cancel: [:int32, [:pointer, :uint64]],
      weir_batch_list: [:int32, [:pointer, :pointer, :pointer]],
    }.freeze
  end
end
