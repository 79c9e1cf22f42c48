// What a broker looks like from outside: for operators' tools, transcripts and the simulator.
// Value types; copies of the state at one moment between steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/ids.h"
#include "storage/message.h"
#include "storage/options.h"

namespace warren::core {

enum class EntryPlace : uint8_t { kHeld, kDelayed, kReady, kUnsettled, kDying };

struct EntryView {
  storage::MessageId message_id;
  storage::MessagePtr message;  // null while its content is out of memory
  EntryPlace place = EntryPlace::kReady;
  int64_t expires_at_ms = 0;  // 0 is never
  int64_t due_at_ms = 0;      // delayed ones only
  uint32_t delivery_count = 0;
  bool durable = false;      // the journal has it, or is about to
  bool redelivered = false;  // its next delivery will say so
};

struct QueueView {
  storage::QueueId id;
  std::string virtual_host;
  std::string name;
  storage::QueueOptions options;
  uint64_t ready = 0;
  uint64_t ready_bytes = 0;
  uint64_t delayed = 0;
  uint64_t unsettled = 0;
  uint64_t held = 0;
  uint64_t dying = 0;
  uint64_t consumers = 0;
};

}  // namespace warren::core
