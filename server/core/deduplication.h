// What was taken before: sequences of producers, and message ids within a window of time.
// Broker thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "server/core/command.h"
#include "server/core/refused_sequences.h"

namespace warren::core {

// A producer id within a virtual host. Lives until it has published nothing for long enough.
struct Producer {
  std::string virtual_host;
  std::string id;
  uint64_t last_sequence = 0;
  int64_t last_used_ms = 0;
  PublisherId owner;           // the stream that has it, or none
  uint32_t publishers = 0;     // open ones that use it, the owner included
  RefusedSequences refused;    // durable with last_sequence
  // Where its record stands in the ledger's open batch; only valid while advanced_lsn is that's.
  storage::Lsn advanced_lsn;
  uint32_t advanced_slot = 0;
  std::list<Producer*>::iterator by_use;
};

// Invariant: the list by use is ascending in last_used_ms.
class Producers {
 public:
  // Finds, or makes with sequence 0.
  Producer& Get(const std::string& virtual_host, const std::string& id, int64_t now_ms);
  // The first one of a virtual host by name; null if it has none.
  Producer* FirstIn(const std::string& virtual_host) const;
  void Touch(Producer& producer, int64_t now_ms);
  void Erase(Producer& producer);
  // The one unused for the longest time; null if there is none.
  Producer* oldest() const { return by_use_.empty() ? nullptr : by_use_.front(); }

 private:
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Producer>> producers_;
  std::list<Producer*> by_use_;
};

// The message ids of the last `window_ms`.
class MessageIdWindow {
 public:
  explicit MessageIdWindow(int64_t window_ms) : window_ms_(window_ms) {}

  // True if it wasn't seen within the window; then it is seen until the returned time.
  bool Add(std::string_view message_id, int64_t now_ms, int64_t* until_ms);
  bool Contains(std::string_view message_id, int64_t now_ms) const;
  // As recovered, in any order; then, once, FinishRestore.
  void Restore(std::string message_id, int64_t until_ms);
  void FinishRestore();

  // The id that leaves the window first; null if there is none.
  struct Seen {
    std::string message_id;
    int64_t until_ms;
  };
  const Seen* oldest() const { return seen_.empty() ? nullptr : &seen_.front(); }
  // False if its id has been seen again since. REQUIRES: there is one.
  bool ForgetOldest();

 private:
  int64_t window_ms_;
  std::deque<Seen> seen_;                        // ascending in until_ms
  absl::flat_hash_set<std::string_view> ids_;  // views into seen_, whose elements never move
};

}  // namespace warren::core
