#include "tools/bench/topology.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"

namespace warren::tools {
namespace {

constexpr std::string_view kWord = ".load";

// Each word is or isn't a wildcard in a pattern, so n of them make 2^n patterns.
int WordsFor(int matching) {
  return std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(matching - 1))));
}

}  // namespace

std::string_view NameOf(Topology topology) {
  switch (topology) {
    case Topology::kDirect: return "direct";
    case Topology::kTopic: return "topic";
    case Topology::kFanout: return "fanout";
  }
  return "";
}

std::string TopicKey(std::string_view queue, int matching) {
  std::string key(queue);
  for (int i = 0; i < WordsFor(matching); ++i) key += kWord;
  return key;
}

std::string MatchingPattern(std::string_view queue, int matching, int binding) {
  std::string pattern(queue);
  for (int i = 0; i < WordsFor(matching); ++i) pattern += (binding >> i & 1) != 0 ? ".*" : kWord;
  return pattern;
}

std::string OtherPattern(std::string_view queue, int binding) {
  const std::string name(queue);
  const std::string word = absl::StrCat("other", binding);
  switch (binding % 3) {
    case 0: return absl::StrCat(name, ".", word);
    case 1: return absl::StrCat(name, ".*.", word);
    default: return absl::StrCat("#.", name, ".", word);
  }
}

}  // namespace warren::tools
