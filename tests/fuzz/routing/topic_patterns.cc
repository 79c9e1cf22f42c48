// Goal: a topic exchange answers what the definition of patterns says, through any history of
// bindings, and no pattern or key costs it more than moments.
// Method: patterns come and go and keys are matched, as the input says; each answer is compared
// with the definition's. libFuzzer's -timeout is the bound on cost.
#include <cstdint>
#include <iterator>
#include <string>

#include "server/base/check.h"
#include "tests/fuzz/support/input.h"
#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/definition.h"

namespace warren::core {
namespace {

constexpr size_t kNameMax = 255;  // as server/api/convert lets through
constexpr size_t kBindingsMax = 200;

void Run(fuzz::Input& in) {
  Bound bound(storage::ExchangeType::kTopic);
  while (!in.empty()) {
    const uint64_t dice = in.Below(8);
    if (dice < 3 && bound.bindings().size() < kBindingsMax) {
      const std::string pattern = in.Text(kNameMax);
      const bool allowed = IsAllowedPattern(pattern);
      WARREN_CHECK(bound.Check(pattern).ok() == allowed);
      if (allowed) bound.Add(pattern);
    } else if (dice == 3 && !bound.bindings().empty()) {
      bound.Remove(std::next(bound.bindings().begin(),
                             static_cast<ptrdiff_t>(in.Below(bound.bindings().size())))->first);
    } else {
      const std::string key = in.Text(kNameMax);
      WARREN_CHECK(bound.Match(key) == bound.MatchIf([&key](const Binding& binding) {
        return FitsPlainly(binding.key, key);
      }));
    }
  }
}

}  // namespace
}  // namespace warren::core

void warren::fuzz::TestOne(Input& input) { core::Run(input); }
