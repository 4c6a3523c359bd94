# frozen_string_literal: true

require "json"
require "minitest/autorun"
require "net/http"
require "tmpdir"
require "weir"

# What the tests of the gem share: a model of the API on a port of its own, and bodies for it.
module Support
  KEY = "test-key"
  MODEL = "claude-sonnet-4-5"
  # Answers that take some milliseconds.
  QUICK = { first_token_s: 0.005, output_tokens: 20, tokens_per_s: 20_000 }.freeze

  # The model of the API, with one account and one class of models.
  class ModelServer
    attr_reader :url

    def initialize(faults: [], arguments: [], **model_class)
      @directory = Dir.mktmpdir("weir-")
      config = { classes: [{ name: "claude", limits: { requests_per_minute: 600_000 }, **QUICK, **model_class }],
                 accounts: [{ name: "main", keys: [KEY] }], faults: }
      File.write("#{@directory}/server.json", JSON.generate(config))
      @output = IO.popen([ENV.fetch("WEIR_MODEL_SERVER"), "--config", "#{@directory}/server.json", "--port", "0",
                          *arguments])
      @url = @output.each_line { |line| break line[/listening on (\S+)/, 1] if line.include?("listening") }
    end

    def report = JSON.parse(Net::HTTP.get(URI("#{url}/model/report")))

    def stop
      Process.kill(:TERM, @output.pid)
      @output.close
      FileUtils.remove_entry(@directory)
    end
  end

  def self.settings(server)
    { "account.main.key" => KEY, "transport.base_url" => server.url, "retry.base_ms" => 10,
      "retry.budget.capacity" => 0, "limit.claude-sonnet-4.requests_per_minute" => 600_000 }
  end

  def self.body(text = "What is a weir?", **more)
    { model: MODEL, max_tokens: 64, messages: [{ role: "user", content: text }], **more }
  end

  def self.run_ruby(program, *arguments, **environment)
    command = ["ruby", "-I#{File.expand_path('../lib', __dir__)}", "-rweir", "-rjson", "-e", program, *arguments]
    IO.popen(environment.transform_keys(&:to_s), command)
  end
end
