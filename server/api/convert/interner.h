// Gives equal strings one SharedString, so that a million messages of one exchange and key share
// two small strings instead of holding two million.
//
// Bounded: it forgets all it knows when it is full, which costs some sharing and nothing else.
// Loop thread only.
#pragma once

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "storage/shared_string.h"

namespace warren::api {

class Interner {
 public:
  explicit Interner(size_t capacity = 4096) : capacity_(capacity) {}

  storage::SharedString Intern(const std::string& text) {
    if (text.empty()) return {};
    if (const auto it = known_.find(text); it != known_.end()) return it->second;
    if (known_.size() >= capacity_) known_.clear();
    return known_.emplace(text, storage::SharedString(text)).first->second;
  }

 private:
  const size_t capacity_;
  absl::flat_hash_map<std::string, storage::SharedString> known_;
};

}  // namespace warren::api
