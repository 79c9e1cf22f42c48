// Fanout: every binding, whatever the keys, headers and arguments. Nothing is invalid, nothing
// doesn't match. A walk over the bindings, which is no more than the answer is long.
#include "server/base/check.h"
#include "server/core/routing/binding_set.h"
#include "server/core/routing/matchers.h"

namespace warren::core {
namespace {

class FanoutMatcher final : public Matcher {
 public:
  absl::Status Check(std::string_view, std::string_view, const storage::Headers&) const override {
    return absl::OkStatus();
  }

  void Add(const Binding* binding) override { WARREN_CHECK(bindings_.insert(binding).second); }

  void Remove(const Binding* binding) override { WARREN_CHECK(bindings_.erase(binding) == 1); }

  void Match(std::string_view, const storage::Headers&,
             std::vector<const Binding*>& matches) const override {
    AppendAll(bindings_, matches);
  }

 private:
  BindingSet bindings_;
};

}  // namespace

std::unique_ptr<Matcher> MakeFanoutMatcher() { return std::make_unique<FanoutMatcher>(); }

}  // namespace warren::core
