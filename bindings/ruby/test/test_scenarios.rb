# frozen_string_literal: true

require_relative "support"

# The scenarios that all bindings run.
class TestScenarios < Minitest::Test
  TABLE = JSON.parse(File.read(File.expand_path("../../conformance/scenarios.json", __dir__)))["scenarios"]

  TABLE.each do |row|
    define_method("test_#{row['name']}") do
      @row = row
      begin_scenario
      send("do_#{row['do']}")
    end
  end

  def begin_scenario
    batch = @row["batch"] ? ["--batch", @row["batch"]] : []
    @server = Support::ModelServer.new(faults: @row.fetch("faults", []), arguments: batch,
                                       **@row.fetch("server", {}).transform_keys(&:to_sym))
    @settings = Support.settings(@server).merge(@row.fetch("settings", {}))
    @settings["transport.base_url"] = @server.url.sub("http:", "https:") if @row["https"]
    @body = @row["raw_body"] || Support.body.merge(@row.fetch("body", {}).transform_keys(&:to_sym))
    @options = @row.fetch("options", {}).transform_keys(&:to_sym)
    @expected = @row["expect"]
    @clients = []
  end

  def teardown
    @clients&.each(&:close)
    @server&.stop
  end

  # ---- What is expected

  def error_of
    yield
    flunk "it was no failure"
  rescue Weir::Error => e
    e
  end

  def check_error(error)
    check_fields(error, @expected["error"])
    @expected.fetch("is", []).each { |name| assert error.public_send("#{name}?"), "#{error.inspect} is not #{name}" }
    @expected.fetch("is_not", []).each { |name| refute error.public_send("#{name}?"), "#{error.inspect} is #{name}" }
    assert_includes error.message, @expected.fetch("message_has", "")
    refute_includes error.message, Support::KEY
  end

  def check_fields(found, fields)
    fields.each do |name, value|
      value == true ? assert(found.public_send(name), name) : assert_equal(value, found.public_send(name), name)
    end
  end

  def check_answer(answer)
    check_fields(answer, @expected["answer"])
    return if answer.body.empty?

    assert_equal "message", answer["type"]
    assert_includes answer.text, @expected.fetch("text_has", "")
    assert answer.headers["content-type"].start_with?("application/json")
  end

  def within(seconds = 10)
    give_up_at = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until yield
      assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC), :<, give_up_at, "it did not happen in time"
      sleep 0.005
    end
  end

  def client(**options)
    Weir::Client.new(@settings, **options).tap { |one| @clients << one }
  end

  # ---- What is done

  def do_open = check_error(error_of { client })

  def do_messages
    one = client
    before = Array.new(@row.fetch("before", 0)) { one.submit(Support.body) }
    before.first.result if @row["first_is_answered"]
    if @expected["error"]
      check_error(error_of { one.messages(@body, **@options) })
    else
      check_answer(one.messages(@body, **@options))
    end
  end

  def do_stream
    events = []
    call = -> { client.stream(@body, **@options) { |event| events << event["type"] } }
    return check_error(error_of(&call)) if @expected["error"]

    check_answer(call.call)
    assert_equal @expected["events"], [events.first, events.last] if @expected["events"]
    assert_kind_of Enumerator::Lazy, client.stream(@body).lazy.map { |event| event["type"] }
  end

  def do_cancel
    one = client
    one.submit(@body) if @row["when"] == "queued"
    ticket = @row["when"] == "streaming" ? one.stream(@body) : one.submit(@body)
    case @row["when"]
    when "in_flight" then within { @server.report["total"]["requests"].positive? }
    when "streaming" then ticket.first
    when "ended" then ticket.result
    end
    assert_equal @expected.fetch("cancelled", true), ticket.cancel
    @expected["error"] ? check_error(error_of { ticket.result }) : check_answer(ticket.result)
  end

  def do_many
    read = 0
    bodies = Enumerator.new do |list|
      @row["count"].times do |number|
        read += 1
        list << Support.body("Question #{number}")
      end
    end
    seen = []
    client.map(bodies, in_flight: @row["in_flight"]) do |done|
      assert_includes "#{done.result.text} ", "Question #{done.index} "
      seen << done.index
      # Beside those in flight, one has been read that waits for a place.
      assert_operator read - seen.size, :<=, @expected.fetch("read_ahead", read) + 1
    end
    assert_equal @expected["answers"], seen.uniq.size
  end

  def do_random_cancels
    one = client
    tickets = Array.new(@row["count"]) { |number| one.submit(Support.body(number.to_s)) }
    tickets.sample((tickets.size * @row["share"]).to_i, random: Random.new(7)).each(&:cancel)
    ended = tickets.map do |ticket|
      ticket.result(timeout: 20).http_status
    rescue Weir::CancelledError
      0
    end
    assert_equal @expected["ended"], ended.size
    assert_includes ended, 0
    assert_equal 0, one.outstanding
  end

  def do_collect
    one = client
    collector = Thread.new { loop { GC.start && sleep(0.005) } }
    ended = Array.new(@row["count"]) do |number|
      one.submit(Support.body, tag: 9) # dropped at once
      events = one.stream(Support.body)
      events.first unless (number % 3).zero? # dropped in the middle
      cycle = [one.submit(Support.body)]
      cycle << cycle
      Weir::Client.new(@settings) if (number % 20).zero? # a client that nobody closes
      one.messages(Support.body).body
    end
    assert_equal @expected["ended"], ended.size
    within { one.outstanding.zero? }
  ensure
    collector&.kill&.join
  end

  def do_permit
    attempts = []
    run = lambda do
      client.run(model: Support::MODEL, max_tokens: 64, input_tokens: 10) do |permit|
        attempts << permit.attempt
        report = @row["reports"][attempts.size - 1]
        raise Errno::ECONNRESET if report == "broken"

        permit.report(report, {}, report == 200 ? nil : "")
        "done"
      end
    end
    @expected["error"] ? check_error(error_of(&run)) : assert_equal("done", run.call)
    assert_equal (1..@expected["attempts"]).to_a, attempts
  end

  def do_try_permit
    one = client
    permit = one.try_permit(model: Support::MODEL, max_tokens: 64)
    assert_equal ["main", 1, Support::MODEL], [permit.account, permit.attempt, permit.model]
    check_error(error_of { one.try_permit(model: Support::MODEL, max_tokens: 64) })
    permit.report(200)
  end

  def do_keys
    told = Queue.new
    one = client(on_notice: ->(kind, state) { told << [kind, state["state"]] })
    ticket = one.submit(@body)
    assert_equal [:key, "quarantined"], told.pop
    one.set_key("main", "main", Support::KEY)
    check_answer(ticket.result(timeout: 10))
    one.retire_key("main", "main")
    assert_raises(Weir::NotFoundError) { one.set_key("nobody", "main", "x") }
  end

  def do_batch
    Dir.mktmpdir do |directory|
      settings = @settings.merge("journal.path" => "#{directory}/journal")
      Weir::Client.open(settings) do |one|
        @row["count"].times do |number|
          one.submit(@body, lane: "batch", custom_id: "question-#{number}").made_durable(timeout: 10)
        end
        assert one.batches["batches"]
      end
      Weir::Client.open(settings) do |one|
        answers = one.recovered.to_h do |ticket|
          type = ticket.result(timeout: 20)["type"]
          ticket.acknowledge
          [ticket.custom_id, type]
        end
        assert_equal Array.new(@expected["answers"]) { |number| ["question-#{number}", "message"] }, answers.sort
      end
      Weir::Client.open(settings) { |one| assert_empty one.recovered.to_a }
    end
  end

  def do_close_outstanding
    one = client
    tickets = Array.new(@row["count"]) { one.submit(@body) }
    assert one.close
    tickets.each { |ticket| check_error(error_of { ticket.result }) }
  end

  def do_use_after_close
    one = client
    one.close
    check_error(error_of { one.messages(@body) })
    check_error(error_of { one.run(body: @body) { nil } })
  end

  def do_close_twice
    one = client
    assert one.close
    assert one.close
  end

  def do_fork
    one = client
    one.messages(@body)
    ticket = one.submit(@body)
    child = fork do
      [-> { one.messages(@body) }, -> { one.stats }, -> { ticket.result }].each { |call| check_error(error_of(&call)) }
      one.close
      GC.start
      Weir::Client.open(@settings) { |own| exit!(own.messages(@body)["type"] == "message" ? 0 : 2) }
    rescue Exception => e # rubocop:disable Lint/RescueException
      warn e.full_message
    ensure
      exit!(1)
    end
    assert Process.wait2(child).last.success?
    assert_equal "message", ticket.result["type"]
    assert_equal "message", one.messages(@body)["type"]
  end

  def do_interrupt
    program = "client = Weir::Client.new(JSON.parse(ARGV[0])); puts 'waiting'; $stdout.flush\n" \
              "begin; client.messages(ARGV[1]); rescue Interrupt; puts 'interrupted'; end"
    output = Support.run_ruby(program, JSON.generate(@settings), JSON.generate(@body))
    assert_equal "waiting\n", output.gets
    within { @server.report["total"]["requests"].positive? }
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    Process.kill(:INT, output.pid)
    assert_equal "interrupted\n", output.gets
    output.close
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - started, :<, @expected["within_s"]
  end

  def do_wrong_types
    one = client
    [[3, {}], [nil, {}], [["a"], {}], [@body, { priority: 1.5 }], [@body, { deadline_s: "soon" }],
     [@body, { tag: "a" }], [@body, { headers: 3 }]].each do |body, options|
      assert_raises(TypeError, NoMethodError) { one.submit(body, **options) }
    end
    assert_raises(ArgumentError) { one.submit(@body, colour: "red") }
    assert_raises(ArgumentError) { one.submit(@body, priority: :urgent) }
    assert_raises(Weir::InvalidValueError) { one.submit(@body, lane: "fast") }
    assert_raises(Weir::BadArgumentError) { one.submit(@body, priority: 17) }
    assert_equal "message", one.messages(@body)["type"]
  end

  def do_load
    path = { "missing" => "/nowhere/libweir.so.0", "foreign" => "libc.so.6",
             "old" => ENV.fetch("WEIR_OLD_LIBRARY") }[@row["library"]]
    program = "begin; Weir::Client.new; rescue Weir::LibraryError => e; puts e.message; end"
    said = Support.run_ruby(program, WEIR_LIBRARY: path).read
    assert_includes said, @expected["message_has"]
    assert_includes said, Weir::Table::VERSION_STRING
  end
end
