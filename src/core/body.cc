#include "core/body.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "limits/input_estimate.h"

namespace weir {

BodyBlock* BodyBlock::make(std::string_view body, const RequestHead& head,
                           std::vector<std::string> extra_headers) {
    auto headers = extra_headers.empty()
                       ? nullptr
                       : std::make_unique<const std::vector<std::string>>(std::move(extra_headers));
    void* memory = std::malloc(sizeof(BodyBlock) + body.size());
    if (memory == nullptr) throw std::bad_alloc();
    auto* block = new (memory) BodyBlock;
    block->size_ = static_cast<std::uint32_t>(body.size());
    block->head_ = {.model_offset = head.model_offset,
                    .max_tokens = head.max_tokens,
                    .input_tokens = static_cast<float>(raw_input_estimate(head)),
                    .model_length = static_cast<std::uint16_t>(head.model_length),
                    .stream = head.stream,
                    .fast = head.fast,
                    .text_only = head.text_only()};
    block->extra_headers_ = std::move(headers);
    if (!body.empty())
        std::memcpy(static_cast<char*>(memory) + sizeof(BodyBlock), body.data(), body.size());
    return block;
}

// A body whose bytes are these pieces, with the headers of another.
BodyBlock* BodyBlock::make_of(const BodyBlock& body,
                              std::initializer_list<std::string_view> pieces) {
    auto headers = body.extra_headers_ == nullptr
                       ? nullptr
                       : std::make_unique<const std::vector<std::string>>(*body.extra_headers_);
    std::size_t size = 0;
    for (const std::string_view piece : pieces) size += piece.size();
    void* memory = std::malloc(sizeof(BodyBlock) + size);
    if (memory == nullptr) throw std::bad_alloc();
    auto* block = new (memory) BodyBlock;
    block->size_ = static_cast<std::uint32_t>(size);
    block->head_ = body.head_;
    block->extra_headers_ = std::move(headers);
    char* out = static_cast<char*>(memory) + sizeof(BodyBlock);
    for (const std::string_view piece : pieces) {
        if (!piece.empty()) std::memcpy(out, piece.data(), piece.size());
        out += piece.size();
    }
    return block;
}

BodyBlock* BodyBlock::make_assembled(const BodyBlock& body, RequestHead::Range stream) {
    const std::string_view bytes = body.bytes();
    std::string_view inserted = "true";
    if (stream.end == 0) {  // the body does not speak of streams
        inserted = "\"stream\":true,";
        stream.begin = stream.end = static_cast<std::uint32_t>(bytes.find('{') + 1);
    }
    BodyBlock* block =
        make_of(body, {bytes.substr(0, stream.begin), inserted, bytes.substr(stream.end)});
    if (body.head_.model_offset >= stream.end) {
        block->head_.model_offset =
            body.head_.model_offset + static_cast<std::uint32_t>(block->size_ - bytes.size());
    }
    block->head_.stream = block->head_.assemble = true;
    return block;
}

BodyBlock* BodyBlock::make_with_model(const BodyBlock& body, std::string_view model) {
    const std::string_view bytes = body.bytes();
    const std::size_t after = body.head_.model_offset + body.head_.model_length;
    BodyBlock* block =
        make_of(body, {bytes.substr(0, body.head_.model_offset), model, bytes.substr(after)});
    block->head_.model_length = static_cast<std::uint16_t>(model.size());
    return block;
}

BodyBlock* BodyBlock::make_model(std::string_view model, std::uint32_t max_tokens) {
    RequestHead head;
    head.model_length = static_cast<std::uint32_t>(model.size());
    head.max_tokens = max_tokens;
    BodyBlock* block = make(model, head, {});
    block->head_.input_tokens = 0;  // nothing is known of it, and nothing is to be learnt
    return block;
}

void BodyBlock::release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    this->~BodyBlock();
    std::free(this);
}

std::string_view BodyBlock::bytes() const {
    return {reinterpret_cast<const char*>(this) + sizeof(BodyBlock), size_};
}

std::string_view BodyBlock::model() const {
    return bytes().substr(head_.model_offset, head_.model_length);
}

}  // namespace weir
