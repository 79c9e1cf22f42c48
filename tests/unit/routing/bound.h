// An exchange's bindings and its matcher, in as few words as a test should need.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/routing/matcher.h"

namespace warren::core {

class Bound {
 public:
  explicit Bound(storage::ExchangeType type) : matcher_(MakeMatcher(type)) {}

  // Ids count up from 1 unless one is given.
  uint64_t Add(std::string key, storage::Headers arguments = {}, uint64_t id = 0) {
    if (id == 0) id = bindings_.empty() ? 1 : bindings_.rbegin()->first + 1;
    storage::SortHeaders(arguments);
    auto binding = std::make_unique<Binding>();
    binding->id = storage::BindingId{id};
    binding->key = std::move(key);
    binding->arguments = std::move(arguments);
    matcher_->Add(binding.get());
    bindings_.emplace(id, std::move(binding));
    return id;
  }

  void Remove(uint64_t id) {
    const auto it = bindings_.find(id);
    matcher_->Remove(it->second.get());
    bindings_.erase(it);
  }

  // Ids of the matches, in the matcher's order.
  std::vector<uint64_t> Match(std::string_view key, storage::Headers headers = {}) const {
    storage::SortHeaders(headers);
    std::vector<const Binding*> matches;
    matcher_->Match(key, headers, matches);
    std::vector<uint64_t> ids;
    for (const Binding* binding : matches) ids.push_back(binding->id.value);
    return ids;
  }

  // Ids of the bindings that `fits` says true of, in the order that a matcher must answer in.
  template <typename Fits>
  std::vector<uint64_t> MatchIf(Fits fits) const {
    std::vector<uint64_t> ids;
    for (const auto& [id, binding] : bindings_) {
      if (fits(*binding)) ids.push_back(id);
    }
    return ids;
  }

  absl::Status Check(std::string_view key, storage::Headers arguments = {}) const {
    storage::SortHeaders(arguments);
    return matcher_->Check("logs", key, arguments);
  }

  const Matcher& matcher() const { return *matcher_; }
  const std::map<uint64_t, std::unique_ptr<Binding>>& bindings() const { return bindings_; }

 private:
  std::map<uint64_t, std::unique_ptr<Binding>> bindings_;
  std::unique_ptr<Matcher> matcher_;
};

}  // namespace warren::core
