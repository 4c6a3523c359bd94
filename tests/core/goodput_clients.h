#pragma once

#include <memory>
#include <string>

#include "goodput_world.h"
#include "limits/limit_settings.h"

namespace weir::test {

// weir's core. `limits` has the accounts in the order of the model's keys.
std::unique_ptr<Client> make_weir(const LimitSettings& limits, World* world, std::uint64_t seed);

// What programs do today, for comparison. All of them have the same endless work.

// So many workers, each sending its next request when the last one is through; a refused one is
// repeated as the provider's own clients do: retry-after up to a minute, else 0.5 s doubled up to
// 8 s less a quarter at random.
std::unique_ptr<Client> make_workers(int workers, int keys, std::size_t classes, World* world);

// A queue that sends at the configured pace of requests, and halves it for a time when refused.
std::unique_ptr<Client> make_paced_queue(double requests_per_s, int keys, std::size_t classes,
                                         World* world);

// The cookbook's bucket: input estimate and all of max_tokens are debited, and never given back.
std::unique_ptr<Client> make_debit_bucket(const LimitSettings& limits, World* world);

}  // namespace weir::test
