#include "tests/scenarios/arguments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace warren::scenarios {
namespace {

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

struct Word {
  std::string text;
  bool plain = true;                // no quote before its first '='
  size_t equals = std::string::npos;  // of the first '=' outside quotes
};

std::vector<Word> Split(std::string_view line) {
  std::vector<Word> words;
  bool inside = false;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      if (!inside) words.emplace_back();
      inside = true;
      quoted = !quoted;
      if (words.back().equals == std::string::npos) words.back().plain = false;
    } else if (c == ' ' && !quoted) {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      if (c == '=' && !quoted && words.back().equals == std::string::npos) {
        words.back().equals = words.back().text.size();
      }
      words.back().text += c;
    }
  }
  return words;
}

}  // namespace

Arguments::Arguments(std::string_view line) {
  for (const Word& word : Split(line)) {
    if (word.plain && word.equals != std::string::npos) {
      options_[word.text.substr(0, word.equals)] = word.text.substr(word.equals + 1);
    } else {
      words_.push_back(word.text);
    }
  }
}

void Arguments::Fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

std::string Arguments::Operand(std::string_view what) {
  if (words_.empty()) {
    Fail(absl::StrCat("missing: ", Absl(what)));
    return "";
  }
  return OptionalOperand();
}

std::string Arguments::OptionalOperand() {
  if (words_.empty()) return "";
  std::string word = std::move(words_.front());
  words_.erase(words_.begin());
  return word;
}

std::vector<uint64_t> Arguments::Numbers() {
  std::vector<uint64_t> numbers;
  while (!words_.empty()) {
    const std::string word = OptionalOperand();
    uint64_t number = 0;
    if (!absl::SimpleAtoi(word, &number)) Fail(absl::StrCat("not a number: ", word));
    numbers.push_back(number);
  }
  return numbers;
}

bool Arguments::Flag(std::string_view name) {
  const auto it = std::find(words_.begin(), words_.end(), name);
  if (it == words_.end()) return false;
  words_.erase(it);
  return true;
}

std::optional<std::string> Arguments::Option(std::string_view name) {
  const auto it = options_.find(name);
  if (it == options_.end()) return std::nullopt;
  std::string value = std::move(it->second);
  options_.erase(it);
  return value;
}

std::string Arguments::Text(std::string_view name, std::string_view otherwise) {
  return Option(name).value_or(std::string(otherwise));
}

uint64_t Arguments::Number(std::string_view name, uint64_t otherwise) {
  const std::optional<std::string> text = Option(name);
  uint64_t number = otherwise;
  if (text && !absl::SimpleAtoi(*text, &number)) {
    Fail(absl::StrCat(Absl(name), " is not a number: ", *text));
  }
  return number;
}

double Arguments::Fraction(std::string_view name, double otherwise) {
  const std::optional<std::string> text = Option(name);
  double number = otherwise;
  if (text && !absl::SimpleAtod(*text, &number)) {
    Fail(absl::StrCat(Absl(name), " is not a number: ", *text));
  }
  return number;
}

std::optional<int64_t> Arguments::Duration(std::string_view name) {
  const std::optional<std::string> text = Option(name);
  if (!text) return std::nullopt;
  return ParseDuration(*text);
}

uint64_t Arguments::NumberOperand(std::string_view what) {
  const std::string text = Operand(what);
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) Fail(absl::StrCat(Absl(what), " is not a number: ", text));
  return number;
}

int64_t Arguments::DurationOperand(std::string_view what) { return ParseDuration(Operand(what)); }

int64_t Arguments::ParseDuration(std::string_view text) {
  static constexpr std::pair<const char*, int64_t> kUnits[] = {
      {"ms", 1}, {"min", 60'000}, {"s", 1'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const auto& [unit, ms] : kUnits) {
    absl::string_view rest = Absl(text);
    int64_t number = 0;
    if (absl::ConsumeSuffix(&rest, unit) && absl::SimpleAtoi(rest, &number)) return number * ms;
  }
  Fail(absl::StrCat("not a duration, such as 10ms: ", Absl(text)));
  return 0;
}

storage::Value Arguments::ParseValue(const std::string& text) {
  absl::string_view rest = text;
  int64_t whole = 0;
  double fraction = 0;
  if (text == "void") return {};
  if (text == "true" || text == "false") return {text == "true"};
  if (absl::ConsumePrefix(&rest, "str:")) return {std::string(rest)};
  if (absl::ConsumePrefix(&rest, "bytes:")) return {storage::Bytes{std::string(rest)}};
  if (absl::ConsumePrefix(&rest, "time:")) {
    if (!absl::SimpleAtoi(rest, &whole)) Fail(absl::StrCat("not a time: ", text));
    return {storage::Timestamp{whole}};
  }
  if (absl::SimpleAtoi(text, &whole)) return {whole};
  const bool numeric = !text.empty() && (absl::ascii_isdigit(text[0]) || text[0] == '-');
  if (numeric && absl::SimpleAtod(text, &fraction)) return {fraction};
  return {text};
}

storage::Headers Arguments::Headers(std::string_view prefix) {
  storage::Headers headers;
  const std::string start = absl::StrCat(Absl(prefix), ":");
  auto it = options_.lower_bound(start);
  while (it != options_.end() && it->first.compare(0, start.size(), start) == 0) {
    headers.push_back({it->first.substr(start.size()), ParseValue(it->second)});
    it = options_.erase(it);
  }
  storage::SortHeaders(headers);
  return headers;
}

std::string Arguments::error() const {
  if (!error_.empty()) return error_;
  if (!words_.empty()) return absl::StrCat("unknown word: ", words_.front());
  if (!options_.empty()) return absl::StrCat("unknown option: ", options_.begin()->first);
  return "";
}

}  // namespace warren::scenarios
