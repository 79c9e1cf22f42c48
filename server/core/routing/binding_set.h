// Bindings in ascending order of id: what every matcher keeps, and the order all of them answer in.
// A B-tree: nearly as compact and as quick to walk as an array, and a queue with 100,000 bindings
// can go without each removal moving all the others. Broker thread only.
#pragma once

#include <vector>

#include "absl/container/btree_set.h"
#include "server/core/routing/binding.h"

namespace warren::core {

struct ById {
  bool operator()(const Binding* a, const Binding* b) const { return a->id < b->id; }
};

using BindingSet = absl::btree_set<const Binding*, ById>;

// No reserve: it would defeat the vector's growth by doubling.
inline void AppendAll(const BindingSet& bindings, std::vector<const Binding*>& matches) {
  for (const Binding* binding : bindings) matches.push_back(binding);
}

}  // namespace warren::core
