#include "tests/sim/disk.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/codec/frame.h"
#include "storage/codec/record_codec.h"

namespace warren::sim {
namespace {

std::string Encode(const storage::Batch& batch, std::string& problem) {
  std::string bytes(storage::kFrameHeaderBytes, '\0');
  for (const storage::Record& record : batch.records) {
    const absl::StatusOr<std::string_view> tail = storage::EncodeRecord(record, bytes);
    if (!tail.ok()) {
      problem = absl::StrCat("a record can't be encoded: ", tail.status().message());
      continue;
    }
    bytes.append(*tail);
  }
  const absl::Status sealed = storage::SealFrame(bytes, 0, "");
  if (!sealed.ok()) problem = absl::StrCat("a batch can't be sealed: ", sealed.message());
  return bytes;
}

// The records of a whole frame; an error if it is torn.
absl::StatusOr<std::string_view> Open(std::string_view bytes) {
  const absl::StatusOr<std::string_view> frame = storage::TakeFrame(bytes);
  return frame.ok() ? storage::OpenFrame(*frame) : frame;
}

}  // namespace

void Disk::Take(storage::Batch batch) {
  std::string bytes = Encode(batch, problem_);
  in_flight_.push_back({batch.lsn.value, std::move(bytes)});
}

void Disk::Apply(const std::string& frame) {
  const absl::StatusOr<std::string_view> payload = Open(frame);
  if (!payload.ok()) {
    problem_ = absl::StrCat("a whole batch can't be read: ", payload.status().message());
    return;
  }
  storage::NameCache names;
  for (std::string_view rest = *payload; !rest.empty();) {
    const absl::StatusOr<storage::Record> record = storage::DecodeRecord(rest, names);
    if (!record.ok()) {
      problem_ = absl::StrCat("a record can't be read: ", record.status().message());
      return;
    }
    state_.Apply(*record);
  }
}

void Disk::CommitOldest(Random& random) {
  if (in_flight_.empty()) return;
  const Written written = std::move(in_flight_.front());
  in_flight_.pop_front();
  Apply(written.bytes);
  if (random.Chance(20)) Apply(written.bytes);
  committed_ = written.lsn;
}

uint64_t Disk::Crash(Random& random) {
  for (uint64_t arrive = random.Below(in_flight_.size() + 1); arrive > 0; --arrive) {
    CommitOldest(random);
  }
  if (!in_flight_.empty()) {
    const std::string& bytes = in_flight_.front().bytes;
    const size_t torn_at = random.Below(bytes.size());
    if (Open(std::string_view(bytes).substr(0, torn_at)).ok()) {
      problem_ = absl::StrCat("a batch torn after ", torn_at, " bytes passes for a whole one");
    }
  }
  in_flight_.clear();
  return std::exchange(committed_, 0);
}

}  // namespace warren::sim
