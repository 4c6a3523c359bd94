#include "limits/input_estimate.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

// Tokens per character of each kind, and the fixed parts: a start from which each model class is
// corrected by its own usage.
constexpr double kPerLetter = 1.0 / 4.2;
constexpr double kPerOtherAscii = 1.0 / 2.0;
constexpr double kPerWideChar = 1.1;
constexpr double kPerRequest = 8;
constexpr double kPerMessage = 4;
constexpr double kForTools = 346;  // the instructions that come with the first tool
constexpr double kPerTool = 20;
constexpr double kPerImage = 1500;  // of unknown size: near the most that one comes to
// A page of a PDF is read as text and as an image: 1,500 to 3,000 tokens, says the provider, which
// takes 600 pages at most. Scanned pages have a few hundred kilobytes, pages of text some ten.
constexpr double kPerPage = 2000;
constexpr double kBytesAPage = 100'000;
constexpr double kMostPages = 600;

constexpr double kMemory = 200;  // requests
constexpr double kMostLogRatio = 2.0;

}  // namespace

double raw_input_estimate(const RequestHead& head) {
    double tokens = kPerRequest;
    tokens += kPerLetter * head.ascii_letters;
    tokens += kPerOtherAscii * head.other_ascii;
    tokens += kPerWideChar * head.wide_chars;
    tokens += kPerMessage * head.messages;
    if (head.tools > 0) tokens += kForTools + kPerTool * head.tools;
    tokens += head.image_tokens;
    tokens += kPerImage * (head.images - std::min(head.images, head.sized_images));
    const double pages = std::max<double>(head.documents, head.document_bytes / kBytesAPage);
    tokens += kPerPage * std::min(pages, kMostPages);
    return tokens;
}

void InputCorrection::learn(double estimated, std::int64_t counted) {
    if (estimated < 1 || counted < 1) return;
    const double ratio = static_cast<double>(counted) / estimated;
    const double log_ratio = std::clamp(std::log(ratio), -kMostLogRatio, kMostLogRatio);
    samples_ = std::min(samples_ + 1, kMemory);
    const double weight = 1 / samples_;
    const double off = log_ratio - log_ratio_;
    log_ratio_ += weight * off;
    variance_ += weight * (off * off - variance_);
}

double InputCorrection::factor() const { return std::exp(log_ratio_); }

double InputCorrection::spread() const { return std::sqrt(variance_); }

}  // namespace weir
