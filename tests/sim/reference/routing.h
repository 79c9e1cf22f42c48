// Which queues a message goes to, by the definitions written down. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/reference/state.h"

namespace warren::sim {

bool BindingMatches(storage::ExchangeType type, const ReferenceBinding& binding,
                    std::string_view key, const storage::Headers& headers);

// The names, each once, in the order in which they are found. `exchange` "" is the default one.
std::vector<std::string> Route(const std::vector<ReferenceExchange>& exchanges,
                               const std::vector<ReferenceBinding>& bindings,
                               const std::string& exchange, const std::string& key,
                               const storage::Headers& headers);

}  // namespace warren::sim
