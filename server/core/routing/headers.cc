// Headers: the binding's arguments against the message's headers. Keys are ignored.
//
// Argument "match" says how (RabbitMQ's "x-match"):
//   all (default), any             skip arguments whose names start with "x-", and "match"
//   all-with-x, any-with-x         skip "match" only
// An argument holds if the message has a header of that name and, unless the argument is void, of
// the same type and value.
//
//   arguments                    | matches                 | doesn't match
//   -----------------------------|-------------------------|------------------------------------
//   a=1 b=2                      | a=1 b=2 c=3             | a=1; a=1 b=3
//   match=any a=1 b=2            | a=1; b=2 c=3            | a=2; nothing at all
//   a=1                          | a=1                     | a=1.0, a="1", a=true, a=void
//   a=void                       | a=anything, a=void      | b=1
//   a=1 x-b=2                    | a=1; a=1 x-b=3          | a=2 x-b=2
//   match=all-with-x a=1 x-b=2   | a=1 x-b=2               | a=1; a=1 x-b=3
//   match=any x-a=1              |                         | x-a=1: nothing is left to hold
//   match=any-with-x x-a=1       | x-a=1                   | x-a=2
//   none, or match=all           | everything              |
//   match=any                    |                         | everything
//   match=ALL, match="", match=1 | (invalid)               |
//   x-match=…                    | (invalid)               |
//
// "x-match" is refused since it would be skipped as any other x- argument: a RabbitMQ user's "any"
// would silently work as "all".
//
// Any binding may match any message, so there is no way round looking at each. What can be had is
// a cheap look: both sides are sorted by name, so one merge decides, and stops at the first
// argument that settles it. Nothing is allocated or hashed.
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/core/routing/binding_set.h"
#include "server/core/routing/matchers.h"

namespace warren::core {
namespace {

using storage::Header;
using storage::Headers;
using storage::Value;

constexpr std::string_view kMatch = "match";
constexpr std::string_view kRabbitMatch = "x-match";

// The two questions that "match" answers.
struct Mode {
  bool all = true;
  bool with_x = false;
};

// Nothing if `match` (null: absent) is none of the four.
std::optional<Mode> ParseMode(const Value* match) {
  if (match == nullptr) return Mode{};
  const auto* name = std::get_if<std::string>(&match->data);
  if (name == nullptr) return std::nullopt;
  if (*name == "all") return Mode{.all = true, .with_x = false};
  if (*name == "any") return Mode{.all = false, .with_x = false};
  if (*name == "all-with-x") return Mode{.all = true, .with_x = true};
  if (*name == "any-with-x") return Mode{.all = false, .with_x = true};
  return std::nullopt;
}

bool Counts(const Header& argument, Mode mode) {
  if (argument.name == kMatch) return false;
  return mode.with_x || argument.name.compare(0, 2, "x-") != 0;
}

// REQUIRES: both are sorted by name, as Headers are.
bool Matches(const Headers& arguments, Mode mode, const Headers& headers) {
  auto header = headers.begin();
  for (const Header& argument : arguments) {
    if (!Counts(argument, mode)) continue;
    int order = 1;
    while (header != headers.end() && (order = header->name.compare(argument.name)) < 0) ++header;
    const bool holds = header != headers.end() && order == 0 &&
                       (std::holds_alternative<std::monostate>(argument.value.data) ||
                        argument.value == header->value);
    // The first that fails decides for `all`, the first that holds for `any`.
    if (holds != mode.all) return holds;
  }
  return mode.all;
}

class HeadersMatcher final : public Matcher {
 public:
  absl::Status Check(std::string_view exchange, std::string_view,
                     const Headers& arguments) const override {
    const Value* match = storage::FindHeader(arguments, kMatch);
    if (!ParseMode(match)) {
      const auto* name = std::get_if<std::string>(&match->data);
      return Invalid(exchange, absl::StrCat("argument \"match\" is ",
                                            name ? absl::StrCat("\"", *name, "\"") : "no string",
                                            "; use \"all\", \"any\", \"all-with-x\" or "
                                            "\"any-with-x\", or leave it out for \"all\""));
    }
    if (storage::FindHeader(arguments, kRabbitMatch) != nullptr) {
      return Invalid(exchange, "argument \"x-match\" has no meaning here; name it \"match\"");
    }
    return absl::OkStatus();
  }

  void Add(const Binding* binding) override {
    const auto mode = ParseMode(storage::FindHeader(binding->arguments, kMatch));
    WARREN_CHECK(mode.has_value());
    WARREN_CHECK(modes_.emplace(binding, *mode).second);
  }

  void Remove(const Binding* binding) override { WARREN_CHECK(modes_.erase(binding) == 1); }

  void Match(std::string_view, const Headers& headers,
             std::vector<const Binding*>& matches) const override {
    for (const auto& [binding, mode] : modes_) {
      if (Matches(binding->arguments, mode, headers)) matches.push_back(binding);
    }
  }

 private:
  static absl::Status Invalid(std::string_view exchange, const std::string& problem) {
    return Error(absl::StatusCode::kInvalidArgument, "ARGUMENT_INVALID",
                 Subject{.kind = "exchange", .name = exchange, .virtual_host = ""},
                 absl::StrCat("binding of headers exchange \"",
                              absl::string_view(exchange.data(), exchange.size()),
                              "\": ", problem));
  }

  absl::btree_map<const Binding*, Mode, ById> modes_;
};

}  // namespace

std::unique_ptr<Matcher> MakeHeadersMatcher() { return std::make_unique<HeadersMatcher>(); }

}  // namespace warren::core
