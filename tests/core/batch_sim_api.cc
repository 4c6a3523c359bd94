#include "batch_sim_api.h"

#include <algorithm>
#include <utility>

namespace weir::test {

SimBatchApi::SimBatchApi(std::uint64_t seed, TimeNs visibility_ns, UnixNs unix_at_zero)
    : random_(seed), visibility_ns_(visibility_ns), unix_at_zero_(unix_at_zero) {}

namespace {

// The bodies of the tests are {"i":N}: no nesting, so that items can be told apart by eye.
std::vector<SimBatchApi::Item> read_items(const std::string& body, bool* whole) {
    std::vector<SimBatchApi::Item> items;
    const std::string open = "{\"requests\":[";
    *whole = body.starts_with(open) && body.ends_with("}]}");
    std::size_t at = open.size();
    const std::string id = "{\"custom_id\":\"";
    const std::string params = "\",\"params\":";
    while (*whole && body.compare(at, id.size(), id) == 0) {
        const std::size_t id_end = body.find('"', at + id.size());
        const std::size_t params_end = body.find("}}", id_end);
        if (id_end == std::string::npos || params_end == std::string::npos) break;
        const std::size_t params_at = id_end + params.size();
        items.push_back({body.substr(at + id.size(), id_end - at - id.size()),
                         body.substr(params_at, params_end + 1 - params_at)});
        at = params_end + 2;
        if (body[at] == ',') ++at;
    }
    *whole &= at + 2 == body.size();
    return items;
}

}  // namespace

const SimBatchApi::Batch& SimBatchApi::create(const std::string& body, TimeNs now) {
    bool whole = false;
    std::vector<Item> items = read_items(body, &whole);
    if (!whole && broken.empty()) broken = "a creation that is no list of requests: " + body;
    for (Item& item : items) {
        const std::uint64_t dice = random_.below(1000);
        item.fate = dice < 20   ? Fate::overloaded
                    : dice < 30 ? Fate::invalid
                    : dice < 60 ? Fate::expired
                    : dice < 65 ? Fate::missing
                                : Fate::succeeded;
        check(item, now);
    }
    ++created;
    return add(std::move(items), now);
}

void SimBatchApi::check(const Item& item, TimeNs now) {
    const auto it = last_.find(item.params);
    if (it != last_.end() && broken.empty()) {
        const Batch& before = batches_[it->second.first];
        const bool over = before.ends_at <= now;
        const bool again = it->second.second != Fate::succeeded;
        if (!over || !again) broken = "submitted twice: " + item.params;
    }
    last_[item.params] = {batches_.size(), item.fate};
}

SimBatchApi::Batch& SimBatchApi::add(std::vector<Item> items, TimeNs now) {
    Batch& batch = batches_.emplace_back();
    batch.object.id = "msgbatch_" + std::to_string(batches_.size());
    batch.object.processing = static_cast<std::int64_t>(items.size());
    const auto skew = static_cast<TimeNs>(random_.below(30)) * kNsPerS;
    batch.object.created_unix_ns = unix_at_zero_ + now - skew;
    batch.object.expires_unix_ns = batch.object.created_unix_ns + 86'400 * kNsPerS;
    batch.readable_at = now + static_cast<TimeNs>(random_.below(2000)) * kNsPerMs;
    const auto late = static_cast<std::uint64_t>(visibility_ns_ / kNsPerMs);
    batch.visible_at =
        random_.below(2) == 0 ? now : now + static_cast<TimeNs>(random_.below(late)) * kNsPerMs;
    batch.ends_at = now + kNsPerS + static_cast<TimeNs>(random_.below(1800)) * kNsPerS;
    batch.results_at = batch.ends_at + static_cast<TimeNs>(random_.below(2000)) * kNsPerMs;
    for (std::size_t i = items.size(); i > 1; --i) {
        std::swap(items[i - 1], items[random_.below(i)]);
    }
    batch.items = std::move(items);
    return batch;
}

void SimBatchApi::create_foreign(std::size_t count, TimeNs now) {
    std::vector<Item> items(count);
    std::size_t i = 0;
    for (Item& item : items) item.custom_id = "row-" + std::to_string(++i);
    add(std::move(items), now).foreign = true;
}

const SimBatchApi::Batch* SimBatchApi::find(const std::string& id) const {
    for (const Batch& batch : batches_) {
        if (batch.object.id == id && batch.object.total() > 0) return &batch;
    }
    return nullptr;
}

BatchObject SimBatchApi::object(const Batch& batch, TimeNs now) const {
    BatchObject object = batch.object;
    if (batch.ends_at > now) return object;
    object.status = BatchObject::Status::ended;
    object.succeeded = object.processing;
    object.processing = 0;
    return object;
}

BatchPage SimBatchApi::list(const std::string& after, std::size_t limit, TimeNs now) const {
    BatchPage page;
    bool begun = after.empty();
    for (auto it = batches_.rbegin(); it != batches_.rend(); ++it) {
        if (begun && it->visible_at <= now && it->object.total() > 0) {
            if (page.batches.size() == limit) {
                page.has_more = true;
                break;
            }
            page.batches.push_back(object(*it, now));
        }
        begun |= it->object.id == after;
    }
    return page;
}

void SimBatchApi::cancel(const std::string& id, TimeNs now) {
    for (Batch& batch : batches_) {
        const TimeNs earlier = batch.ends_at - (now + kNsPerS);
        if (batch.object.id != id || earlier <= 0) continue;
        batch.ends_at -= earlier;
        batch.results_at -= earlier;
    }
}

void SimBatchApi::remove(const std::string& id) {
    for (Batch& batch : batches_) {
        if (batch.object.id == id) batch.object = BatchObject();
    }
}

}  // namespace weir::test
