# frozen_string_literal: true

module Weir
  # A refusal (the call had no effect) or the failure of a request that was accepted. errors.rb has a
  # class for each code.
  class Error < StandardError
    attr_reader :code, :name, :source, :flags, :http_status, :provider_type, :request_id, :attempts,
                :retry_after # in seconds, or nil

    def initialize(message = nil, **fields)
      super(message)
      fields.each { |name, value| instance_variable_set(:"@#{name}", value) }
    end

    # The same request may succeed later.
    def retryable? = flag?(Table::ERROR_RETRYABLE)

    # The provider may have done, and billed, the work.
    def maybe_executed? = flag?(Table::ERROR_MAYBE_EXECUTED)

    # A limit, the provider's or the engine's, was in the way.
    def throttled? = flag?(Table::ERROR_THROTTLED)

    # The engine is unusable.
    def fatal? = flag?(Table::ERROR_FATAL)

    # A timeout or a deadline.
    def timed_out? = flag?(Table::ERROR_TIMED_OUT)

    # The caller asked for it: cancel or close.
    def cancelled? = flag?(Table::ERROR_CANCELLED)

    private

    def flag?(flag) = (flags.to_i & flag) != 0
  end

  # libweir could not be loaded, or is not of the version that this gem is made for.
  class LibraryError < StandardError; end
end
