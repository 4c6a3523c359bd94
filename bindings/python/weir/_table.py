"""Generated from bindings/weir.json by bindings/python/generate.py."""

import ctypes
from ctypes import (c_char_p, c_int32, c_int64, c_size_t, c_uint32,
                    c_uint64, c_void_p)
from typing import Any, Dict, List, Tuple

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


class Event(ctypes.Structure):
    _fields_ = [
        ("ticket", c_uint64),
        ("user_data", c_uint64),
        ("type", c_uint32),
        ("status", c_int32),
        ("flags", c_uint32),
        ("index", c_uint32),
        ("data", c_void_p),
        ("data_length", c_size_t),
        ("object", c_void_p),
        ("reserved", c_uint64),
    ]


EVENT_SIZE = 64

# Result and parameters of each function.
FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "weir_version_num": (c_uint32, []),
    "weir_version_string": (c_char_p, []),
    "weir_abi_level": (c_uint32, []),
    "weir_event_size": (c_size_t, []),
    "weir_has_feature": (c_int32, [c_void_p, c_size_t]),
    "weir_feature_at": (c_char_p, [c_size_t]),
    "weir_global_init": (c_int32, []),
    "weir_error_code": (c_int32, [c_void_p]),
    "weir_error_name": (c_char_p, [c_void_p]),
    "weir_error_message": (c_char_p, [c_void_p]),
    "weir_error_source": (c_char_p, [c_void_p]),
    "weir_error_http_status": (c_int32, [c_void_p]),
    "weir_error_provider_type": (c_char_p, [c_void_p]),
    "weir_error_request_id": (c_char_p, [c_void_p]),
    "weir_error_retry_after_ms": (c_int64, [c_void_p]),
    "weir_error_attempts": (c_uint32, [c_void_p]),
    "weir_error_flags": (c_uint32, [c_void_p]),
    "weir_error_is": (c_int32, [c_void_p, c_uint32]),
    "weir_error_new": (c_int32, [c_int32, c_void_p, c_size_t, c_void_p]),
    "weir_error_release": (None, [c_void_p]),
    "weir_error_table": (c_int32, [c_size_t, c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_text_data": (c_char_p, [c_void_p, c_void_p]),
    "weir_text_release": (None, [c_void_p]),
    "weir_config_new": (c_int32, [c_void_p, c_void_p]),
    "weir_config_set": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "weir_config_set_json": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "weir_config_get": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]),
    "weir_config_json": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "weir_config_describe": (c_int32, [c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_config_copy": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "weir_config_release": (None, [c_void_p]),
    "weir_request_new": (c_int32, [c_void_p, c_void_p]),
    "weir_request_set_body": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "weir_request_set_priority": (c_int32, [c_void_p, c_int32]),
    "weir_request_set_user_data": (c_int32, [c_void_p, c_uint64]),
    "weir_request_set_tag": (c_int32, [c_void_p, c_uint64]),
    "weir_request_set_deadline_ms": (c_int32, [c_void_p, c_int64]),
    "weir_request_set": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "weir_request_reset": (c_int32, [c_void_p]),
    "weir_request_release": (None, [c_void_p]),
    "weir_events_release": (None, [c_void_p, c_size_t, c_size_t]),
    "weir_response_http_status": (c_int32, [c_void_p]),
    "weir_response_header": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]),
    "weir_response_header_at": (c_int32, [c_void_p, c_size_t, c_void_p, c_void_p]),
    "weir_response_number": (c_int64, [c_void_p, c_uint32]),
    "weir_response_string": (c_char_p, [c_void_p, c_uint32]),
    "weir_engine_open": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "weir_engine_close": (c_int32, [c_void_p]),
    "weir_engine_wait": (c_int32, [c_void_p, c_int64]),
    "weir_engine_release": (None, [c_void_p]),
    "weir_engine_config": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "weir_engine_stats": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "weir_submit": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_estimate": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_place": (c_int32, [c_void_p, c_uint64, c_void_p, c_void_p, c_void_p]),
    "weir_cancel": (c_int32, [c_void_p, c_uint64]),
    "weir_cancel_tag": (c_int32, [c_void_p, c_uint64]),
    "weir_fd": (c_int32, [c_void_p]),
    "weir_poll": (c_int32, [c_void_p, c_void_p, c_size_t, c_size_t, c_int64]),
    "weir_dispatch": (c_int32, [c_void_p, c_void_p, c_void_p, c_size_t, c_int64]),
    "weir_set_wake_hook": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_wakeup": (c_int32, [c_void_p]),
    "weir_key_set": (c_int32,
        [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "weir_key_retire": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "weir_permit_ticket": (c_uint64, [c_void_p]),
    "weir_permit_string": (c_char_p, [c_void_p, c_uint32]),
    "weir_permit_number": (c_int64, [c_void_p, c_uint32]),
    "weir_permit_release": (None, [c_void_p]),
    "weir_acquire": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_try_acquire": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "weir_outcome_new": (c_int32, [c_void_p, c_void_p]),
    "weir_outcome_set_status": (c_int32, [c_void_p, c_int32]),
    "weir_outcome_set_failure": (c_int32, [c_void_p, c_uint32]),
    "weir_outcome_set_header": (c_int32,
        [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "weir_outcome_set_body": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "weir_outcome_set_number": (c_int32, [c_void_p, c_uint32, c_int64]),
    "weir_outcome_set_delivered": (c_int32, [c_void_p, c_int32]),
    "weir_outcome_reset": (c_int32, [c_void_p]),
    "weir_outcome_release": (None, [c_void_p]),
    "weir_report": (c_int32, [c_void_p, c_uint64, c_uint32, c_void_p, c_void_p]),
    "weir_report_head": (c_int32, [c_void_p, c_uint64, c_uint32, c_void_p, c_void_p]),
    "weir_report_progress": (c_int32, [c_void_p, c_uint64, c_uint32, c_int64]),
    "weir_batch_acknowledge": (c_int32, [c_void_p, c_uint64]),
    "weir_batch_flush": (c_int32, [c_void_p]),
    "weir_batch_cancel": (c_int32, [c_void_p, c_uint64]),
    "weir_batch_list": (c_int32, [c_void_p, c_void_p, c_void_p]),
}
