// What clients publish, proto -> core. Step 1 of a message's life.
//
// Loop thread only (the interner is).
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "server/api/convert/interner.h"
#include "server/core/command.h"
#include "warren/v1/message.pb.h"

namespace warren::api {

struct MessageLimits {
  size_t max_message_bytes;  // of the body
  size_t max_headers;        // nested ones counted
};

class PublicationReader {
 public:
  // `interner` must outlive it.
  PublicationReader(const MessageLimits& limits, Interner& interner)
      : limits_(limits), interner_(interner) {}

  size_t max_message_bytes() const { return limits_.max_message_bytes; }

  // Moves body, properties and headers out of `proto`. If the entry is bad, `refused` says why:
  // RESOURCE_EXHAUSTED (MESSAGE_TOO_LARGE) for the body, INVALID_ARGUMENT for everything else.
  core::Publication Take(v1::Publication& proto) const;

  std::vector<core::Publication> TakeAll(
      google::protobuf::RepeatedPtrField<v1::Publication>& protos) const;

 private:
  absl::Status TakeInto(v1::Publication& proto, core::Publication& publication) const;
  absl::Status TakeMessage(v1::Message& proto, storage::Message& message) const;

  const MessageLimits limits_;
  Interner& interner_;
};

// 1 to 10,000 entries; INVALID_ARGUMENT, reason BATCH_INVALID. `minimum` is 0 or 1.
absl::Status CheckBatchSize(int entries, int minimum = 1);

// A sequence of 1 or more, and not so large that counting on would wrap around; INVALID_ARGUMENT,
// reason SEQUENCE_INVALID.
absl::Status CheckFirstSequence(uint64_t first_sequence, int entries);

}  // namespace warren::api
