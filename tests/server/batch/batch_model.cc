#include "batch/batch_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/config_json.h"

namespace weir::model {

namespace {

TimeNs seconds(double s) { return static_cast<TimeNs>(s * 1e9); }

double number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0)) {
        throw ConfigError("\"" + std::string(text) + "\" is not a number");
    }
    return value;
}

}  // namespace

BatchBehaviour read_batch_behaviour(std::string_view text) {
    BatchBehaviour b;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) throw ConfigError("name=value is needed");
        const std::string_view name = part.substr(0, equals);
        const double value = number(part.substr(equals + 1));
        const std::pair<std::string_view, double*> reals[] = {{"ends_s", &b.ends_s},
                                                              {"errored", &b.errored},
                                                              {"invalid", &b.invalid},
                                                              {"expired", &b.expired},
                                                              {"missing", &b.missing},
                                                              {"not_found_s", &b.not_found_s},
                                                              {"listing_late_s", &b.listing_late_s},
                                                              {"cut_at", &b.cut_at}};
        const std::pair<std::string_view, std::uint32_t*> counts[] = {
            {"overloaded_every", &b.overloaded_every},
            {"lost_creations", &b.lost_creations},
            {"cut_downloads", &b.cut_downloads},
            {"strange_lines", &b.strange_lines},
            {"foreign", &b.foreign}};
        bool known = name == "output_tokens";
        if (known) b.output_tokens = static_cast<std::int64_t>(value);
        for (const auto& [known_name, field] : reals) {
            if (name == known_name) *field = value, known = true;
        }
        for (const auto& [known_name, field] : counts) {
            if (name == known_name) *field = static_cast<std::uint32_t>(value), known = true;
        }
        if (!known) throw ConfigError("there is no \"" + std::string(name) + "\"");
    }
    return b;
}

bool BatchModel::overloaded() {
    ++calls_;
    const bool is = behaviour_.overloaded_every > 0 && calls_ % behaviour_.overloaded_every == 0;
    overloaded_ += is ? 1 : 0;
    return is;
}

BatchItem::Fate BatchModel::draw_fate() {
    double dice = random_.uniform();
    const std::pair<double, BatchItem::Fate> fates[] = {
        {behaviour_.errored, BatchItem::Fate::errored},
        {behaviour_.invalid, BatchItem::Fate::invalid},
        {behaviour_.expired, BatchItem::Fate::expired},
        {behaviour_.missing, BatchItem::Fate::missing}};
    for (const auto& [share, fate] : fates) {
        if (dice < share) return fate;
        dice -= share;
    }
    return BatchItem::Fate::succeeded;
}

const Batch& BatchModel::create(int account, std::vector<BatchItem> items, TimeNs now) {
    const std::size_t size = items.size();
    for (std::uint32_t i = 0; creations_ == 0 && i < behaviour_.foreign; ++i) {
        Batch& other = batches_.emplace_back();
        other.id = fmt::format("msgbatch_foreign{}", i);
        other.account = account;
        other.created_at = now;
        other.ends_at = now + seconds(behaviour_.ends_s);
        other.items.resize(size);
        for (std::size_t j = 0; j < size; ++j) other.items[j].custom_id = fmt::format("row-{}", j);
    }
    ++creations_;
    Batch& batch = batches_.emplace_back();
    batch.id = "msgbatch_" + hex_of(random_.next());
    batch.account = account;
    batch.created_at = now;
    batch.ends_at = now + seconds(behaviour_.ends_s);
    for (BatchItem& item : items) {
        item.fate = item.problem.empty() ? draw_fate() : BatchItem::Fate::invalid;
        if (item.fate == BatchItem::Fate::invalid && item.problem.empty()) {
            item.problem = "the model says so";
        }
        if (item.fate == BatchItem::Fate::succeeded) ++answered_[item.request.marker];
    }
    // Results come in any order.
    for (std::size_t i = size; i > 1; --i) {
        std::swap(items[i - 1], items[random_.next() % i]);
    }
    batch.items = std::move(items);
    return batch;
}

const Batch* BatchModel::find(int account, std::string_view id, TimeNs now) const {
    for (const Batch& batch : batches_) {
        if (batch.id != id || batch.account != account || batch.deleted) continue;
        const bool not_yet = now < batch.created_at + seconds(behaviour_.not_found_s);
        return not_yet ? nullptr : &batch;
    }
    return nullptr;
}

bool BatchModel::has_results(const Batch& batch, TimeNs now) const {
    return now >= batch.ends_at + seconds(behaviour_.not_found_s);
}

std::vector<const Batch*> BatchModel::list(int account, std::string_view after_id,
                                           std::string_view before_id, std::size_t limit,
                                           bool* has_more, TimeNs now) const {
    std::vector<const Batch*> page;
    *has_more = false;
    bool begun = after_id.empty();
    for (auto it = batches_.rbegin(); it != batches_.rend(); ++it) {
        if (it->account != account || it->deleted) continue;
        if (!before_id.empty() && it->id == before_id) break;
        const bool visible = now >= it->created_at + seconds(behaviour_.listing_late_s);
        if (begun && visible) {
            if (page.size() == limit) {
                *has_more = true;
                break;
            }
            page.push_back(&*it);
        }
        if (it->id == after_id) begun = true;
    }
    return page;
}

void BatchModel::cancel(const Batch& batch, TimeNs now) {
    for (Batch& own : batches_) {
        if (own.id != batch.id || own.cancelled_at >= 0 || own.ends_at <= now) continue;
        own.cancelled_at = now;
        own.ends_at = std::min(own.ends_at, now + seconds(behaviour_.ends_s) / 4);
    }
}

void BatchModel::remove(const Batch& batch) {
    for (Batch& own : batches_) own.deleted |= own.id == batch.id;
}

std::string BatchModel::report() const {
    nlohmann::ordered_json batches = nlohmann::ordered_json::array();
    std::int64_t unanswered = 0;
    for (const Batch& batch : batches_) {
        const bool foreign = batch.id.starts_with("msgbatch_foreign");
        unanswered += foreign ? 0
                              : std::count_if(batch.items.begin(), batch.items.end(),
                                              [](const BatchItem& item) {
                                                  return item.fate != BatchItem::Fate::succeeded;
                                              });
        batches.push_back({{"id", batch.id},
                           {"requests", batch.items.size()},
                           {"foreign", foreign},
                           {"cancelled", batch.cancelled_at >= 0},
                           {"deleted", batch.deleted}});
    }
    const auto again = std::count_if(answered_.begin(), answered_.end(),
                                     [](const auto& one) { return one.second > 1; });
    const nlohmann::ordered_json report{{"calls", calls_},
                                        {"creations", creations_},
                                        {"overloaded", overloaded_},
                                        {"lost_creations", lost_creations_},
                                        {"cut_downloads", cut_downloads_},
                                        {"unanswered", unanswered},
                                        {"answered", answered_.size()},
                                        {"answered_more_than_once", again},
                                        {"batches", batches}};
    return report.dump(2) + "\n";
}

}  // namespace weir::model
