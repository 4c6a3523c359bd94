# frozen_string_literal: true

module Weir
  # One of many requests, when it has ended: it has an answer or an error.
  Done = Struct.new(:index, :body, :answer, :error) do
    # The answer, or the failure as an exception.
    def result = error ? raise(error) : answer
  end

  # An engine for a program's traffic. `settings` are configuration keys and their values, dotted or
  # nested. Without an account, there is one, with the key of ANTHROPIC_API_KEY. `on_notice` is called, on
  # the client's thread, with :key, :batch or :log and a hash. May be used by any threads at once.
  class Client
    # As new; with a block, closed when that is left.
    def self.open(settings = {}, **options)
      client = new(settings, **options)
      return client unless block_given?

      begin
        yield client
      ensure
        client.close
      end
    end

    def initialize(settings = {}, on_notice: nil, **more)
      @recovered = Thread::Queue.new
      @engine = Engine.new(settings.to_hash.merge(more), on_notice, self.class.recovery(@recovered))
      @engine.start
      ObjectSpace.define_finalizer(self, self.class.closer(@engine))
    end

    # How the requests of earlier runs become tickets. Like what follows, it refers to no client, so that
    # one can be collected.
    def self.recovery(found)
      lambda do |engine, number, custom_id|
        ticket = number && Ticket.new(engine)
        ticket.id, ticket.custom_id = number, custom_id if ticket
        found << ticket
        ticket
      end
    end

    def self.closer(engine) = proc { engine.close if engine.own? }

    # Hands a request in, and returns at once.
    def submit(body, **options) = hand_in(:weir_submit, Request.body_text(body), options)

    # Hands a request in and waits for its answer. Whoever interrupts the wait cancels it.
    def messages(body, **options) = ended_by(submit(body, **options), &:result)

    # Hands a request for a stream in. With a block, which gets each event, it returns the answer, and
    # leaving the block early cancels the request; without one it returns a ticket to enumerate.
    def stream(body, **options, &block)
      ticket = submit(Request.as_stream(body), **options)
      block ? ended_by(ticket) { ticket.each(&block) } : ticket
    end

    # Hands in many requests, or pairs of one and its options, and yields each when it has ended. No more
    # than `in_flight` are outstanding: `bodies` is read as the answers are taken.
    def map(bodies, in_flight: 512, **options)
      return enum_for(:map, bodies, in_flight: in_flight, **options) unless block_given?
      raise ArgumentError, "in_flight is less than 1" if in_flight < 1

      ended = Thread::Queue.new
      outstanding = {}.compare_by_identity
      source = bodies.each_with_index
      waiting = following(source)
      while waiting || !outstanding.empty?
        refused = false
        while waiting && !refused && outstanding.size < in_flight
          (body, own), index = waiting.first.is_a?(Array) ? waiting : [[waiting.first, {}], waiting.last]
          begin
            ticket = hand_in(:weir_submit, Request.body_text(body), { **options, **own }) { |one| ended << one }
            outstanding[ticket] = [index, body]
          rescue QueueFullError
            refused = true # others have filled the queue, if nothing of this call is outstanding
          rescue Error => e
            yield Done.new(index, body, nil, e)
          end
          waiting = following(source) unless refused
        end
        if refused && ended.empty?
          sleep 0.01
        elsif !outstanding.empty?
          ticket = ended.pop
          yield done(ticket, *outstanding.delete(ticket))
        end
      end
    ensure
      outstanding&.each_key(&:cancel)
    end

    # The right to make one attempt with another client, for the block, which gets the permit. It reports by
    # permit.report; else its value or exception is the report. weir repeats nothing here: run does.
    def permit(**options)
      ticket = acquire(options)
      permit = ended_by(ticket, &:permit)
      value = yield permit
      permit.settle(value)
      value
    rescue StandardError => e
      permit.report_exception(e) if permit && !permit.reported
      raise
    ensure
      ticket.cancel if permit && !permit.reported
      ticket&.give_up
    end

    # A permit at once, or NotNowError with the time after which to ask again.
    def try_permit(**options)
      ticket = Ticket.new(@engine)
      ticket.give_up
      @engine.try_acquire(ticket, options)
    end

    # Calls the block when the limits allow it, and again as long as weir says to try again. Its value or
    # exception is the report: a response or an exception of Net::HTTP or Faraday; other values are
    # successes, and other exceptions end it. At the end the block's own exception is raised, or weir's.
    def run(**options)
      failure = nil
      ended_by(acquire(options)) do |ticket|
        while (permit = granted(ticket, failure))
          begin
            value = yield permit
            failure = nil
            permit.settle(value)
          rescue StandardError => e
            failure = e
            raise unless permit.reported || permit.report_exception(e)
          end
        end
        value
      end
    end

    # The requests of earlier runs that the journal still had, each with a ticket of its own.
    def recovered
      return enum_for(:recovered) unless block_given?

      while (ticket = @recovered.pop)
        yield ticket
      end
      @recovered << nil
      self
    end

    # What the engine is doing.
    def stats = @engine.report(:weir_engine_stats)

    # What the request would come to if it were submitted now; nothing is taken.
    def estimate(body, **options) = @engine.estimate(Request.body_text(body), options)

    # Gives an account's key another secret, or adds a key by that name, while all goes on.
    def set_key(account, key, secret) = texts(:weir_key_set, account, key, secret)

    # Takes an account's key out of use; what is in flight with it ends in peace.
    def retire_key(account, key) = texts(:weir_key_retire, account, key)

    # Cancels every request that was submitted with this tag.
    def cancel_tag(tag) = checked(:weir_cancel_tag, tag)

    # The batches of the journal, and what the lane has done.
    def batches = @engine.report(:weir_batch_list)

    # Closes the batches that are being collected, as if they were full.
    def flush_batches = checked(:weir_batch_flush)

    # Cancels a batch by its number in the list; 0 is what is being collected.
    def cancel_batch(number) = checked(:weir_batch_cancel, number)

    # Requests without their end.
    def outstanding = @engine.outstanding

    # Ends the client: everything outstanding fails with ShutdownError, unless it ended first. Waits until
    # that is so, up to `timeout` seconds. May be called again.
    def close(timeout: 10)
      return true unless @engine.own?

      @engine.close
      return false if Thread.current == @engine.thread || @engine.thread.join(timeout).nil?

      @engine.release
      true
    end

    private

    def hand_in(function, body, options, &on_end)
      Ticket.new(@engine, &on_end).tap { |ticket| @engine.hand_in(function, ticket, body, options) }
    end

    def acquire(options)
      body = options[:body] && Request.body_text(options[:body])
      hand_in(:weir_acquire, body, options.reject { |name,| name == :body })
    end

    # Whatever leaves the block before the end, cancels the request.
    def ended_by(ticket)
      finished = false
      yield(ticket).tap { finished = true }
    ensure
      ticket.cancel unless finished
    end

    # At the end the program's own exception goes out, with weir's as its cause.
    def granted(ticket, failure)
      ticket.permit
    rescue Error => e
      raise failure || e
    end

    def following(source)
      source.next
    rescue StopIteration
      nil
    end

    def done(ticket, index, body)
      Done.new(index, body, ticket.result, nil)
    rescue Error => e
      Done.new(index, body, nil, e)
    end

    def checked(function, *arguments)
      @engine.check_process
      @engine.library.check(@engine.library.public_send(function, @engine.handle, *arguments))
      nil
    end

    def texts(function, *texts)
      @engine.check_process
      @engine.library.call(function, @engine.handle, *texts.flat_map { |text| [text, text.bytesize] })
      nil
    end
  end
end
