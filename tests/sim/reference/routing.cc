#include "tests/sim/reference/routing.h"

#include <algorithm>
#include <span>
#include <variant>

#include "absl/strings/match.h"

namespace warren::sim {
namespace {

using Words = std::vector<std::string>;

Words Split(std::string_view key) {
  if (key.empty()) return {};
  Words words(1);
  for (const char c : key) {
    if (c == '.') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

bool TopicMatches(std::span<const std::string> pattern, std::span<const std::string> key) {
  if (pattern.empty()) return key.empty();
  if (pattern[0] == "#") {
    return TopicMatches(pattern.subspan(1), key) ||
           (!key.empty() && TopicMatches(pattern, key.subspan(1)));
  }
  return !key.empty() && (pattern[0] == "*" || pattern[0] == key[0]) &&
         TopicMatches(pattern.subspan(1), key.subspan(1));
}

bool HeadersMatch(const storage::Headers& arguments, const storage::Headers& headers) {
  const storage::Value* match = storage::FindHeader(arguments, "match");
  const std::string mode = match != nullptr ? std::get<std::string>(match->data) : "all";
  const bool with_x = absl::EndsWith(mode, "-with-x");
  bool all = true;
  bool any = false;
  for (const storage::Header& argument : arguments) {
    if (argument.name == "match") continue;
    if (!with_x && absl::StartsWith(argument.name, "x-")) continue;
    const storage::Value* value = storage::FindHeader(headers, argument.name);
    const bool presence_is_enough = std::holds_alternative<std::monostate>(argument.value.data);
    const bool holds = value != nullptr && (presence_is_enough || *value == argument.value);
    all = all && holds;
    any = any || holds;
  }
  return absl::StartsWith(mode, "any") ? any : all;
}

}  // namespace

bool BindingMatches(storage::ExchangeType type, const ReferenceBinding& binding,
                    std::string_view key, const storage::Headers& headers) {
  switch (type) {
    case storage::ExchangeType::kDirect: return binding.key == key;
    case storage::ExchangeType::kFanout: return true;
    case storage::ExchangeType::kTopic: return TopicMatches(Split(binding.key), Split(key));
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
