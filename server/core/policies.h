// Policies of one virtual host: which one counts for a name, and what it makes of the options there.
//
// One alone counts for a queue or exchange: of those that match it the one of the highest priority,
// of equals the one whose name comes first. For queue "orders.eu":
//
//   name   pattern   priority
//   any    .*        0          matches; b counts instead, whose priority is higher
//   b      ^orders   1          matches, and counts
//   c      eu$       1          matches; b counts instead, whose name comes first
//   d      ^eu       9          doesn't match
//
// Broker thread only.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/base/pattern.h"
#include "storage/policy.h"

namespace warren::core {

// Shared by those that it counts for: it may be replaced before the last of them has been told.
using PolicyPtr = std::shared_ptr<const storage::Policy>;

// What counts at a queue. Of limits and times the smaller, the policy's or the declaration's; of
// everything else the declaration's, the policy's if that says nothing. An overflow of drop_head says
// nothing, since it is what counts unless somebody says otherwise.
storage::QueueOptions Merge(const storage::QueueOptions& declared, const storage::Policy& policy);

class Policies {
 public:
  static constexpr size_t kMax = 256;  // each declaration is compared with all of them

  // Instead of the one of that name. INVALID_ARGUMENT for what is no pattern; RESOURCE_EXHAUSTED for
  // one more than kMax. Nothing has changed then.
  absl::Status Put(storage::Policy policy);
  // Whether it was there.
  bool Delete(const std::string& name);

  // The one that counts; null: none does. Linear in the policies and the name.
  PolicyPtr ForQueue(std::string_view name) const;
  PolicyPtr ForExchange(std::string_view name) const;

  // By name; null: there is none.
  const storage::Policy* Find(const std::string& name) const;
  const std::map<std::string, PolicyPtr>& by_name() const { return by_name_; }

 private:
  struct Ranked {
    PolicyPtr policy;
    Pattern pattern;
  };
  // The highest priority first, of equals by name.
  using Rank = std::pair<int64_t, std::string>;
  static Rank RankOf(const storage::Policy& policy) {
    return {-int64_t{policy.priority}, policy.name};
  }
  PolicyPtr First(std::string_view name, storage::PolicyTarget target) const;

  std::map<std::string, PolicyPtr> by_name_;
  std::map<Rank, Ranked> by_rank_;
};

}  // namespace warren::core
