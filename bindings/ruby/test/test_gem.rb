# frozen_string_literal: true

require "open3"
require_relative "support"

# What the scenarios of all languages do not show of this gem.
class TestGem < Minitest::Test
  ROOT = File.expand_path("..", __dir__)

  def setup
    @server = Support::ModelServer.new
    @slow = nil
  end

  def teardown
    @server.stop
    @slow&.stop
  end

  def slow = @slow ||= Support::ModelServer.new(first_token_s: 20)

  def test_versions_and_settings
    assert Weir.version.start_with?("weir/0.1.0")
    assert_includes Weir.settings.map(&:first), "queue.max_requests"
    assert_equal Weir::Table::VERSION_STRING, Gem::Specification.load("#{ROOT}/weir.gemspec").version.to_s
  end

  def test_settings_may_be_nested
    Weir::Client.open(account: { main: { key: "a" } }, queue: { max_requests: 7 }) do |client|
      assert_equal 7, client.stats["queue"]["max_requests"]
    end
  end

  def test_the_first_lines_of_the_readme
    first = File.read("#{ROOT}/README.md")[/```ruby\n(.*?)```/m, 1]
    assert_operator first.lines.size, :<=, 10
    program = first.sub("Client.open do", "Client.open('transport.base_url' => #{@server.url.inspect}) do")
    said = Support.run_ruby(program, ANTHROPIC_API_KEY: Support::KEY).read
    assert_includes said, "What is a weir?"
  end

  def test_the_example
    environment = { "RUBYLIB" => "#{ROOT}/lib", "ANTHROPIC_API_KEY" => Support::KEY, "ANTHROPIC_BASE_URL" => @server.url }
    said, status = Open3.capture2e(environment, "ruby", "-w", "#{ROOT}/../../examples/prefork_worker.rb",
                                   stdin_data: "One?\nTwo?\nThree?\n")
    assert status.success?, said
    assert_equal 3, said.lines.size, said
  end

  def test_every_block_of_the_readme_is_ruby
    File.read("#{ROOT}/README.md").scan(/```ruby\n(.*?)```/m) { |(block)| RubyVM::InstructionSequence.compile(block) }
  end

  def test_waits_are_interrupted_by_timeout_and_kill
    Weir::Client.open(Support.settings(slow)) do |client|
      assert_raises(Timeout::Error) { Timeout.timeout(0.1) { client.messages(Support.body) } }
      assert_raises(Timeout::Error) { client.submit(Support.body, tag: 3).result(timeout: 0.05) }
      thread = Thread.new { client.messages(Support.body) }
      sleep 0.05
      thread.kill.join(5)
      refute thread.alive?
      client.cancel_tag(3)
      sleep 0.01 until client.outstanding.zero?
    end
  end

  def test_others_run_while_one_waits
    Weir::Client.open(Support.settings(slow)) do |client|
      waiting = Thread.new { client.messages(Support.body) rescue nil } # rubocop:disable Style/RescueModifier
      ticks = 0
      10.times { sleep(0.005) && ticks += 1 }
      assert_equal 10, ticks
      waiting.kill.join
    end
  end

  def test_an_answer_outlives_its_client
    client = Weir::Client.new(Support.settings(@server))
    answer = client.messages(Support.body)
    client.close
    client = nil
    GC.start
    assert_equal "message", answer["type"]
    assert_nil client
  end

  def test_map_goes_on_after_a_refusal_and_may_be_left
    Weir::Client.open(Support.settings(@server)) do |client|
      bodies = [Support.body, [Support.body, { tenant: "a" }], "{}", Support.body]
      done = client.map(bodies).to_h { |one| [one.index, one] }
      assert_equal [0, 1, 2, 3], done.keys.sort
      assert_equal "bad_body", done[2].error.name
      client.map([Support.body] * 50, in_flight: 20).first
      sleep 0.01 until client.outstanding.zero?
    end
  end

  def test_permits_around_net_http
    server = Support::ModelServer.new(faults: [{ kind: "overloaded", every: 2 }, { kind: "reset_after_read", every: 5 }])
    headers = { "x-api-key" => Support::KEY, "anthropic-version" => "2023-06-01", "content-type" => "application/json" }
    body = JSON.generate(Support.body)
    Weir::Client.open(Support.settings(server)) do |client|
      10.times do
        response = client.run(body: body) { Net::HTTP.post(URI("#{server.url}/v1/messages"), body, headers) }
        assert_equal "200", response.code
      end
      assert_raises(ZeroDivisionError) { client.run(body: body) { 1 / 0 } }
      assert_equal 3, client.permit(body: body) { 3 }
      assert_raises(EOFError) { client.permit(body: body) { raise EOFError } }
      sleep 0.01 until client.outstanding.zero?
    end
  ensure
    server.stop
  end

  def test_the_last_failure_of_a_run_is_the_programs_own
    Weir::Client.open(Support.settings(@server).merge("retry.max_attempts" => 2)) do |client|
      calls = 0
      error = assert_raises(Errno::ECONNRESET) { client.run(body: Support.body) { calls += 1 and raise Errno::ECONNRESET } }
      assert_equal 2, calls
      assert_kind_of Weir::ConnectionError, error.cause
    end
  end

  def test_a_client_that_nobody_closes
    threads = -> { Thread.list.count { |thread| thread.name == "weir" } }
    before = threads.call
    20.times { Weir::Client.new(Support.settings(@server)).messages(Support.body) }
    200.times do
      GC.start
      break if threads.call < before + 10

      sleep 0.01
    end
    assert_operator threads.call, :<, before + 10 # the stack may still show the last ones
  end

  def test_the_gem_is_used_where_it_was_put
    Dir.mktmpdir do |place|
      made, status = Open3.capture2("#{ROOT}/../package", "ruby", "--library", ENV.fetch("WEIR_LIBRARY"), "--output", place)
      assert status.success?
      assert system("gem", "install", "--local", "--ignore-dependencies", "--no-document", "--silent",
                    "--install-dir", "#{place}/home", made.strip, out: File::NULL)
      program = "require 'weir'; Weir::Client.open(JSON.parse(ARGV[0])) { |one| " \
                "puts one.messages(ARGV[1])['type'], Weir::Library.load.path }"
      said, status = Open3.capture2e({ "WEIR_LIBRARY" => nil, "GEM_PATH" => ["#{place}/home", *Gem.path].join(":") }, "ruby", "-rjson", "-e",
                                     program, JSON.generate(Support.settings(@server)), JSON.generate(Support.body))
      assert status.success?, said
      assert_equal "message", said.lines.first.strip
      assert said.lines.last.start_with?(File.realpath(place)), said
    end
  end

  def test_a_program_that_closes_nothing
    program = "client = Weir::Client.new(JSON.parse(ARGV[0])); client.submit(ARGV[1])"
    ["", "; Thread.new { client.messages(ARGV[1]) rescue nil }; sleep 0.1"].each do |more|
      started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      said, status = Open3.capture2e("ruby", "-I#{ROOT}/lib", "-rweir", "-rjson", "-e", program + more,
                                     JSON.generate(Support.settings(slow)), JSON.generate(Support.body))
      assert_equal ["", true], [said, status.success?]
      assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - started, :<, 5
    end
  end
end
