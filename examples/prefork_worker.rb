# frozen_string_literal: true

# weir in a preforking Ruby server: a parent that forks workers, each with a client of its own, as puma
# does with on_worker_boot. Questions come in on standard input, one a line; each worker takes its share.
#
#     ANTHROPIC_API_KEY=... ruby prefork_worker.rb < questions.txt
#
# A client belongs to the process that made it: the limits are divided by the number of workers here.

require "weir"

WORKERS = 2
REQUESTS_PER_MINUTE = 600

SETTINGS = {
  "account.main.key_env" => "ANTHROPIC_API_KEY",
  "transport.base_url" => ENV.fetch("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
  "limit.claude-haiku-4.requests_per_minute" => REQUESTS_PER_MINUTE / WORKERS
}.freeze

def question(line)
  { model: "claude-haiku-4-5", max_tokens: 100, messages: [{ role: "user", content: line }] }
end

# The worker's whole life: made after the fork, closed at its end.
def work(lines)
  Weir::Client.open(SETTINGS) do |client|
    client.map(lines.map { |line| question(line) }, deadline_s: 600) do |done|
      puts done.error ? "failed: #{done.error.message}" : done.answer.text
      $stdout.flush
    end
  end
end

lines = $stdin.map(&:chomp).reject(&:empty?)
workers = Array.new(WORKERS) do |number|
  share = lines.each_slice(WORKERS).filter_map { |slice| slice[number] }
  fork { work(share) }
end
statuses = workers.map { |worker| Process.wait2(worker).last }
exit statuses.all?(&:success?)
