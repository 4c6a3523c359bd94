#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/request_head.h"

namespace weir {

// What is kept of a request's head: a million of them may wait.
struct BodyHead {
    std::uint32_t model_offset = 0;
    std::uint32_t max_tokens = 0;
    float input_tokens = 0;  // estimated, before any correction
    std::uint16_t model_length = 0;
    bool stream = false;
    bool fast = false;
    bool text_only = true;  // no images or documents, and nothing that is not in the body
    bool assemble = false;  // the answer is streamed on the wire, and handed over whole
};

// What the input surely comes to: of text at least an eighth of the estimate, for no text has that
// many characters a token. Nothing is sure of what else there is.
inline std::int64_t least_input(const BodyHead& head) {
    return head.text_only ? static_cast<std::int64_t>(head.input_tokens / 8) : 0;
}

// A request's body with its head, in one block, shared by reference count: between a builder and
// the requests that it submits, and between the attempts of a request. Immutable once made.
class BodyBlock {
public:
    // Copies `body`. Throws std::bad_alloc. The caller owns one reference.
    static BodyBlock* make(std::string_view body, const RequestHead& head,
                           std::vector<std::string> extra_headers);
    // The same body as one that is streamed and assembled.
    static BodyBlock* make_assembled(const BodyBlock& body, RequestHead::Range stream);
    // The same body but for its model, whose characters are written as they are.
    static BodyBlock* make_with_model(const BodyBlock& body, std::string_view model);
    // Of a permit for a model, of which no body is known.
    static BodyBlock* make_model(std::string_view model, std::uint32_t max_tokens);
    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    std::string_view bytes() const;
    std::string_view model() const;
    const BodyHead& head() const { return head_; }
    // "name: value", or NULL if there are none.
    const std::vector<std::string>* extra_headers() const { return extra_headers_.get(); }

private:
    static BodyBlock* make_of(const BodyBlock& body,
                              std::initializer_list<std::string_view> pieces);

    BodyBlock() = default;
    ~BodyBlock() = default;
    std::atomic<std::uint32_t> references_{1};
    std::uint32_t size_ = 0;
    std::unique_ptr<const std::vector<std::string>> extra_headers_;
    BodyHead head_;
};

// An owning reference to a BodyBlock, or none.
class BodyRef {
public:
    BodyRef() = default;
    explicit BodyRef(BodyBlock* block) : block_(block) {}  // takes the reference over
    BodyRef(const BodyRef& other) : block_(other.block_) {
        if (block_) block_->retain();
    }
    BodyRef(BodyRef&& other) noexcept : block_(other.block_) { other.block_ = nullptr; }
    BodyRef& operator=(BodyRef other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~BodyRef() {
        if (block_) block_->release();
    }

    const BodyBlock* get() const { return block_; }
    const BodyBlock* operator->() const { return block_; }
    explicit operator bool() const { return block_ != nullptr; }

private:
    BodyBlock* block_ = nullptr;
};

}  // namespace weir
