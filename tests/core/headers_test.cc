// Limits that are learnt from headers alone: from every family that is understood, and from headers
// a part of which is bad.

#include <gtest/gtest.h>

#include "goodput.h"

namespace weir::test {
namespace {

using model::HeaderFamily;

constexpr TimeNs kMeasured = 20 * kNsPerMinute;
constexpr std::uint64_t kSeeds = 3;

// Nothing is configured, and the headers go by way of their text.
Situation unconfigured(const std::string& binds, HeaderFamily family) {
    for (const Situation& each : goodput_situations()) {
        if (each.name.find("nothing configured, headers, " + binds) != 0) continue;
        Situation row = each;
        row.world.model.headers = family;
        row.world.header_text = true;
        return row;
    }
    return {};
}

Score mean_score(const Situation& row, std::uint64_t* ignored = nullptr) {
    Score mean;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Score score = run_goodput(row, Contender::weir, seed, kMeasured);
        mean.goodput += score.goodput / kSeeds;
        mean.waste += score.waste / kSeeds;
        if (ignored != nullptr) *ignored += score.ignored;
    }
    return mean;
}

TEST(HeaderFamilies, EachTeachesAsMuch) {
    for (const HeaderFamily family :
         {HeaderFamily::anthropic, HeaderFamily::ietf, HeaderFamily::x_ratelimit_date,
          HeaderFamily::x_ratelimit_duration}) {
        SCOPED_TRACE(model::header_family_name(family));
        for (const char* binds : {"requests bind", "input binds", "output binds"}) {
            // That family knows of tokens in sum alone, and not of the limits that bind here.
            const bool in_sum = family == HeaderFamily::x_ratelimit_date ||
                                family == HeaderFamily::x_ratelimit_duration;
            if (in_sum && binds != std::string_view("requests bind")) continue;
            SCOPED_TRACE(binds);
            std::uint64_t ignored = 0;
            const Score score = mean_score(unconfigured(binds, family), &ignored);
            EXPECT_GE(score.goodput, 0.985);
            EXPECT_LE(score.waste, 0.002);
            EXPECT_EQ(ignored, 0u);
        }
    }
}

// A provider that limits input and says so as x-ratelimit-*-tokens.
TEST(HeaderFamilies, TokensInSum) {
    for (const HeaderFamily family :
         {HeaderFamily::x_ratelimit_date, HeaderFamily::x_ratelimit_duration}) {
        SCOPED_TRACE(model::header_family_name(family));
        Situation row = unconfigured("input binds", family);
        row.world.model.classes[0].limits.output_tokens_per_minute = 0;
        const Score score = mean_score(row);
        EXPECT_GE(score.goodput, 0.95);
        EXPECT_LE(score.waste, 0.005);
    }
}

// What becomes of one header of ten.
struct Bad {
    const char* what;
    enum { always, never, maybe } counted;
    void (*spoil)(model::Headers* headers, std::size_t i, Random* random);
};

bool ends_in(const std::string& name, std::string_view end) {
    return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
}

constexpr Bad kBad[] = {
    {"nonsense", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) { (*headers)[i].second = "soon"; }},
    {"missing", Bad::maybe,
     [](model::Headers* headers, std::size_t i, Random*) {
         headers->erase(headers->begin() + static_cast<std::ptrdiff_t>(i));
     }},
    {"negative", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) { (*headers)[i].second = "-5"; }},
    {"huge", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) {
         (*headers)[i].second = "99999999999999999999";
     }},
    {"a limit beyond belief", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) {
         if (ends_in((*headers)[i].first, "-limit")) (*headers)[i].second = "900000000000";
     }},
    {"a limit of zero", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) {
         if (ends_in((*headers)[i].first, "-limit")) (*headers)[i].second = "0";
     }},
    {"in the past", Bad::never,
     [](model::Headers* headers, std::size_t i, Random*) {
         if (ends_in((*headers)[i].first, "-reset")) (*headers)[i].second = "2001-01-01T00:00:00Z";
     }},
    {"duplicated", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) {
         headers->emplace_back((*headers)[i].first, "7");
     }},
    {"more remains than there is", Bad::always,
     [](model::Headers* headers, std::size_t i, Random*) {
         if (ends_in((*headers)[i].first, "-remaining")) (*headers)[i].second = "900000000";
     }},
};

TEST(BadHeaders, LeaveTheBudgetSaneAndAreCounted) {
    for (const Bad& bad : kBad) {
        SCOPED_TRACE(bad.what);
        for (const char* binds : {"requests bind", "input binds"}) {
            SCOPED_TRACE(binds);
            Situation row = unconfigured(binds, HeaderFamily::anthropic);
            row.world.spoil = [&bad](model::Headers* headers, Random* random) {
                for (std::size_t i = headers->size(); i > 0; --i) {
                    if (random->below(10) == 0) bad.spoil(headers, i - 1, random);
                }
            };
            std::uint64_t ignored = 0;
            const Score score = mean_score(row, &ignored);
            EXPECT_GE(score.goodput, 0.97);
            EXPECT_LE(score.waste, 0.01);
            if (bad.counted == Bad::maybe) continue;
            EXPECT_EQ(ignored > 0, bad.counted == Bad::always) << ignored;
        }
    }
}

}  // namespace
}  // namespace weir::test
