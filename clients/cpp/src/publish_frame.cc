#include "publish_frame.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <array>
#include <utility>

namespace warren::client {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr size_t kMinChunkBytes = 1 << 10;
constexpr size_t kMaxChunkBytes = 64 << 10;

// Field number and wire type, as protobuf encodes them.
constexpr uint8_t LengthDelimited(int field) { return static_cast<uint8_t>(field << 3 | 2); }
constexpr uint8_t Varint(int field) { return static_cast<uint8_t>(field << 3); }

constexpr uint8_t kBatchTag = LengthDelimited(v1::PublishStreamRequest::kBatchFieldNumber);
constexpr uint8_t kSequenceTag = Varint(v1::PublishBatch::kFirstSequenceFieldNumber);
constexpr uint8_t kResentTag = Varint(v1::PublishBatch::kResentFieldNumber);
constexpr uint8_t kPublicationTag = LengthDelimited(v1::PublishBatch::kPublicationsFieldNumber);

}  // namespace

uint8_t* PublishFrame::Reserve(size_t size) {
  if (chunks_.empty() || chunks_.back().size() - last_chunk_used_ < size) {
    size_t chunk_bytes = kMinChunkBytes;
    if (!chunks_.empty()) {
      // What the last chunk doesn't use must not be sent.
      chunk_bytes = std::min(kMaxChunkBytes, 2 * chunks_.back().size());
      chunks_.back() = chunks_.back().sub(0, last_chunk_used_);
    }
    chunks_.emplace_back(std::max(size, chunk_bytes));
    last_chunk_used_ = 0;
  }
  uint8_t* const target = const_cast<uint8_t*>(chunks_.back().begin()) + last_chunk_used_;
  last_chunk_used_ += size;
  return target;
}

void PublishFrame::Add(const v1::Publication& publication, size_t size) {
  const auto length = static_cast<uint32_t>(size);
  const size_t total = 1 + CodedOutputStream::VarintSize32(length) + size;
  uint8_t* target = Reserve(total);
  *target++ = kPublicationTag;
  target = CodedOutputStream::WriteVarint32ToArray(length, target);
  publication.SerializeWithCachedSizesToArray(target);
  ++messages_;
  bytes_ += total;
}

grpc::ByteBuffer PublishFrame::Serialize() {
  const bool resent = std::exchange(serialised_, true);
  const size_t mark = resent ? 2 : 0;
  const size_t batch = 1 + CodedOutputStream::VarintSize64(first_sequence_) + mark + bytes_;
  std::array<uint8_t, 32> head;
  uint8_t* end = head.data();
  *end++ = kBatchTag;
  end = CodedOutputStream::WriteVarint64ToArray(batch, end);
  *end++ = kSequenceTag;
  end = CodedOutputStream::WriteVarint64ToArray(first_sequence_, end);
  if (resent) {
    *end++ = kResentTag;
    *end++ = 1;
  }

  std::vector<grpc::Slice> slices;
  slices.reserve(chunks_.size() + 1);
  slices.emplace_back(head.data(), static_cast<size_t>(end - head.data()));
  slices.insert(slices.end(), chunks_.begin(), chunks_.end());
  slices.back() = chunks_.back().sub(0, last_chunk_used_);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace warren::client
