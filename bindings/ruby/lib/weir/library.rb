# frozen_string_literal: true

require "ffi"

module Weir
  # The functions of libweir: that of the gem, else that of WEIR_LIBRARY, else the system's.
  class Library
    SONAME = "libweir.so.0"
    PACKAGED = File.expand_path("lib/#{SONAME}", __dir__)
    # The one call that may block. Every other is over at once, and keeps the interpreter's lock, which
    # no thread of the engine's ever wants.
    BLOCKING = [:weir_engine_wait].freeze
    LOCK = Mutex.new

    class << self
      def load
        @loaded || LOCK.synchronize { @loaded ||= new(path) }
      end

      def path
        File.exist?(PACKAGED) ? PACKAGED : ENV["WEIR_LIBRARY"] || SONAME
      end
    end

    attr_reader :path

    def initialize(path)
      @path = path
      @loaded = FFI::DynamicLibrary.open(path, FFI::DynamicLibrary::RTLD_NOW | FFI::DynamicLibrary::RTLD_LOCAL)
      check_version
      Table::FUNCTIONS.each { |name, (result, arguments)| define(name, result, arguments) }
      size = weir_event_size
      misfit("its event record has #{size} bytes, not #{Table::EVENT_SIZE}") if size != Table::EVENT_SIZE
    rescue LoadError => e
      raise LibraryError, "libweir cannot be loaded from #{path}: #{e.message}. Install weir " \
                          "#{Table::VERSION_STRING}, or set WEIR_LIBRARY to the path of its libweir.so"
    end

    # A count or WEIR_OK as it is; else the exception for the status.
    def check(status)
      raise error(status, FFI::Pointer::NULL) if status.negative?

      status
    end

    # Calls a function whose last parameter is `weir_error **error`.
    def call(name, *arguments)
      out = FFI::MemoryPointer.new(:pointer)
      status = public_send(name, *arguments, out)
      raise error(status, out.read_pointer) if status.negative?

      status
    end

    # The handle that a function gives by its last parameter but one.
    def made(name, *arguments)
      out = FFI::MemoryPointer.new(:pointer)
      call(name, *arguments, out)
      out.read_pointer
    end

    # The text that a function gives, which is released.
    def text(name, *arguments)
      handle = made(name, *arguments)
      weir_text_data(handle, nil).dup.force_encoding(Encoding::UTF_8)
    ensure
      weir_text_release(handle) if handle
    end

    # The exception for a status and its error object, which is released.
    def error(status, handle)
      if handle.null?
        out = FFI::MemoryPointer.new(:pointer)
        weir_error_new(status, nil, 0, out)
        handle = out.read_pointer
      end
      read_error(status, handle)
    ensure
      weir_error_release(handle)
    end

    def read_error(status, handle)
      wait_ms = weir_error_retry_after_ms(handle)
      (ERRORS[status] || Error).new(
        utf8(weir_error_message(handle)),
        code: status, name: weir_error_name(handle), source: weir_error_source(handle),
        flags: weir_error_flags(handle), http_status: weir_error_http_status(handle),
        provider_type: utf8(weir_error_provider_type(handle)), request_id: utf8(weir_error_request_id(handle)),
        attempts: weir_error_attempts(handle), retry_after: wait_ms.negative? ? nil : wait_ms / 1000.0
      )
    end

    def utf8(text) = text.to_s.dup.force_encoding(Encoding::UTF_8)

    private

    def define(name, result, arguments)
      symbol = @loaded.find_function(name.to_s) or misfit("it lacks #{name}")
      function = FFI::Function.new(FFI.find_type(result), arguments.map { |one| FFI.find_type(one) }, symbol,
                                   blocking: BLOCKING.include?(name))
      function.attach(singleton_class, name.to_s)
    end

    def check_version
      symbol = @loaded.find_function("weir_version_num")
      if symbol.nil?
        raise LibraryError, "#{path} is not libweir. Set WEIR_LIBRARY to the path of the libweir.so of " \
                            "weir #{Table::VERSION_STRING}"
      end
      @number = FFI::Function.new(:uint32, [], symbol).call
      # While the version is 0.x, each minor version has an ABI of its own.
      fits = @number / 100 == Table::VERSION_NUM / 100 && @number >= Table::VERSION_NUM
      misfit("its interface is another one") unless fits
    end

    def misfit(why)
      version = "#{@number / 10_000}.#{@number / 100 % 100}.#{@number % 100}"
      raise LibraryError, "#{path} is libweir #{version}, and this gem is made for libweir " \
                          "#{Table::VERSION_STRING}: #{why}. Install the two in the same version"
    end
  end

  # The version of the library with the libraries that it runs on.
  def self.version = Library.load.weir_version_string

  # Every key of the configuration: name, type, default, range, and a line about it.
  def self.settings
    library = Library.load
    out = Array.new(5) { FFI::MemoryPointer.new(:pointer) }
    rows = []
    while library.weir_config_describe(rows.size, *out).zero?
      rows << out.map { |one| library.utf8(one.read_pointer.read_string) }
    end
    rows
  end
end
