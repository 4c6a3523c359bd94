# frozen_string_literal: true

# One engine for a program's traffic to the Claude API.
#
#     Weir::Client.open do |client|
#       puts client.messages({ model: "claude-haiku-4-5", max_tokens: 100,
#                              messages: [{ role: "user", content: "What is a weir?" }] }).text
#     end
module Weir
end

require_relative "weir/table"
require_relative "weir/error"
require_relative "weir/errors"
require_relative "weir/library"
require_relative "weir/answer"
require_relative "weir/permit"
require_relative "weir/request"
require_relative "weir/ticket"
require_relative "weir/engine"
require_relative "weir/client"
