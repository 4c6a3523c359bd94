/* The same tests through dlopen: each weir_ function is a pointer of the table. */
#ifndef WEIR_TESTS_API_WEIR_DL_H
#define WEIR_TESTS_API_WEIR_DL_H

#include "weir_dl_table.h"

/* A macro is not expanded inside itself, so that the member keeps its name. */
#define weir_version_num weir_dl.weir_version_num
#define weir_version_string weir_dl.weir_version_string
#define weir_abi_level weir_dl.weir_abi_level
#define weir_event_size weir_dl.weir_event_size
#define weir_has_feature weir_dl.weir_has_feature
#define weir_feature_at weir_dl.weir_feature_at
#define weir_global_init weir_dl.weir_global_init
#define weir_error_code weir_dl.weir_error_code
#define weir_error_name weir_dl.weir_error_name
#define weir_error_message weir_dl.weir_error_message
#define weir_error_source weir_dl.weir_error_source
#define weir_error_http_status weir_dl.weir_error_http_status
#define weir_error_provider_type weir_dl.weir_error_provider_type
#define weir_error_request_id weir_dl.weir_error_request_id
#define weir_error_retry_after_ms weir_dl.weir_error_retry_after_ms
#define weir_error_attempts weir_dl.weir_error_attempts
#define weir_error_flags weir_dl.weir_error_flags
#define weir_error_is weir_dl.weir_error_is
#define weir_error_new weir_dl.weir_error_new
#define weir_error_release weir_dl.weir_error_release
#define weir_error_table weir_dl.weir_error_table
#define weir_key_set weir_dl.weir_key_set
#define weir_key_retire weir_dl.weir_key_retire
#define weir_batch_acknowledge weir_dl.weir_batch_acknowledge
#define weir_batch_flush weir_dl.weir_batch_flush
#define weir_batch_cancel weir_dl.weir_batch_cancel
#define weir_batch_list weir_dl.weir_batch_list
#define weir_text_data weir_dl.weir_text_data
#define weir_text_release weir_dl.weir_text_release
#define weir_config_new weir_dl.weir_config_new
#define weir_config_set weir_dl.weir_config_set
#define weir_config_set_json weir_dl.weir_config_set_json
#define weir_config_get weir_dl.weir_config_get
#define weir_config_json weir_dl.weir_config_json
#define weir_config_describe weir_dl.weir_config_describe
#define weir_config_copy weir_dl.weir_config_copy
#define weir_config_release weir_dl.weir_config_release
#define weir_request_new weir_dl.weir_request_new
#define weir_request_set_body weir_dl.weir_request_set_body
#define weir_request_set_priority weir_dl.weir_request_set_priority
#define weir_request_set_user_data weir_dl.weir_request_set_user_data
#define weir_request_set_tag weir_dl.weir_request_set_tag
#define weir_request_set_deadline_ms weir_dl.weir_request_set_deadline_ms
#define weir_request_set weir_dl.weir_request_set
#define weir_request_reset weir_dl.weir_request_reset
#define weir_request_release weir_dl.weir_request_release
#define weir_events_release weir_dl.weir_events_release
#define weir_response_http_status weir_dl.weir_response_http_status
#define weir_response_header weir_dl.weir_response_header
#define weir_response_header_at weir_dl.weir_response_header_at
#define weir_response_number weir_dl.weir_response_number
#define weir_response_string weir_dl.weir_response_string
#define weir_engine_open weir_dl.weir_engine_open
#define weir_engine_close weir_dl.weir_engine_close
#define weir_engine_wait weir_dl.weir_engine_wait
#define weir_engine_release weir_dl.weir_engine_release
#define weir_engine_config weir_dl.weir_engine_config
#define weir_engine_stats weir_dl.weir_engine_stats
#define weir_submit weir_dl.weir_submit
#define weir_estimate weir_dl.weir_estimate
#define weir_place weir_dl.weir_place
#define weir_cancel weir_dl.weir_cancel
#define weir_cancel_tag weir_dl.weir_cancel_tag
#define weir_permit_ticket weir_dl.weir_permit_ticket
#define weir_permit_string weir_dl.weir_permit_string
#define weir_permit_number weir_dl.weir_permit_number
#define weir_permit_release weir_dl.weir_permit_release
#define weir_acquire weir_dl.weir_acquire
#define weir_try_acquire weir_dl.weir_try_acquire
#define weir_outcome_new weir_dl.weir_outcome_new
#define weir_outcome_set_status weir_dl.weir_outcome_set_status
#define weir_outcome_set_failure weir_dl.weir_outcome_set_failure
#define weir_outcome_set_header weir_dl.weir_outcome_set_header
#define weir_outcome_set_body weir_dl.weir_outcome_set_body
#define weir_outcome_set_number weir_dl.weir_outcome_set_number
#define weir_outcome_set_delivered weir_dl.weir_outcome_set_delivered
#define weir_outcome_reset weir_dl.weir_outcome_reset
#define weir_outcome_release weir_dl.weir_outcome_release
#define weir_report weir_dl.weir_report
#define weir_report_head weir_dl.weir_report_head
#define weir_report_progress weir_dl.weir_report_progress
#define weir_fd weir_dl.weir_fd
#define weir_poll weir_dl.weir_poll
#define weir_dispatch weir_dl.weir_dispatch
#define weir_set_wake_hook weir_dl.weir_set_wake_hook
#define weir_wakeup weir_dl.weir_wakeup

#endif
