// One frame of a publish stream, serialised message by message as they come.
//
// A message is encoded once, straight into the slices that the transport will send, and the same
// slices are kept for a second sending; no copy is made and no message object is held.
// The bytes are those of PublishStreamRequest{batch: {first_sequence, resent, publications}}: fields
// of a protobuf message may stand one after the other, so the batch can grow before its head is
// known.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "warren/v1/broker.pb.h"

namespace warren::client {

// Thread-compatible.
class PublishFrame {
 public:
  // A frame takes no more messages once it has this many, or this many bytes; a first message of
  // any size fits. Small enough to keep latency low and the pipeline busy, large enough for the
  // cost of a frame to vanish among its messages.
  static constexpr size_t kMaxMessages = 1'000;
  static constexpr size_t kMaxBytes = 512 << 10;

  explicit PublishFrame(uint64_t first_sequence) : first_sequence_(first_sequence) {}
  PublishFrame(PublishFrame&&) = default;
  PublishFrame& operator=(PublishFrame&&) = default;

  // Whether a message of `size` bytes, encoded, may join: none once it was serialised, so that what
  // is sent for the first time is never among what is resent.
  bool Fits(size_t size) const {
    if (serialised_) return false;
    return messages_ == 0 || (messages_ < kMaxMessages && bytes_ + size <= kMaxBytes);
  }

  // REQUIRES: Fits(size); size is what publication.ByteSizeLong() just returned, below 2 GiB.
  void Add(const v1::Publication& publication, size_t size);

  uint64_t first_sequence() const { return first_sequence_; }
  uint64_t last_sequence() const { return first_sequence_ + messages_ - 1; }
  size_t messages() const { return messages_; }
  // Memory held, roughly.
  size_t bytes() const { return bytes_; }

  // The frame as bytes that share its slices. From the second time on it says that its messages are
  // resent. REQUIRES: messages() > 0.
  grpc::ByteBuffer Serialize();

 private:
  // `size` bytes in one piece, to be written before the next call.
  uint8_t* Reserve(size_t size);

  uint64_t first_sequence_;
  bool serialised_ = false;
  size_t messages_ = 0;
  size_t bytes_ = 0;
  std::vector<grpc::Slice> chunks_;  // all but the last are full
  size_t last_chunk_used_ = 0;
};

}  // namespace warren::client
