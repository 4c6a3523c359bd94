# frozen_string_literal: true

require "json"

module Weir
  # The answer of a request. It outlives its client; numbers that are not known are -1, strings "".
  class Answer
    # `event` is a copy of the record: what it owns is released when nobody refers to the answer.
    def initialize(library, event)
      @library = library
      @event = event
      @object = event.get_pointer(Table::OFFSET_OBJECT)
      ObjectSpace.define_finalizer(self, self.class.releaser(library, event))
    end

    def self.releaser(library, event)
      proc { library.weir_events_release(event, Table::EVENT_SIZE, 1) }
    end

    def ticket = @event.get_uint64(Table::OFFSET_TICKET)

    # The message as the provider sent it; "" after a stream.
    def body
      length = @event.get_uint64(Table::OFFSET_DATA_LENGTH)
      length.zero? ? "" : @library.utf8(@event.get_pointer(Table::OFFSET_DATA).read_bytes(length))
    end

    # The message as a hash; {} after a stream.
    def message = @message ||= (text = body).empty? ? {} : JSON.parse(text)

    def [](key) = message[key]

    # The text of all text blocks.
    def text
      message.fetch("content", []).select { |block| block["type"] == "text" }.map { |block| block["text"] }.join
    end

    def http_status = @library.weir_response_http_status(@object)

    # The response's headers, by names in lower case.
    def headers
      @headers ||= begin
        name, value = Array.new(2) { FFI::MemoryPointer.new(:pointer) }
        pairs = (0..).lazy.take_while { |index| @library.weir_response_header_at(@object, index, name, value).zero? }
        pairs.map { [@library.utf8(name.read_pointer.read_string).downcase, @library.utf8(value.read_pointer.read_string)] }.to_h
      end
    end

    { model: Table::STRING_MODEL, account: Table::STRING_ACCOUNT, request_id: Table::STRING_REQUEST_ID,
      stop_reason: Table::STRING_STOP_REASON, route: Table::STRING_ROUTE,
      route_reason: Table::STRING_ROUTE_REASON }.each do |name, string|
      define_method(name) { @library.utf8(@library.weir_response_string(@object, string)) }
    end

    { input_tokens: Table::NUMBER_INPUT_TOKENS, cache_write_tokens: Table::NUMBER_CACHE_WRITE_TOKENS,
      cache_read_tokens: Table::NUMBER_CACHE_READ_TOKENS, output_tokens: Table::NUMBER_OUTPUT_TOKENS,
      attempts: Table::NUMBER_ATTEMPTS, queued_ms: Table::NUMBER_QUEUED_MS,
      first_byte_ms: Table::NUMBER_FIRST_BYTE_MS, total_ms: Table::NUMBER_TOTAL_MS,
      cost_micros: Table::NUMBER_COST_MICROS, route_step: Table::NUMBER_ROUTE_STEP,
      hedged: Table::NUMBER_HEDGED }.each do |name, number|
      define_method(name) { @library.weir_response_number(@object, number) }
    end
  end
end
