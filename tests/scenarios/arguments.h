// The words of a command line in a transcript, with access by type.
//
// Words are parted by blanks and may be quoted ("" is the empty word). `name=value` is an option,
// other words are operands or flags, told apart by who asks for them. A duration carries its unit:
// 10ms, 5s, 1min, 2h, 7d. Header values: 1 is a whole number, 1.0 a floating point one, true and
// false are booleans, void is no value; str:…, bytes:… and time:… (ms) say the type.
//
// What is wrong is collected, not thrown: a builder asks for all it wants, then for error().
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/value.h"

namespace warren::scenarios {

class Arguments {
 public:
  explicit Arguments(std::string_view line);

  // The next operand; an error if there is none.
  std::string Operand(std::string_view what);
  // "" if there is none.
  std::string OptionalOperand();
  std::vector<uint64_t> Numbers();  // all operands left

  bool Flag(std::string_view name);
  std::optional<std::string> Option(std::string_view name);
  std::string Text(std::string_view name, std::string_view otherwise = "");
  uint64_t Number(std::string_view name, uint64_t otherwise = 0);
  double Fraction(std::string_view name, double otherwise);
  std::optional<int64_t> Duration(std::string_view name);
  // Of all options `prefix` + ":NAME=VALUE".
  storage::Headers Headers(std::string_view prefix);

  // A number or duration as an operand; an error if it isn't one.
  uint64_t NumberOperand(std::string_view what);
  int64_t DurationOperand(std::string_view what);

  // The first mistake, including words that nobody asked for; "" if all is well.
  std::string error() const;

 private:
  void Fail(std::string message);
  int64_t ParseDuration(std::string_view text);
  storage::Value ParseValue(const std::string& text);

  std::vector<std::string> words_;  // operands and flags that are left
  std::map<std::string, std::string, std::less<>> options_;
  std::string error_;
};

}  // namespace warren::scenarios
