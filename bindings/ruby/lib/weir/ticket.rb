# frozen_string_literal: true

require "timeout"

module Weir
  # A request that was accepted: its answer, the events of its stream, its place in the queue.
  class Ticket
    include Enumerable

    attr_accessor :id, :custom_id

    def initialize(engine, &on_end)
      @engine = engine
      @on_end = on_end
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @items = []
      @end = nil
      @durable = false
      @given_up = false
    end

    # From the thread that takes the events.
    def deliver(kind, index, brings)
      unused = false
      @lock.synchronize do
        if kind == Table::EVENT_DURABLE
          @durable = true
        elsif (kind & Table::EVENT_TERMINAL_BIT).nonzero?
          @end = brings
        elsif @given_up
          unused = kind == Table::EVENT_PERMIT
        else
          @items << [kind, index, brings]
        end
        @changed.broadcast
      end
      cancel if unused
      @on_end&.call(self) if (kind & Table::EVENT_TERMINAL_BIT).nonzero?
    end

    # Waits for the end: the answer, or the failure as an exception. After `timeout` seconds it raises
    # Timeout::Error, and the request goes on.
    def result(timeout: nil)
      wait(timeout) { @end }
      finish
    end

    # Asks for the end; true if there was something to end. The result says what became of it.
    def cancel = @engine.cancel(id)

    def done? = !@end.nil?

    # Waits until the request is in the journal, or has ended.
    def made_durable(timeout: nil)
      wait(timeout) { @durable || @end }
      self
    end

    # How many requests go before it, about, and in how many seconds it is expected to start, or nil.
    def place
      ahead, starts = Array.new(2) { FFI::MemoryPointer.new(:int64) }
      @engine.library.call(:weir_place, @engine.handle, id, ahead, starts)
      [ahead.read_int64, starts.read_int64.negative? ? nil : starts.read_int64 / 1000.0]
    end

    # The answer of a batch request is in safe hands: the journal may forget it.
    def acknowledge
      @engine.library.check(@engine.library.weir_batch_acknowledge(@engine.handle, id))
      nil
    end

    # The events of a stream, as they come. With stream_restart, one of the type "weir_stream_restart"
    # says that those so far are void.
    def each
      return enum_for(:each) unless block_given?

      while (kind, _, brings = following)
        yield JSON.parse(brings) if kind == Table::EVENT_STREAM
        yield({ "type" => "weir_stream_restart" }) if kind == Table::EVENT_STREAM_RESTART
      end
      finish
    end

    # Waits for the next permit; nil when the attempt that was reported was a success.
    def permit
      while (kind, _, brings = following)
        return brings if kind == Table::EVENT_PERMIT
      end
      finish
      nil
    end

    # Nobody will use a permit that may still come.
    def give_up
      waiting = @lock.synchronize do
        @given_up = true
        @items.any? { |kind,| kind == Table::EVENT_PERMIT }
      end
      cancel if waiting && !@end
    end

    private

    def following
      wait(nil) { !@items.empty? || @end }
      @lock.synchronize { @items.shift }
    end

    def finish
      raise @end if @end.is_a?(Error)

      @end
    end

    def wait(timeout)
      give_up_at = timeout && (Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout)
      @lock.synchronize do
        until yield
          @engine.check_process
          left = give_up_at && (give_up_at - Process.clock_gettime(Process::CLOCK_MONOTONIC))
          raise Timeout::Error, "request #{id} has not ended in time" if left && left <= 0

          @changed.wait(@lock, left)
        end
      end
    end
  end
end
