#pragma once

#include <array>
#include <cstdint>

namespace weir {

// How long answers were, lately: a histogram with steps of about 8 %, whose counts are halved from
// time to time so that it follows a change. An answer that max_tokens cut is only known to be at
// least as long (censored), so expectations come from the product-limit estimate of survival
// (Kaplan and Meier, 1958).
class OutputHistogram {
public:
    void add(std::int64_t tokens, bool cut);

    // Mean of min(length, at_most). `prior` counts as one answer. Exact up to the last few answers:
    // the same question gets the same reply until as many have come as would change it.
    double expected(std::int64_t at_most, double prior) const {
        return said(at_most, prior) ? reply_.expected : work_out(at_most, prior);
    }
    // The length that a share `q` of the answers stays within, at most `at_most`.
    std::int64_t quantile(double q, std::int64_t at_most) const;
    double samples() const { return total_; }

    static constexpr int kBins = 160;

private:
    static constexpr float kHalveAt = 1024;

    std::array<float, kBins> ended_{};
    std::array<float, kBins> cut_{};
    double total_ = 0;
    int top_ = 0;  // bins from here on are empty

    struct Reply {
        std::int64_t at_most = -1;
        double mean = 0;
        int good_for = 0;  // more answers
        double prior = 0;
        double expected = 0;
        bool current = false;  // `expected`: no answer has come since
    };
    // Whether that was the question before, and no answer has come since.
    bool said(std::int64_t at_most, double prior) const {
        return reply_.current && reply_.at_most == at_most && reply_.prior == prior;
    }
    double work_out(std::int64_t at_most, double prior) const;
    double restricted_mean(double cap) const;
    mutable Reply reply_;
};

}  // namespace weir
