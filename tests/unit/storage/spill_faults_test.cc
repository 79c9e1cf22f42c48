// The spill on a disk that fails at any call, and with any byte changed: what was written is read,
// or its damage named; no other message is ever given out in its place.
//
// Part of the fault matrix in docs/testing.md.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/spill/spill.h"
#include "tests/contract/fault_matrix.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"
#include "tests/support/faulty_disk.h"

namespace warren::storage {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using testing::FaultyDisk;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;
using ::testing::HasSubstr;

std::string OneZone(std::string_view /*name*/) { return "spill"; }

class SpillFaults : public ::testing::Test {
 protected:
  SpillFaults() : seed_(TestSeed()), trace_(__FILE__, __LINE__, SeedTrace(seed_)) {}

  std::unique_ptr<Spill> OpenOrFail(SpillOptions options) const {
    options.directory = directory_.path();
    auto spill = Spill::Open(std::move(options));
    EXPECT_TRUE(spill.ok()) << spill.status();
    return spill.ok() ? *std::move(spill) : nullptr;
  }
  bool NamesDirectory(const absl::Status& status) const {
    return std::string(status.message()).find(directory_.path()) != std::string::npos;
  }

  // The one file of the spill that is open. It has no name; -1 if it isn't found.
  int OpenItsFile() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry, gone).string();
      if (!gone && target.starts_with(directory_.path() + "/")) {
        return open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
      }
    }
    return -1;
  }

  // Writes, reads and drops, as a queue that grows and shrinks does. `failures` counts what failed.
  AssertionResult Life(FaultyDisk& disk, int& failures);
  AssertionResult ReadAll(Spill& spill, FaultyDisk& disk,
                          const std::deque<std::pair<SpillHandle, MessagePtr>>& model,
                          int& failures) const;

  const uint64_t seed_;
  const ::testing::ScopedTrace trace_;
  const TemporaryDirectory directory_{TemporaryDirectory::Where::kMemory};
};

AssertionResult SpillFaults::ReadAll(
    Spill& spill, FaultyDisk& disk, const std::deque<std::pair<SpillHandle, MessagePtr>>& model,
    int& failures) const {
  for (const auto& [handle, message] : model) {
    absl::StatusOr<MessagePtr> read = spill.Read(handle);
    if (!read.ok()) {
      ++failures;
      if (!absl::IsUnavailable(read.status()) || !NamesDirectory(read.status())) {
        return AssertionFailure() << read.status();
      }
      disk.Mend();
      read = spill.Read(handle);
      if (!read.ok()) return AssertionFailure() << "still, after it was mended: " << read.status();
    }
    if (!SameMessage(**read, *message)) return AssertionFailure() << "another message";
  }
  return AssertionSuccess();
}

AssertionResult SpillFaults::Life(FaultyDisk& disk, int& failures) {
  SpillOptions options{.directory = directory_.path(), .file_bytes = 150'000,
                       .buffer_bytes = 8'000};
  auto opened = Spill::Open(options);
  if (!opened.ok()) {
    ++failures;
    if (!absl::IsFailedPrecondition(opened.status()) || !NamesDirectory(opened.status())) {
      return AssertionFailure() << opened.status();
    }
    disk.Mend();
    opened = Spill::Open(options);
    if (!opened.ok()) return AssertionFailure() << opened.status();
  }
  Spill& spill = **opened;
  Random random(7);  // the same life each time
  std::deque<std::pair<SpillHandle, MessagePtr>> model;
  for (int wave = 0; wave < 3; ++wave) {
    for (int i = 0; i < 60; ++i) {
      MessagePtr message = MessageWithBody(std::string(random() % 9'000, static_cast<char>(i)));
      absl::StatusOr<SpillHandle> page = spill.Write(*message);
      if (!page.ok()) {
        ++failures;
        if (!absl::IsUnavailable(page.status()) || !NamesDirectory(page.status())) {
          return AssertionFailure() << page.status();
        }
        // It stays in memory, and is tried again later.
        continue;
      }
      model.emplace_back(*page, std::move(message));
    }
    if (AssertionResult read = ReadAll(spill, disk, model, failures); !read) return read;
    while (model.size() > (wave == 2 ? 0 : 5)) {
      spill.Drop(model.front().first);
      model.pop_front();
    }
    if (spill.live_messages() != model.size()) return AssertionFailure() << "other live messages";
  }
  return AssertionSuccess();
}

TEST_F(SpillFaults, AnyCallMayFail) {
  constexpr uint64_t kSample = 400;
  FaultyDisk::Counts counts;
  {
    FaultyDisk disk(directory_.path(), OneZone);
    int failures = 0;
    ASSERT_TRUE(Life(disk, failures));
    counts = disk.counts();
  }
  uint64_t all = 0;
  for (const auto& [place, calls] : counts) all += 4 * calls;
  Sample sample(seed_, SampleSize(kSample, all), all);
  uint64_t tried = 0;
  std::map<std::string, int> outcomes;
  for (const auto& [place, calls] : counts) {
    for (uint64_t n = 1; n <= calls; ++n) {
      for (const DiskFault fault : {DiskFault::kErrorOnce, DiskFault::kErrorLasting,
                                    DiskFault::kShortWrite, DiskFault::kNoSpace}) {
        if (!sample.Takes()) continue;
        ++tried;
        FaultyDisk disk(directory_.path(), OneZone);
        disk.Arm({place.first, place.second, n}, fault, 5);
        int failures = 0;
        ASSERT_TRUE(Life(disk, failures))
            << NameOf(fault) << " at " << NameOf(place.second) << " " << n;
        ++outcomes[failures > 0 ? "told" : "without effect"];
      }
    }
  }
  ReportMatrix("spill, calls that fail", tried, all,
               absl::StrCat(outcomes["told"], " told, ", outcomes["without effect"],
                            " without effect"));
  EXPECT_GT(outcomes["told"], 0);
}

// A spill with some small messages in its file.
struct Small {
  std::unique_ptr<Spill> spill;
  std::vector<std::pair<SpillHandle, MessagePtr>> written;
  int file = -1;

  ~Small() { close(file); }
};

TEST_F(SpillFaults, AnyByteThatChangesIsNamedOrHarmless) {
  const auto make = [this](Small& small) {
    small.spill = OpenOrFail({.buffer_bytes = 0});
    Random random(seed_);
    for (const size_t bytes : {0, 40, 40, 300, 7}) {
      MessagePtr message = bytes == 7 ? RandomMessage(random)
                                      : MessageWithBody(std::string(bytes, 'm'));
      const absl::StatusOr<SpillHandle> page = small.spill->Write(*message);
      ASSERT_TRUE(page.ok()) << page.status();
      small.written.emplace_back(*page, std::move(message));
    }
    small.file = OpenItsFile();
    ASSERT_GE(small.file, 0);
  };
  uint64_t bytes = 0;
  {
    Small first;
    make(first);
    bytes = first.spill->disk_bytes();
  }
  uint64_t named = 0;
  uint64_t harmless = 0;
  Random random(seed_);
  for (uint64_t at = 0; at < bytes; ++at) {
    Small small;
    make(small);
    char byte = 0;
    ASSERT_EQ(pread(small.file, &byte, 1, static_cast<off_t>(at)), 1);
    byte = static_cast<char>(byte ^ (1 + random() % 255));
    ASSERT_EQ(pwrite(small.file, &byte, 1, static_cast<off_t>(at)), 1);
    bool seen = false;
    for (const auto& [page, message] : small.written) {
      const absl::StatusOr<MessagePtr> read = small.spill->Read(page);
      if (read.ok()) {
        ASSERT_TRUE(SameMessage(**read, *message)) << "byte " << at;
        continue;
      }
      seen = true;
      EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << read.status();
      EXPECT_TRUE(NamesDirectory(read.status())) << read.status();
    }
    ++(seen ? named : harmless);
  }
  // What pads a record to its unit is read by nobody.
  EXPECT_LT(harmless, named / 5);
  ReportMatrix("spill, bytes that change", bytes, bytes,
               absl::StrCat(named, " named, ", harmless, " harmless"));
}

// What a disk does that mixes up where it writes, or forgets a write without a word.
TEST_F(SpillFaults, ARecordOfElsewhereIsNotTakenForTheOneThatWasThere) {
  const auto spill = OpenOrFail({.buffer_bytes = 0});
  const absl::StatusOr<SpillHandle> a = spill->Write(*MessageWithBody(std::string(100'000, 'a')));
  ASSERT_TRUE(a.ok());
  const uint64_t size = spill->disk_bytes();
  const absl::StatusOr<SpillHandle> b = spill->Write(*MessageWithBody(std::string(100'000, 'b')));
  ASSERT_TRUE(b.ok());
  const int file = OpenItsFile();
  std::string record(size, '\0');
  ASSERT_EQ(pread(file, record.data(), size, 0), static_cast<ssize_t>(size));
  ASSERT_EQ(pwrite(file, record.data(), size, static_cast<off_t>(size)),
            static_cast<ssize_t>(size));
  close(file);
  const absl::Status status = spill->Read(*b).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another record"));
}

}  // namespace
}  // namespace warren::storage
