# frozen_string_literal: true

require "json"

module Weir
  # Bodies, and the options of a request, as the library's builder takes them.
  module Request
    PRIORITIES = { critical: 0, high: 1, normal: 2, low: 3 }.freeze
    TEXTS = %i[tenant route complexity affinity lane custom_id input_tokens output_tokens count_tokens
               stream_restart model max_tokens].freeze
    TIMES = { lease_s: "lease_ms", batch_fallback_s: "batch_fallback_ms" }.freeze

    module_function

    def body_text(body)
      case body
      when String then body
      when Hash then JSON.generate(body)
      else raise TypeError, "a body is a Hash or a String, not #{body.class}"
      end
    end

    # A body that asks for a stream; a text is as its writer wants it.
    def as_stream(body) = body.is_a?(Hash) ? body.merge(stream: true).tap { |one| one.delete("stream") } : body

    # Says to the builder all that a request has.
    def fill(library, request, body, user_data, options)
      library.call(:weir_request_set_body, request, body, body.bytesize) if body
      library.weir_request_set_user_data(request, user_data)
      options.each { |name, value| set(library, request, name, value) unless value.nil? }
    end

    def set(library, request, name, value)
      case name
      when :priority then library.check(library.weir_request_set_priority(request, priority(value)))
      when :deadline_s then library.check(library.weir_request_set_deadline_ms(request, milliseconds(name, value)))
      when :tag then library.check(library.weir_request_set_tag(request, whole(name, value)))
      when :headers then value.to_hash.each { |header, text| set_text(library, request, "header.#{header}", text) }
      when *TIMES.keys then set_text(library, request, TIMES[name], milliseconds(name, value))
      when *TEXTS then set_text(library, request, name, value)
      else raise ArgumentError, "#{name.inspect} is no option of a request"
      end
    end

    def set_text(library, request, key, value)
      key = key.to_s
      value = value.to_s
      library.call(:weir_request_set, request, key, key.bytesize, value, value.bytesize)
    end

    def priority(value)
      return whole(:priority, value) unless value.is_a?(Symbol) || value.is_a?(String)

      PRIORITIES.fetch(value.to_sym) { raise ArgumentError, "priority #{value} is none of #{PRIORITIES.keys.join(', ')}" }
    end

    def whole(name, value)
      value.is_a?(Integer) ? value : raise(TypeError, "#{name} is a whole number, not #{value.class}")
    end

    def milliseconds(name, value)
      raise TypeError, "#{name} is a number of seconds, not #{value.class}" unless value.is_a?(Numeric)

      value.positive? ? [1, (value * 1000).round].max : (value * 1000).round
    end

    # Dotted keys and values of settings that may be nested, be dotted, or be both.
    def flattened(settings, prefix = "")
      settings.to_hash.flat_map do |key, value|
        next [] if value.nil?

        value.is_a?(Hash) ? flattened(value, "#{prefix}#{key}.").to_a : [["#{prefix}#{key}", value.to_s]]
      end.to_h
    end
  end
end
