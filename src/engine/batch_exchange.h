#pragma once

#include <memory>
#include <string>
#include <vector>

#include "batch/batch_action.h"
#include "engine/key_access.h"
#include "engine/settings.h"
#include "engine/transport.h"
#include "provider/batch_reader.h"

namespace weir {

// One call of the batch endpoints on its way.
class BatchExchange final : private BatchReader::Sink {
public:
    class Listener {
    public:
        virtual ~Listener() = default;
        virtual void on_batch_result(BatchExchange* exchange, const BatchResult& result) = 0;
    };

    BatchExchange(Listener* listener, JsonParser* parser, std::shared_ptr<BatchCall> call,
                  KeyAccessRef key, std::size_t max_bytes, std::int64_t unix_ns);

    ~BatchExchange() override;

    // The request as it goes on the wire; its views live as long as this.
    HttpRequest wire(const AccountAccess& account, const HttpTimeouts& timeouts);

    const BatchCall& call() const { return *call_; }
    const KeyAccess& key() const { return *key_; }
    BatchReader& reader() { return reader_; }
    bool paused() const { return paused_; }
    void set_paused(bool paused) { paused_ = paused; }

private:
    void on_result(const BatchResult& result) override { listener_->on_batch_result(this, result); }

    Listener* const listener_;
    const std::shared_ptr<BatchCall> call_;
    const KeyAccessRef key_;
    BatchReader reader_;
    std::string path_;
    std::vector<std::string> headers_;
    bool paused_ = false;
};

}  // namespace weir
