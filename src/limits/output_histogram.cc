#include "limits/output_histogram.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

// Upper edges of the bins: 1, 2, 3, ... while the step is below one token, then 8 % each.
struct Edges {
    std::array<double, OutputHistogram::kBins + 1> at{};
    constexpr Edges() {
        at[0] = 0;
        for (std::size_t i = 1; i < at.size(); ++i) {
            const double step = at[i - 1] * 0.08;
            at[i] = at[i - 1] + (step < 1.0 ? 1.0 : step);
        }
    }
};
constexpr Edges kEdges;

int bin_of(std::int64_t tokens) {
    const auto value = static_cast<double>(std::max<std::int64_t>(tokens, 0));
    const auto* found = std::lower_bound(kEdges.at.begin() + 1, kEdges.at.end(), value);
    const auto bin = static_cast<int>(found - kEdges.at.begin()) - 1;
    return std::min(bin, OutputHistogram::kBins - 1);
}

}  // namespace

void OutputHistogram::add(std::int64_t tokens, bool cut) {
    const int bin = bin_of(tokens);
    (cut ? cut_ : ended_)[static_cast<std::size_t>(bin)] += 1;
    top_ = std::max(top_, bin + 1);
    total_ += 1;
    reply_.current = false;
    if (--reply_.good_for < 0) reply_.at_most = -1;
    if (total_ < static_cast<double>(kHalveAt)) return;
    total_ = 0;
    for (std::size_t i = 0; i < kBins; ++i) {
        ended_[i] *= 0.5f;
        cut_[i] *= 0.5f;
        total_ += static_cast<double>(ended_[i]) + static_cast<double>(cut_[i]);
    }
}

double OutputHistogram::work_out(std::int64_t at_most, double prior) const {
    const auto cap = static_cast<double>(std::max<std::int64_t>(at_most, 0));
    if (reply_.at_most != at_most) {
        reply_.at_most = at_most;
        reply_.mean = restricted_mean(cap);
        reply_.good_for = static_cast<int>(total_ / 32);
    }
    reply_.prior = prior;
    reply_.expected = (reply_.mean * total_ + std::min(prior, cap)) / (total_ + 1);
    reply_.current = true;
    return reply_.expected;
}

double OutputHistogram::restricted_mean(double cap) const {
    double at_risk = total_;
    double survival = 1;
    double mean = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(top_) && at_risk > 0.25; ++i) {
        const double low = kEdges.at[i];
        if (low >= cap || survival <= 0) break;
        const double high = std::min(kEdges.at[i + 1], cap);
        const double ending = std::min(static_cast<double>(ended_[i]) / at_risk, 1.0);
        // Those that end in this bin are taken to end at its middle.
        mean += survival * (high - low) * (1 - 0.5 * ending);
        survival *= 1 - ending;
        at_risk -= static_cast<double>(ended_[i]) + static_cast<double>(cut_[i]);
    }
    // Beyond the longest answer seen nothing is known but that some go on: as far again.
    const double seen_to = kEdges.at[static_cast<std::size_t>(top_)];
    if (survival > 0.01 && seen_to < cap) mean += survival * std::min(cap - seen_to, seen_to);
    return mean;
}

std::int64_t OutputHistogram::quantile(double q, std::int64_t at_most) const {
    double at_risk = total_;
    double survival = 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(top_) && at_risk > 0.25; ++i) {
        survival *= 1 - std::min(static_cast<double>(ended_[i]) / at_risk, 1.0);
        if (1 - survival >= q) {
            return std::min(static_cast<std::int64_t>(std::ceil(kEdges.at[i + 1])), at_most);
        }
        at_risk -= static_cast<double>(ended_[i]) + static_cast<double>(cut_[i]);
    }
    return at_most;
}

}  // namespace weir
