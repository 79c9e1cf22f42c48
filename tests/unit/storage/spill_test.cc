// The spill: what was written is read, whatever fails in between, and what was dropped takes no
// disk space. The files have no names, so tests that damage or measure them find them among the
// process's open files.
#include "storage/spill/spill.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

class SpillTest : public ::testing::Test {
 protected:
  void Open(SpillOptions options) {
    options.directory = directory_.path();
    absl::StatusOr<std::unique_ptr<Spill>> spill = Spill::Open(std::move(options));
    ASSERT_TRUE(spill.ok()) << spill.status();
    spill_ = *std::move(spill);
  }

  SpillHandle Write(const Message& message) {
    const absl::StatusOr<SpillHandle> handle = spill_->Write(message);
    EXPECT_TRUE(handle.ok()) << handle.status();
    return handle.ok() ? *handle : SpillHandle();
  }
  SpillHandle Write(size_t bytes, char filling = 'x') {
    return Write(*MessageWithBody(std::string(bytes, filling)));
  }

  void ExpectReads(SpillHandle handle, const Message& expected) {
    const absl::StatusOr<MessagePtr> message = spill_->Read(handle);
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_TRUE(SameMessage(**message, expected));
  }
  void ExpectReads(SpillHandle handle, size_t bytes, char filling = 'x') {
    ExpectReads(handle, *MessageWithBody(std::string(bytes, filling)));
  }

  // The spill's files, as names that can be opened.
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry, gone).string();
      if (!gone && target.starts_with(directory_.path() + "/")) files.push_back(entry.path());
    }
    return files;
  }
  // As the file system counts it.
  uint64_t DiskBytes() const {
    uint64_t bytes = 0;
    for (const std::string& file : Files()) {
      struct stat status = {};
      EXPECT_EQ(stat(file.c_str(), &status), 0);
      bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    return bytes;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Spill> spill_;
};

TEST_F(SpillTest, EveryFieldComesBackFromBufferAndDisk) {
  Open({.buffer_bytes = 8 * kKiB});
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  std::vector<std::pair<SpillHandle, MessagePtr>> written;
  for (int i = 0; i < 500; ++i) {
    MessagePtr message = RandomMessage(random);
    const SpillHandle handle = Write(*message);
    ExpectReads(handle, *message);
    written.emplace_back(handle, std::move(message));
  }
  EXPECT_EQ(spill_->live_messages(), 500u);
  EXPECT_GT(spill_->disk_bytes(), 0u);
  for (const auto& [handle, message] : written) ExpectReads(handle, *message);
}

TEST_F(SpillTest, HandlesAreDistinctAndNeverNone) {
  Open({});
  const SpillHandle first = Write(*MakeRef<Message>());
  const SpillHandle second = Write(*MakeRef<Message>());
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_NE(first, second);
}

TEST_F(SpillTest, LargeMessagesComeBack) {
  Open({.file_bytes = 4 * kMiB});
  const SpillHandle small = Write(10);
  const SpillHandle large = Write(48 * kMiB, 'l');
  const SpillHandle after = Write(2 * kMiB, 'a');
  ExpectReads(large, 48 * kMiB, 'l');
  ExpectReads(after, 2 * kMiB, 'a');
  ExpectReads(small, 10);
  spill_->Drop(large);
  ExpectReads(after, 2 * kMiB, 'a');
  EXPECT_LE(DiskBytes(), 4 * kMiB);
}

TEST_F(SpillTest, MessagesThatNoRecordCanHoldAreRefused) {
  Open({});
  const absl::StatusOr<SpillHandle> handle =
      spill_->Write(*MessageWithBody(std::string(256 * kMiB, 'x')));
  EXPECT_EQ(handle.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(spill_->live_messages(), 0u);
}

TEST_F(SpillTest, FilesHaveNoNames) {
  Open({.buffer_bytes = 0});
  Write(1000);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  EXPECT_EQ(Files().size(), 1u);
  spill_.reset();
  EXPECT_TRUE(Files().empty());
}

TEST_F(SpillTest, WhatComesAndGoesAtOnceIsNeverWritten) {
  Open({});
  for (int i = 0; i < 10'000; ++i) {
    const SpillHandle handle = Write(1000);
    ExpectReads(handle, 1000);
    spill_->Drop(handle);
  }
  EXPECT_EQ(DiskBytes(), 0u);
  EXPECT_EQ(spill_->live_bytes(), 0u);
}

TEST_F(SpillTest, DroppingFreesDiskInAnyOrder) {
  for (const bool backwards : {false, true}) {
    Open({.file_bytes = 2 * kMiB, .buffer_bytes = 64 * kKiB});
    std::deque<SpillHandle> handles;
    for (uint64_t i = 0; i < 10 * kKiB; ++i) handles.push_back(Write(1000));
    const uint64_t all = DiskBytes();
    EXPECT_GT(all, 9 * kMiB);
    while (!handles.empty()) {
      if (handles.size() % 1024 == 0) {
        EXPECT_LE(DiskBytes(), spill_->live_bytes() + 4 * SpillFile::kChunkBytes);
      }
      spill_->Drop(backwards ? handles.back() : handles.front());
      backwards ? handles.pop_back() : handles.pop_front();
    }
    EXPECT_EQ(DiskBytes(), 0u);
    EXPECT_EQ(spill_->disk_bytes(), 0u);
    EXPECT_EQ(spill_->open_files(), 1u);
  }
}

TEST_F(SpillTest, MessagesThatStayKeepLittleDisk) {
  Open({.file_bytes = 4 * kMiB});
  std::vector<SpillHandle> kept;
  std::vector<SpillHandle> dropped;
  for (uint64_t i = 0; i < 20 * kKiB; ++i) {
    (i % 2048 == 0 ? kept : dropped).push_back(Write(1000));
  }
  for (const SpillHandle handle : dropped) spill_->Drop(handle);
  // The newest file's tail, and what is in the buffer, stay.
  const uint64_t most = (2 * kept.size() + 6) * SpillFile::kChunkBytes;
  EXPECT_LE(DiskBytes(), most);
  EXPECT_LE(spill_->disk_bytes(), most);
  for (const SpillHandle handle : kept) ExpectReads(handle, 1000);
}

TEST_F(SpillTest, FilesGrowSoThatFewAreOpen) {
  Open({.file_bytes = 4 * kKiB, .buffer_bytes = 0});
  for (uint64_t i = 0; i < 20 * kKiB; ++i) Write(1000);
  // 64 files of each size, twice as large each time: 4, 8, … 128 KiB.
  EXPECT_LE(spill_->open_files(), 7 * 64u);
  EXPECT_GE(spill_->open_files(), 5 * 64u);
}

TEST_F(SpillTest, SeveralReadersInOrderDontDisturbEachOther) {
  Open({});
  std::vector<std::pair<SpillHandle, char>> written;
  for (int i = 0; i < 20'000; ++i) {
    const char filling = static_cast<char>('a' + i % 26);
    written.emplace_back(Write(500, filling), filling);
  }
  for (size_t i = 0; i < written.size() / 4; ++i) {
    for (size_t reader = 0; reader < 4; ++reader) {
      const auto& [handle, filling] = written[reader * written.size() / 4 + i];
      ExpectReads(handle, 500, filling);
    }
  }
}

// A limit on the size of files stands for a full disk: the write that crosses it is cut short.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_ = {};
  const sighandler_t old_handler_;
};

// Writes until nothing more can be; what was taken is appended to `handles`.
absl::Status WriteUntilFull(Spill& spill, size_t bytes, std::vector<SpillHandle>& handles) {
  const MessagePtr message = MessageWithBody(std::string(bytes, 'x'));
  while (true) {
    const absl::StatusOr<SpillHandle> handle = spill.Write(*message);
    if (!handle.ok()) return handle.status();
    handles.push_back(*handle);
  }
}

TEST_F(SpillTest, AFullDiskLosesNothingAndMayHaveRoomAgain) {
  for (const size_t bytes : {1000, 100'000}) {  // through the buffer, and past it
    SCOPED_TRACE(bytes);
    Open({.buffer_bytes = 64 * kKiB});
    std::vector<SpillHandle> handles;
    uint64_t live_bytes = 0;
    {
      const FileSizeLimit limit(kMiB - 100);
      for (int again = 0; again < 3; ++again) {
        const absl::Status full = WriteUntilFull(*spill_, bytes, handles);
        EXPECT_EQ(full.code(), absl::StatusCode::kUnavailable);
        EXPECT_THAT(std::string(full.message()), HasSubstr(directory_.path()));
        EXPECT_THAT(std::string(full.message()), HasSubstr("raise the limit"));
        if (again == 0) live_bytes = spill_->live_bytes();
        EXPECT_EQ(spill_->live_bytes(), live_bytes);
      }
      for (const SpillHandle handle : handles) ExpectReads(handle, bytes);
    }
    const size_t before = handles.size();
    for (size_t i = 0; i < before; ++i) handles.push_back(Write(bytes));
    for (const SpillHandle handle : handles) ExpectReads(handle, bytes);
  }
}

TEST_F(SpillTest, TooFewFileDescriptorsLoseNothing) {
  Open({.file_bytes = 64 * kKiB, .buffer_bytes = 0});
  std::vector<SpillHandle> handles = {Write(1000)};
  rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status full = WriteUntilFull(*spill_, 1000, handles);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(full.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(full.message()), HasSubstr("ulimit -n"));
  handles.push_back(Write(1000));
  for (const SpillHandle handle : handles) ExpectReads(handle, 1000);
}

TEST_F(SpillTest, ADirectoryThatTakesNoFilesIsRefused) {
  const absl::StatusOr<std::unique_ptr<Spill>> spill = Spill::Open({.directory = "/dev/null/x"});
  EXPECT_EQ(spill.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(spill.status().message()), HasSubstr("/dev/null/x"));
}

TEST_F(SpillTest, DamageIsSeenAndHurtsNoOther) {
  Open({.buffer_bytes = 0});
  const SpillHandle before = Write(5000);
  const SpillHandle hit = Write(100'000);
  const SpillHandle after = Write(5000);
  const int fd = open(Files().at(0).c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(fd, "damage", 6, 50'000), 6);
  close(fd);
  const absl::Status damaged = spill_->Read(hit).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(directory_.path()));
  ExpectReads(before, 5000);
  ExpectReads(after, 5000);
  spill_->Drop(hit);
  EXPECT_EQ(spill_->live_messages(), 2u);
}

TEST_F(SpillTest, AFileThatIsCutOffIsDamage) {
  Open({.buffer_bytes = 0});
  const SpillHandle handle = Write(100'000);
  ASSERT_EQ(truncate(Files().at(0).c_str(), 1000), 0);
  const absl::Status damaged = spill_->Read(handle).status();
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(directory_.path()));
}

// Writes, reads and drops at random, now and then on a full disk, against a list of what should be
// there. Small files and buffers, so that every boundary is met often.
TEST_F(SpillTest, RandomOperationsMatchAModel) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  Open({.file_bytes = 300 * kKiB, .buffer_bytes = 20 * kKiB});
  std::deque<std::pair<SpillHandle, MessagePtr>> model;
  for (int i = 0; i < 60'000; ++i) {
    const uint64_t dice = random() % 100;
    // Waves: mostly writing, then mostly dropping.
    const bool filling = i / 2'000 % 2 == 0;
    if (dice < (filling ? 50 : 20)) {
      const size_t bytes = random() % 200 == 0 ? random() % (400 * kKiB) : random() % 3'000;
      MessagePtr message = random() % 4 == 0 ? RandomMessage(random)
                                             : MessageWithBody(std::string(bytes, 'm'));
      std::unique_ptr<FileSizeLimit> limit;
      if (random() % 10 == 0) limit = std::make_unique<FileSizeLimit>(random() % (300 * kKiB));
      const absl::StatusOr<SpillHandle> handle = spill_->Write(*message);
      if (handle.ok()) {
        model.emplace_back(*handle, std::move(message));
      } else {
        ASSERT_EQ(handle.status().code(), absl::StatusCode::kUnavailable);
        ASSERT_NE(limit, nullptr) << handle.status();
      }
    } else if (!model.empty()) {
      // Mostly from the front, as queues do.
      const size_t which = random() % 3 > 0 ? 0 : random() % model.size();
      ExpectReads(model[which].first, *model[which].second);
      if (dice >= 60) {
        spill_->Drop(model[which].first);
        model.erase(model.begin() + static_cast<ptrdiff_t>(which));
      }
    }
    ASSERT_EQ(spill_->live_messages(), model.size());
    if (HasFailure()) return;
  }
  for (const auto& [handle, message] : model) ExpectReads(handle, *message);
  for (const auto& [handle, message] : model) spill_->Drop(handle);
  EXPECT_EQ(spill_->live_bytes(), 0u);
  EXPECT_EQ(DiskBytes(), 0u);
  EXPECT_EQ(spill_->open_files(), 1u);
}

}  // namespace
}  // namespace warren::storage
