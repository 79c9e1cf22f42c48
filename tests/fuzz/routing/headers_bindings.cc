// Goal: a headers exchange answers what the definition says, for arguments and headers of any type.
// Method: bindings come and go and headers are matched, as the input says; each answer is compared
// with the definition's.
#include <cstdint>
#include <iterator>
#include <string>
#include <variant>

#include "server/base/check.h"
#include "tests/fuzz/support/maker.h"
#include "tests/unit/routing/bound.h"
#include "tests/unit/routing/definition.h"

namespace warren::core {
namespace {

// The definition takes "all" for granted where nothing is said.
std::string MatchOf(const storage::Headers& arguments) {
  const storage::Value* match = storage::FindHeader(arguments, "match");
  if (match == nullptr) return "all";
  const auto* text = std::get_if<std::string>(&match->data);
  return text != nullptr ? *text : "";
}

bool IsAllowed(const storage::Headers& arguments) {
  const std::string match = MatchOf(arguments);
  return storage::FindHeader(arguments, "x-match") == nullptr &&
         (match == "all" || match == "any" || match == "all-with-x" || match == "any-with-x");
}

void Run(fuzz::Input& in) {
  fuzz::Maker maker(in, fuzz::Manner::kHostile);
  Bound bound(storage::ExchangeType::kHeaders);
  while (!in.empty()) {
    const uint64_t dice = in.Below(8);
    if (dice < 3) {
      const storage::Headers arguments = maker.Headers();
      const bool allowed = IsAllowed(arguments);
      WARREN_CHECK(bound.Check("", arguments).ok() == allowed);
      if (allowed) bound.Add("", arguments);
    } else if (dice == 3 && !bound.bindings().empty()) {
      bound.Remove(std::next(bound.bindings().begin(),
                             static_cast<ptrdiff_t>(in.Below(bound.bindings().size())))->first);
    } else {
      const storage::Headers headers = maker.Headers();
      WARREN_CHECK(bound.Match("", headers) == bound.MatchIf([&headers](const Binding& binding) {
        return FitsPlainly(binding.arguments, MatchOf(binding.arguments), headers);
      }));
    }
  }
}

}  // namespace
}  // namespace warren::core

void warren::fuzz::TestOne(Input& input) { core::Run(input); }
