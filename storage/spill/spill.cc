#include "storage/spill/spill.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/codec/frame.h"

namespace warren::storage {
namespace {

// A handle says all that is needed to find a record and to drop it unread: its file's number, its
// offset and its size. The last two are in units, to which records are padded. A number is used
// again only when no handle with it is left. Never 0, since no record is of size 0.
constexpr uint64_t kUnit = 16;
constexpr int kFileBits = 10;
constexpr int kOffsetBits = 30;
constexpr int kSizeBits = 24;
static_assert(kFileBits + kOffsetBits + kSizeBits == 64);

constexpr size_t kFilesMax = size_t{1} << kFileBits;
constexpr uint64_t kFileBytesMax = kUnit << kOffsetBits;
constexpr uint64_t kRecordBytesMax = kUnit * ((uint64_t{1} << kSizeBits) - 1);

// File descriptors are dear: each time that as many files are open, new ones are twice as large.
constexpr size_t kFilesPerDoubling = 64;

struct Place {
  size_t file;
  uint64_t offset;
  uint64_t size;
};

SpillHandle HandleOf(const Place& place) {
  return {uint64_t{place.file} << (kOffsetBits + kSizeBits) |
          (place.offset / kUnit) << kSizeBits | place.size / kUnit};
}

Place PlaceOf(SpillHandle handle) {
  return {.file = static_cast<size_t>(handle.value >> (kOffsetBits + kSizeBits)),
          .offset = (handle.value >> kSizeBits) % (uint64_t{1} << kOffsetBits) * kUnit,
          .size = handle.value % (uint64_t{1} << kSizeBits) * kUnit};
}

uint64_t PaddedSize(uint64_t size) { return (size + kUnit - 1) / kUnit * kUnit; }

// Where a record lies, as it says itself: a disk may mix up what is written where, and lose a write
// without a word, so that an older record is still there. Nobody but this process reads it.
struct Tag {
  uint64_t generation = 0;  // of the file
  uint64_t offset = 0;

  bool operator==(const Tag&) const = default;
};

// Makes the record of `message`, but for its body, its tag and the seal.
absl::Status Encode(const Message& message, std::string& out) {
  out.assign(kFrameHeaderBytes + sizeof(Tag), '\0');
  Writer io(out);
  WriteMessage(io, message);
  return io.status();
}

// To be called when its place is known.
absl::Status Seal(const Message& message, const Tag& tag, std::string& out) {
  std::memcpy(&out[kFrameHeaderBytes], &tag, sizeof(tag));
  return SealFrame(out, 0, message.body.view());
}

absl::StatusOr<MessagePtr> Decode(std::string_view bytes, const Tag& expected, NameCache& names) {
  const absl::StatusOr<std::string_view> frame = TakeFrame(bytes);
  if (!frame.ok()) return frame.status();
  const absl::StatusOr<std::string_view> payload = OpenFrame(*frame);
  if (!payload.ok()) return payload.status();
  Tag tag;
  if (payload->size() < sizeof(tag)) return absl::DataLossError("it is cut off");
  std::memcpy(&tag, payload->data(), sizeof(tag));
  if (tag != expected) return absl::DataLossError("another record lies in its place");
  Reader io(payload->substr(sizeof(tag)));
  MessagePtr message = ReadMessage(io, names);
  if (absl::Status finished = io.Finish(); !finished.ok()) return finished;
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spill>> Spill::Open(SpillOptions options) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  auto spill = std::unique_ptr<Spill>(new Spill(std::move(options)));
  // Shows at once whether files can be made there.
  if (absl::Status status = spill->StartFile(); !status.ok()) {
    return absl::FailedPreconditionError(status.message());
  }
  return spill;
}

absl::StatusOr<SpillHandle> Spill::Write(const Message& message) {
  if (absl::Status status = Encode(message, scratch_); !status.ok()) return status;
  const std::string_view body = message.body.view();
  const uint64_t size = PaddedSize(scratch_.size() + body.size());
  if (size > kRecordBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a message that takes ", size, " bytes can't be spilled, the limit is 256 MiB"));
  }
  const std::string padding(size - scratch_.size() - body.size(), '\0');

  if (absl::Status status = MakeRoom(size); !status.ok()) return status;
  const Place place{.file = newest_, .offset = end(), .size = size};
  const Tag tag{.generation = newest().generation(), .offset = place.offset};
  if (absl::Status status = Seal(message, tag, scratch_); !status.ok()) return status;
  newest().AddRecord(place.offset, size);
  if (size <= options_.buffer_bytes) {
    buffer_.append(scratch_).append(body).append(padding);
  } else if (absl::Status status = newest().Append({scratch_, body, padding}); !status.ok()) {
    newest().DropRecord(place.offset, size);
    return status;
  }
  ++live_messages_;
  live_bytes_ += size;
  return HandleOf(place);
}

// In the newest file, and in the buffer unless the record is larger than that.
absl::Status Spill::MakeRoom(uint64_t bytes) {
  if (end() > 0 && end() + bytes > newest_limit_) {
    if (absl::Status status = Flush(); !status.ok()) return status;
    if (absl::Status status = StartFile(); !status.ok()) return status;
  }
  if (buffer_.size() + bytes > options_.buffer_bytes) return Flush();
  return absl::OkStatus();
}

absl::Status Spill::StartFile() {
  auto free = std::find(files_.begin(), files_.end(), nullptr);
  if (free == files_.end() && files_.size() == kFilesMax) {
    return absl::UnavailableError(absl::StrCat(
        "the spill directory ", options_.directory, " has ", kFilesMax,
        " files, which is the limit; have the oldest messages consumed or purged"));
  }
  absl::StatusOr<std::unique_ptr<SpillFile>> file =
      SpillFile::Make(options_.directory, ++last_generation_);
  if (!file.ok()) return file.status();
  if (free == files_.end()) free = files_.emplace(files_.end());
  *free = *std::move(file);
  newest_ = static_cast<size_t>(free - files_.begin());
  const uint64_t doublings = std::min<uint64_t>(open_files() / kFilesPerDoubling, 30);
  newest_limit_ = std::min(options_.file_bytes << doublings, kFileBytesMax);
  return absl::OkStatus();
}

absl::Status Spill::Flush() {
  if (absl::Status status = newest().Append({buffer_}); !status.ok()) return status;
  buffer_.clear();
  return absl::OkStatus();
}

absl::StatusOr<MessagePtr> Spill::Read(SpillHandle handle) {
  const Place place = PlaceOf(handle);
  const SpillFile& file = *files_[place.file];
  const Tag tag{.generation = file.generation(), .offset = place.offset};
  if (place.offset >= file.written()) {
    return Decode(std::string_view(buffer_).substr(place.offset - file.written(), place.size), tag,
                  names_);
  }
  std::string room;
  const absl::StatusOr<std::string_view> bytes =
      read_ahead_.Read(file, place.file, place.offset, place.size, room);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<MessagePtr> message = Decode(*bytes, tag, names_);
  if (message.ok()) return message;
  return absl::DataLossError(absl::StrCat(
      "a message in the spill directory ", options_.directory, " is damaged: ",
      message.status().message(), "; check the disk and its file system"));
}

void Spill::Drop(SpillHandle handle) {
  const Place place = PlaceOf(handle);
  SpillFile& file = *files_[place.file];
  file.DropRecord(place.offset, place.size);
  --live_messages_;
  live_bytes_ -= place.size;
  if (file.records() > 0) return;
  read_ahead_.Forget(place.file);
  if (place.file != newest_) {
    files_[place.file].reset();
    return;
  }
  // Nobody waits for what is in the buffer any more: it needn't be written.
  buffer_.clear();
  file.Clear(++last_generation_);
}

uint64_t Spill::disk_bytes() const {
  uint64_t bytes = 0;
  for (const auto& file : files_) bytes += file == nullptr ? 0 : file->disk_bytes();
  return bytes;
}

size_t Spill::open_files() const {
  return files_.size() - static_cast<size_t>(std::count(files_.begin(), files_.end(), nullptr));
}

}  // namespace warren::storage
