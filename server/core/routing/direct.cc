// Direct: the binding key equals the routing key, byte for byte. Headers and arguments are ignored.
//
//   binding key | matches | doesn't match
//   ------------|---------|---------------------------------
//   "a.b"       | "a.b"   | "a.B", "a.b ", "a", ""
//   ""          | ""      | " "
//   "a.*", "#"  | itself  | "a.b": wildcards are plain text
//
// No key is invalid. One look-up in a hash table, and no allocation, whatever the bindings.
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/core/routing/binding_set.h"
#include "server/core/routing/matchers.h"

namespace warren::core {
namespace {

class DirectMatcher final : public Matcher {
 public:
  absl::Status Check(std::string_view, std::string_view, const storage::Headers&) const override {
    return absl::OkStatus();
  }

  void Add(const Binding* binding) override {
    WARREN_CHECK(by_key_[binding->key].insert(binding).second);
  }

  void Remove(const Binding* binding) override {
    const auto it = by_key_.find(binding->key);
    WARREN_CHECK(it != by_key_.end() && it->second.erase(binding) == 1);
    if (it->second.empty()) by_key_.erase(it);
  }

  void Match(std::string_view routing_key, const storage::Headers&,
             std::vector<const Binding*>& matches) const override {
    const auto it = by_key_.find(absl::string_view(routing_key.data(), routing_key.size()));
    if (it != by_key_.end()) AppendAll(it->second, matches);
  }

 private:
  absl::flat_hash_map<std::string, BindingSet> by_key_;  // no set is empty
};

}  // namespace

std::unique_ptr<Matcher> MakeDirectMatcher() { return std::make_unique<DirectMatcher>(); }

}  // namespace warren::core
