# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "weir"
  spec.version = "0.1.0"
  spec.summary = "One engine for a program's traffic to the Claude API: limits, queue, retries, batches"
  spec.authors = ["The weir authors"]
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir["lib/**/*", "README.md", "LICENSE"].select { |path| File.file?(path) }
  spec.add_dependency "ffi", "~> 1.15"
  # With the library inside, the gem is for systems like the one that it is made on.
  spec.platform = Gem::Platform::CURRENT if File.exist?("lib/weir/lib/libweir.so.0")
end
