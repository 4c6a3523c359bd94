# frozen_string_literal: true

require "io/wait"
require "json"

module Weir
  # The handle, the receivers of its events, and a thread that takes them.
  class Engine
    BATCH = 256 # events that are taken at a time
    EVENT = "QQLlLLQQQQ"

    attr_reader :library, :thread

    def initialize(settings, on_notice, on_recovered)
      @library = Library.load
      @process = Process.pid
      @on_notice = on_notice
      @on_recovered = on_recovered
      @lock = Mutex.new # of what follows
      @receivers = {} # by user_data; those of earlier runs by minus their ticket
      @number = 0
      @held = [open(settings), @library.made(:weir_request_new)] # empty once they are released
      ObjectSpace.define_finalizer(self, self.class.releaser(@library, @held))
      @io = IO.for_fd(@library.check(@library.weir_fd(handle)), autoclose: false)
      @buffer = FFI::MemoryPointer.new(:char, Table::EVENT_SIZE * BATCH)
    end

    def self.releaser(library, held)
      proc do
        engine, builder = held.shift(2)
        library.weir_request_release(builder) if builder
        library.weir_engine_release(engine) if engine
      end
    end

    def handle = @held.first || raise(@library.error(Table::ERR_CLOSED, FFI::Pointer::NULL))

    # At once, and not when it is collected: nobody is inside a call, since none gives the interpreter's
    # lock away but the one of the thread that has ended.
    def release = @lock.synchronize { self.class.releaser(@library, @held).call }

    # A child of fork has no thread that would take the events: it is told so at once.
    def check_process
      return if @process == Process.pid

      raise ForkedError.new("this client belongs to the parent process; make a new one after fork",
                            code: Table::ERR_FORKED, name: "forked", source: "local", flags: Table::ERROR_FATAL,
                            http_status: 0, attempts: 0)
    end

    def own? = @process == Process.pid

    # Hands in with a function of the library. The receiver is known before, for the events may be faster.
    def hand_in(function, receiver, body, options)
      check_process
      out = FFI::MemoryPointer.new(:uint64)
      number = nil
      with_builder do |builder|
        number = (@number += 1)
        Request.fill(@library, builder, body, number, options)
        @receivers[number] = receiver
        begin
          @library.call(function, handle, builder, out)
        rescue Error
          @receivers.delete(number)
          raise
        end
        receiver.id = out.read_uint64
      end
    end

    def try_acquire(receiver, options)
      check_process
      permit = with_builder do |builder|
        number = (@number += 1)
        Request.fill(@library, builder, options[:body] && Request.body_text(options[:body]), number,
                     options.reject { |name,| name == :body })
        @library.made(:weir_try_acquire, handle, builder).tap do |made|
          receiver.id = @library.weir_permit_ticket(made)
          @receivers[number] = receiver
        end
      end
      Permit.new(self, permit)
    ensure
      @library.weir_permit_release(permit) if permit
    end

    def estimate(body, options)
      check_process
      with_builder do |builder|
        Request.fill(@library, builder, body, 0, options)
        JSON.parse(@library.text(:weir_estimate, handle, builder))
      end
    end

    def report(function)
      check_process
      JSON.parse(@library.text(function, handle))
    end

    def cancel(ticket) = !@held.empty? && @library.weir_cancel(handle, ticket).zero?

    # Starts the end, and does not wait for it.
    def close = (@library.weir_engine_close(handle) unless @held.empty?)

    def outstanding = @receivers.size

    def start
      @thread = Thread.new { take_events }
      @thread.name = "weir"
      @thread.thread_variable_set(:fork_safe, true)
    end

    private

    def open(settings)
      pairs = Request.flattened(settings)
      pairs["account.main.key_env"] = "ANTHROPIC_API_KEY" if pairs.keys.none? { |key| key.start_with?("account.") }
      config = @library.made(:weir_config_new)
      pairs.each { |key, value| @library.call(:weir_config_set, config, key, key.bytesize, value, value.bytesize) }
      @library.made(:weir_engine_open, config)
    ensure
      @library.weir_config_release(config) if config
    end

    # Whoever is interrupted is so before or after, and never with half a request.
    def with_builder
      Thread.handle_interrupt(Object => :never) do
        @lock.synchronize do
          handle
          yield @held.last
        ensure
          @library.weir_request_reset(@held.last) unless @held.empty?
        end
      end
    end

    def take_events
      until @ended
        @io.wait_readable
        nil while !@ended && take.positive?
      end
    ensure
      finish
      @library.weir_engine_wait(handle, 1000) if @ended
    end

    def take
      count = @library.weir_poll(handle, @buffer, Table::EVENT_SIZE, BATCH, 0)
      @ended = true if count.negative?
      count.times do |position|
        give(@buffer + (position * Table::EVENT_SIZE))
      rescue StandardError => e
        warn "weir: an event could not be passed on: #{e.full_message}"
      end
      @library.weir_events_release(@buffer, Table::EVENT_SIZE, count) if count.positive?
      count
    end

    def give(event)
      ticket, number, kind, status, _, index, data, length, object = event.read_bytes(Table::EVENT_SIZE).unpack(EVENT)
      text = -> { length.zero? ? "" : @library.utf8(FFI::Pointer.new(data).read_bytes(length)) }
      return give_notice(kind, index, text) if ticket.zero?
      return @lock.synchronize { @receivers[-ticket] = @on_recovered.call(self, ticket, text.call) } if kind == Table::EVENT_RECOVERED

      key = number.zero? ? -ticket : number
      ends = (kind & Table::EVENT_TERMINAL_BIT).nonzero?
      receiver = @lock.synchronize { ends ? @receivers.delete(key) : @receivers[key] } or return
      receiver.id = ticket
      receiver.deliver(kind, index, brings_of(kind, status, event, FFI::Pointer.new(object), text))
    end

    def brings_of(kind, status, event, object, text)
      case kind
      when Table::EVENT_STREAM then text.call
      when Table::EVENT_DONE then Answer.new(@library, keep(event))
      when Table::EVENT_PERMIT then Permit.new(self, object)
      when Table::EVENT_FAILED then @library.read_error(status, object)
      end
    end

    # The event is its keeper's from now on: it leaves the buffer before that is released.
    def keep(event)
      copy = FFI::MemoryPointer.new(:char, Table::EVENT_SIZE)
      copy.put_bytes(0, event.read_bytes(Table::EVENT_SIZE))
      event.put_bytes(0, "\0" * Table::EVENT_SIZE)
      copy
    end

    def give_notice(kind, index, text)
      case kind
      when Table::EVENT_ENGINE
        @ended = true if index == Table::ENGINE_CLOSED
        @on_recovered.call(self, nil, nil) if index == Table::ENGINE_RECOVERED
      when Table::EVENT_KEY then @on_notice&.call(:key, JSON.parse(text.call))
      when Table::EVENT_BATCH then @on_notice&.call(:batch, JSON.parse(text.call))
      when Table::EVENT_LOG then @on_notice&.call(:log, { "level" => index, "line" => text.call })
      end
    end

    # After the last event: whoever still waits, waits for nothing.
    def finish
      left = @lock.synchronize { @receivers.values.tap { @receivers.clear } }
      left.each do |receiver|
        receiver.deliver(Table::EVENT_FAILED, 0, @library.error(Table::ERR_SHUTDOWN, FFI::Pointer::NULL))
      end
      @on_recovered.call(self, nil, nil)
    end
  end
end
