/* Every function of weir.h, for tables: WEIR_FUNCTIONS(X) expands X(name) for each. The check in
 * tests/abi compares this list with the header. */
#ifndef WEIR_TESTS_API_WEIR_FUNCTIONS_H
#define WEIR_TESTS_API_WEIR_FUNCTIONS_H

#define WEIR_FUNCTIONS(X)           \
    X(weir_version_num)             \
    X(weir_version_string)          \
    X(weir_abi_level)               \
    X(weir_event_size)              \
    X(weir_has_feature)             \
    X(weir_feature_at)              \
    X(weir_global_init)             \
    X(weir_error_code)              \
    X(weir_error_name)              \
    X(weir_error_message)           \
    X(weir_error_source)            \
    X(weir_error_http_status)       \
    X(weir_error_provider_type)     \
    X(weir_error_request_id)        \
    X(weir_error_retry_after_ms)    \
    X(weir_error_attempts)          \
    X(weir_error_flags)             \
    X(weir_error_is)                \
    X(weir_error_new)               \
    X(weir_error_release)           \
    X(weir_error_table)             \
    X(weir_key_set)                 \
    X(weir_key_retire)              \
    X(weir_batch_acknowledge)       \
    X(weir_batch_flush)             \
    X(weir_batch_cancel)            \
    X(weir_batch_list)              \
    X(weir_estimate)                \
    X(weir_place)                   \
    X(weir_text_data)               \
    X(weir_text_release)            \
    X(weir_config_new)              \
    X(weir_config_set)              \
    X(weir_config_set_json)         \
    X(weir_config_get)              \
    X(weir_config_json)             \
    X(weir_config_describe)         \
    X(weir_config_copy)             \
    X(weir_config_release)          \
    X(weir_request_new)             \
    X(weir_request_set_body)        \
    X(weir_request_set_priority)    \
    X(weir_request_set_user_data)   \
    X(weir_request_set_tag)         \
    X(weir_request_set_deadline_ms) \
    X(weir_request_set)             \
    X(weir_request_reset)           \
    X(weir_request_release)         \
    X(weir_events_release)          \
    X(weir_response_http_status)    \
    X(weir_response_header)         \
    X(weir_response_header_at)      \
    X(weir_response_number)         \
    X(weir_response_string)         \
    X(weir_engine_open)             \
    X(weir_engine_close)            \
    X(weir_engine_wait)             \
    X(weir_engine_release)          \
    X(weir_engine_config)           \
    X(weir_engine_stats)            \
    X(weir_submit)                  \
    X(weir_cancel)                  \
    X(weir_cancel_tag)              \
    X(weir_fd)                      \
    X(weir_poll)                    \
    X(weir_dispatch)                \
    X(weir_set_wake_hook)           \
    X(weir_wakeup)

#endif
