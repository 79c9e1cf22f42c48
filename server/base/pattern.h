// A regular expression over names of exchanges and queues, as permissions and policies have them.
//
//   pattern      matches               doesn't match
//   .*           everything
//   ""           nothing; like ^$, it matches the empty name alone
//   ^orders\.    orders.new, orders.   payments.orders.new
//   orders       orders, my-orders-2   order (it needn't match the whole name)
//
// RE2 takes time linear in the name and bounded memory, whatever the pattern; one that would need
// more than that is refused when it is made. Immutable; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace warren {

class Pattern {
 public:
  // Matches nothing.
  Pattern() = default;

  // INVALID_ARGUMENT for what is no regular expression, too long (1 KiB) or too complex.
  static absl::StatusOr<Pattern> Make(std::string text);

  bool Matches(std::string_view name) const;
  // Whether it is `.*`, so that names needn't be looked at.
  bool matches_all() const { return text_ == ".*"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const re2::RE2> expression_;  // null: matches the empty name alone
};

}  // namespace warren
