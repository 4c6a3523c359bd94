# frozen_string_literal: true

module Weir
  # The right to make one attempt: make it now, and report what came of it.
  class Permit
    UNUSED = Table::FAILURE_UNUSED # no attempt was made
    CONNECT = Table::FAILURE_CONNECT # no connection: nothing was sent
    TLS = Table::FAILURE_TLS
    TIMEOUT = Table::FAILURE_TIMEOUT # the caller's own timeout, after something was sent
    BROKEN = Table::FAILURE_BROKEN # the connection broke, after something was sent

    # What clients call their exceptions: those of Net::HTTP, Faraday, HTTP.rb and the system.
    FAILURES = {
      TLS => %w[OpenSSL::SSL::SSLError Faraday::SSLError],
      CONNECT => %w[Errno::ECONNREFUSED Errno::EHOSTUNREACH Errno::ENETUNREACH SocketError Net::OpenTimeout
                    Resolv::ResolvError],
      TIMEOUT => %w[Timeout::Error Errno::ETIMEDOUT Faraday::TimeoutError HTTP::TimeoutError],
      BROKEN => %w[EOFError IOError Errno::ECONNRESET Errno::EPIPE Net::HTTPBadResponse Net::ProtocolError
                   Faraday::ConnectionFailed HTTP::ConnectionError]
    }.freeze
    USAGE = { input_tokens: Table::NUMBER_INPUT_TOKENS, output_tokens: Table::NUMBER_OUTPUT_TOKENS,
              cache_creation_input_tokens: Table::NUMBER_CACHE_WRITE_TOKENS,
              cache_read_input_tokens: Table::NUMBER_CACHE_READ_TOKENS }.freeze

    # The HTTP response that a value or an exception is, or has with it: status, headers, body.
    def self.response_of(value)
      return [value.code.to_i, value.each_header.to_h, value.body] if value.respond_to?(:each_header)
      return [value.status.to_i, value.headers.to_h, value.body.to_s] if value.respond_to?(:status) && value.respond_to?(:headers)

      response_of(value.response) if value.is_a?(Exception) && value.respond_to?(:response)
    end

    # What an HTTP client's exception says of an attempt; nil if it is about something else.
    def self.failure_of(exception)
      return nil if exception.nil?

      names = exception.class.ancestors.map(&:to_s)
      failure_of(exception.cause) || FAILURES.find { |_, known| names.intersect?(known) }&.first
    end

    attr_reader :ticket, :account, :key, :model, :base_url, :attempt, :lease_s, :input_tokens, :output_tokens
    attr_accessor :reported

    # Reads all of the library's permit, which may be released then.
    def initialize(engine, permit)
      @engine = engine
      @library = engine.library
      @ticket = @library.weir_permit_ticket(permit)
      @account, @key, @model, @base_url =
        [Table::PERMIT_ACCOUNT, Table::PERMIT_KEY, Table::PERMIT_MODEL, Table::PERMIT_BASE_URL]
        .map { |one| @library.utf8(@library.weir_permit_string(permit, one)) }
      @attempt, lease_ms, @input_tokens, @output_tokens =
        [Table::PERMIT_ATTEMPT, Table::PERMIT_LEASE_MS, Table::PERMIT_INPUT_TOKENS, Table::PERMIT_OUTPUT_TOKENS]
        .map { |one| @library.weir_permit_number(permit, one) }
      @lease_s = lease_ms / 1000.0
      @reported = false
    end

    # What came of the attempt: an HTTP status, a failure, or both. false if it has ended already. `usage`
    # has figures by input_tokens and the like; `delivered`: content was passed on, so that the attempt
    # cannot be repeated unnoticed.
    def report(status = 0, headers = {}, body = nil, failure: Table::FAILURE_NONE, usage: {}, delivered: false)
      @reported = true
      tell(:weir_report, status, headers, body, failure, usage, delivered)
    end

    # The head of a response whose body is still on its way: what it says of the limits.
    def report_head(status, headers) = tell(:weir_report_head, status, headers, nil, 0, {}, false)

    # The output tokens that a stream has shown so far.
    def report_progress(output_tokens)
      @library.weir_report_progress(@engine.handle, ticket, attempt, output_tokens)
    end

    # Reports an exception of an HTTP client; false if it is about something else.
    def report_exception(exception)
      return report(*response) || true if (response = self.class.response_of(exception))

      failure = self.class.failure_of(exception) or return false
      report(failure: failure) || true
    end

    # Reports for a block that returned. What is no response of HTTP counts as a success.
    def settle(value)
      return if reported

      response = self.class.response_of(value)
      response ? report(*response) : report(200)
    end

    private

    def tell(function, status, headers, body, failure, usage, delivered)
      outcome = @library.made(:weir_outcome_new)
      @library.check(@library.weir_outcome_set_status(outcome, status)) unless status.zero?
      @library.check(@library.weir_outcome_set_failure(outcome, failure))
      @library.check(@library.weir_outcome_set_delivered(outcome, delivered ? 1 : 0))
      headers.each do |name, value|
        name = name.to_s
        value = value.to_s
        @library.weir_outcome_set_header(outcome, name, name.bytesize, value, value.bytesize, nil)
      end
      @library.call(:weir_outcome_set_body, outcome, body, body.bytesize) if body
      usage.each { |name, figure| @library.check(@library.weir_outcome_set_number(outcome, USAGE.fetch(name.to_sym), figure)) }
      @library.call(function, @engine.handle, ticket, attempt, outcome)
      true
    rescue NotFoundError, ClosedError
      false # its event says how it ended
    ensure
      @library.weir_outcome_release(outcome) if outcome
    end
  end
end
