// Makes what records and commands have in common from a fuzzer's input: names and ids from so few
// that they meet, options, headers, messages.
//
// Two manners. kAllowed keeps to what the edges (server/api/convert) let through, which is what the
// core may take for granted. kHostile makes anything that the types can hold, as a store may that
// somebody else has written to. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/message.h"
#include "storage/options.h"
#include "storage/value.h"
#include "storage/virtual_host_limits.h"
#include "tests/fuzz/support/input.h"

namespace warren::fuzz {

enum class Manner { kAllowed, kHostile };

class Maker {
 public:
  Maker(Input& input, Manner manner) : in_(input), manner_(manner) {}

  // For what is made from now on.
  void SetManner(Manner manner) { manner_ = manner; }

  // From few; hostile: sometimes any.
  uint64_t Id();
  std::string Name();
  std::string HostName();
  storage::VirtualHostLimits HostLimits();
  // A binding's key or a routing key, of words and wildcards.
  std::string Key();
  // A span or a point of time. kAllowed: not negative, up to 100 years.
  int64_t Ms();
  std::optional<int64_t> MaybeMs();
  // 0 mostly, since it means none.
  uint64_t Limit();
  // Not NaN, which equals nothing.
  double Double();

  // Sorted and unique, as Headers are.
  storage::Headers Headers(int depth = 0);
  storage::Value Value(int depth = 0);
  storage::ExchangeOptions ExchangeOptions();
  storage::QueueOptions QueueOptions();
  storage::Properties Properties();
  storage::DeathHistory Deaths();
  storage::RefPtr<storage::Message> Message();

 protected:
  bool hostile() const { return manner_ == Manner::kHostile; }

  Input& in_;

 private:
  std::string Word(std::initializer_list<const char*> words);
  storage::RetryPolicy RetryPolicy();

  Manner manner_;
};

}  // namespace warren::fuzz
