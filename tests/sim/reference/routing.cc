#include "tests/sim/reference/routing.h"

#include <algorithm>
#include <variant>

#include "tests/unit/routing/definition.h"

namespace warren::sim {
namespace {

bool HeadersMatch(const storage::Headers& arguments, const storage::Headers& headers) {
  const storage::Value* match = storage::FindHeader(arguments, "match");
  const std::string mode = match != nullptr ? std::get<std::string>(match->data) : "all";
  return core::FitsPlainly(arguments, mode, headers);
}

}  // namespace

bool BindingMatches(storage::ExchangeType type, const ReferenceBinding& binding,
                    std::string_view key, const storage::Headers& headers) {
  switch (type) {
    case storage::ExchangeType::kDirect: return binding.key == key;
    case storage::ExchangeType::kFanout: return true;
    case storage::ExchangeType::kTopic: return core::FitsPlainly(binding.key, std::string(key));
    case storage::ExchangeType::kHeaders: return HeadersMatch(binding.arguments, headers);
  }
  return false;
}

std::vector<std::string> Route(const std::vector<ReferenceExchange>& exchanges,
                               const std::vector<ReferenceBinding>& bindings,
                               const std::string& exchange, const std::string& key,
                               const storage::Headers& headers) {
  if (exchange.empty()) return {key};
  std::vector<std::string> queues;
  std::vector<std::string> to_visit = {exchange};
  const auto add = [](std::vector<std::string>& to, const std::string& name) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
  };
  for (size_t i = 0; i < to_visit.size(); ++i) {
    const std::string from = to_visit[i];
    const auto found = std::find_if(exchanges.begin(), exchanges.end(),
                                    [&](const ReferenceExchange& e) { return e.name == from; });
    if (found == exchanges.end()) continue;
    bool matched = false;
    for (const ReferenceBinding& binding : bindings) {
      if (binding.source != from) continue;
      if (!BindingMatches(found->options.type, binding, key, headers)) continue;
      matched = true;
      add(binding.to_queue ? queues : to_visit, binding.destination);
    }
    const std::string& alternate = found->options.alternate_exchange;
    if (!matched && !alternate.empty()) add(to_visit, alternate);
  }
  return queues;
}

}  // namespace warren::sim
