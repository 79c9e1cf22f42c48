// Topic: keys are words parted by dots, and the binding key is a pattern of them. `*` is exactly
// one word, `#` zero or more; both count as whole words only. Headers and arguments are ignored.
//
//   pattern  | matches                       | doesn't match
//   ---------|-------------------------------|--------------------------------
//   ""       | "" (zero words)               | ".", "a"
//   "a.b"    | "a.b"                         | "a", "a.b.c", "a.B"
//   "*"      | "a"                           | "" (zero words), "." (two), "a.b"
//   "a.*.b"  | "a.x.b", "a..b" (empty word)  | "a.b", "a.x.y.b"
//   "#"      | everything, "" too            |
//   "a.#"    | "a", "a.b", "a."              | "", "b.a", "ab"
//   "#.a"    | "a", ".a", "b.c.a"            | "", "a.b"
//   "a.#.a"  | "a.a", "a.b.a"                | "a": one word can't stand for two
//   "#.*"    | "a", "a.b", "."               | ""
//   "*.#"    | "a", "a.b", "."               | ""
//   ".#"     | ".", ".0.a"                   | "", "a.b"
//   ".*"     | ".", ".a"                     | ".0.a"
//   "#.#"    | everything, "" too            |
//   "#.a.#"  | "a", "x.a.y", "a.a"           | "", "x.y"
//   "a*","a#"| themselves: plain text        | "ab", "a"
//   "#.#.#", "#.a.#.b.#", more than 256 words | (invalid)
//
// The patterns are kept in a trie of words. A pattern with `#` isn't laid into it from left to
// right, but in the order in which its parts can be decided:
//
//   front # back            ->  front, #, back reversed
//   front # middle # back   ->  front, #, back reversed, #, middle
//
// A key is eaten from its front as far as patterns' fronts go, then from its end as far as their
// backs go; neither has to guess how many words a `#` stands for. Only a middle does, and is tried
// at each place in what is left. That is why two `#` are allowed and three are not.
//
// Cost: the nodes visited. Each node of fronts and backs is visited at most once a key, each node
// of middles at most once for each place, so at most 256 times for keys of 255 bytes; a binding
// adds to that only by nodes whose whole path fits the key. Memory: about 200 bytes for each word
// that a pattern doesn't share with another; nodes go with their last binding. Recursion is as deep
// as a pattern has words.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/core/routing/binding_set.h"
#include "server/core/routing/matchers.h"

namespace warren::core {
namespace {

constexpr std::string_view kOneWord = "*";
constexpr std::string_view kAnyWords = "#";
constexpr int kMaxAnyWords = 2;
constexpr size_t kMaxWords = 256;  // as many as a binding key of 255 bytes can have

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

// Keys of up to 24 words are split without an allocation.
using Words = absl::InlinedVector<std::string_view, 24>;

Words Split(std::string_view key) {
  Words words;
  if (key.empty()) return words;
  for (size_t start = 0;;) {
    const size_t dot = key.find('.', start);
    words.push_back(key.substr(start, dot - start));
    if (dot == key.npos) return words;
    start = dot + 1;
  }
}

// The pattern's words in the order of the trie, see above.
// REQUIRES: at most two `#`.
Words PathOf(std::string_view pattern) {
  Words words = Split(pattern);
  const auto first = std::find(words.begin(), words.end(), kAnyWords);
  if (first == words.end()) return words;
  const auto last = std::find(words.rbegin(), words.rend(), kAnyWords).base() - 1;
  Words path(words.begin(), first + 1);
  path.insert(path.end(), words.rbegin(), std::make_reverse_iterator(last + 1));
  // first + 1 … last + 1 is the middle and the `#` after it, which goes before it on the path.
  if (first != last) {
    path.push_back(kAnyWords);
    path.insert(path.end(), first + 1, last);
  }
  return path;
}

struct Node {
  absl::flat_hash_map<std::string, std::unique_ptr<Node>> literals;
  std::unique_ptr<Node> one_word;
  std::unique_ptr<Node> any_words;
  BindingSet bindings;
  // The last Match that answered these bindings: a middle may fit in several places.
  mutable uint64_t answered_in = 0;

  bool Empty() const {
    return bindings.empty() && literals.empty() && one_word == nullptr && any_words == nullptr;
  }

  const Node* Literal(std::string_view word) const {
    if (literals.empty()) return nullptr;  // saves most nodes the hashing
    const auto it = literals.find(Absl(word));
    return it == literals.end() ? nullptr : it->second.get();
  }
};

using Path = std::span<const std::string_view>;

std::unique_ptr<Node>& Edge(Node& node, std::string_view word) {
  if (word == kOneWord) return node.one_word;
  if (word == kAnyWords) return node.any_words;
  return node.literals[Absl(word)];
}

void RemoveBelow(Node& node, Path path, const Binding* binding) {
  if (path.empty()) {
    WARREN_CHECK(node.bindings.erase(binding) == 1);
    return;
  }
  std::unique_ptr<Node>& child = Edge(node, path.front());
  WARREN_CHECK(child != nullptr);
  RemoveBelow(*child, path.subspan(1), binding);
  if (!child->Empty()) return;
  child.reset();
  node.literals.erase(Absl(path.front()));  // never has an entry for a wildcard
}

// One key on its way through the trie. `begin` and `end` bound the words not yet eaten.
class Walk {
 public:
  Walk(Path words, uint64_t number, std::vector<const Binding*>& matches)
      : words_(words), number_(number), matches_(matches) {}

  // `node` is reached by the words before `begin`.
  void Front(const Node& node, size_t begin) {
    if (node.any_words) Back(*node.any_words, begin, words_.size());
    if (begin == words_.size()) return AppendAll(node.bindings, matches_);
    if (const Node* next = node.Literal(words_[begin])) Front(*next, begin + 1);
    if (node.one_word) Front(*node.one_word, begin + 1);
  }

 private:
  // The only `#`, or the first of two, stands before `end`.
  void Back(const Node& node, size_t begin, size_t end) {
    AppendAll(node.bindings, matches_);
    if (node.any_words) {
      for (size_t start = begin; start <= end; ++start) Middle(*node.any_words, start, end);
    }
    if (begin == end) return;
    if (const Node* next = node.Literal(words_[end - 1])) Back(*next, begin, end - 1);
    if (node.one_word) Back(*node.one_word, begin, end - 1);
  }

  void Middle(const Node& node, size_t begin, size_t end) {
    if (node.answered_in != number_) {
      node.answered_in = number_;
      AppendAll(node.bindings, matches_);
    }
    if (begin == end) return;
    if (const Node* next = node.Literal(words_[begin])) Middle(*next, begin + 1, end);
    if (node.one_word) Middle(*node.one_word, begin + 1, end);
  }

  const Path words_;
  const uint64_t number_;
  std::vector<const Binding*>& matches_;
};

class TopicMatcher final : public Matcher {
 public:
  absl::Status Check(std::string_view exchange, std::string_view key,
                     const storage::Headers&) const override {
    const Words words = Split(key);
    const auto wild = std::count(words.begin(), words.end(), kAnyWords);
    if (wild > kMaxAnyWords) {
      return Invalid(exchange, absl::StrCat("pattern \"", Absl(key), "\" has ", wild,
                                            " words \"#\", at most ", kMaxAnyWords,
                                            " are allowed; bind several simpler patterns"));
    }
    if (words.size() > kMaxWords) {
      return Invalid(exchange, absl::StrCat("pattern has ", words.size(), " words, at most ",
                                            kMaxWords, " are allowed; use \"#\" for several"));
    }
    return absl::OkStatus();
  }

  void Add(const Binding* binding) override {
    Node* node = &root_;
    for (const std::string_view word : PathOf(binding->key)) {
      std::unique_ptr<Node>& next = Edge(*node, word);
      if (next == nullptr) next = std::make_unique<Node>();
      node = next.get();
    }
    WARREN_CHECK(node->bindings.insert(binding).second);
  }

  void Remove(const Binding* binding) override {
    RemoveBelow(root_, PathOf(binding->key), binding);
  }

  void Match(std::string_view routing_key, const storage::Headers&,
             std::vector<const Binding*>& matches) const override {
    const auto before = static_cast<std::ptrdiff_t>(matches.size());
    const Words words = Split(routing_key);
    Walk(words, ++walks_, matches).Front(root_, 0);
    const auto answer = matches.begin() + before;
    if (!std::is_sorted(answer, matches.end(), ById())) std::sort(answer, matches.end(), ById());
  }

 private:
  static absl::Status Invalid(std::string_view exchange, const std::string& problem) {
    return Error(absl::StatusCode::kInvalidArgument, "PATTERN_INVALID",
                 Subject{.kind = "exchange", .name = exchange, .virtual_host = ""},
                 absl::StrCat("binding of topic exchange \"", Absl(exchange), "\": ", problem));
  }

  Node root_;
  mutable uint64_t walks_ = 0;
};

}  // namespace

std::unique_ptr<Matcher> MakeTopicMatcher() { return std::make_unique<TopicMatcher>(); }

}  // namespace warren::core
