// What tests of the RocksDB journal have in common: a directory, a history and what it adds up to,
// copies of a store, and its files.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "storage/rocksdb/rocksdb_journal.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"

namespace warren::storage {

namespace fs = std::filesystem;

// All that the journal recovers, or why it doesn't.
inline absl::StatusOr<std::vector<Record>> RecoverFrom(Journal& journal) {
  std::vector<Record> records;
  const absl::Status recovered = journal.Recover([&records](Record record) {
    records.push_back(std::move(record));
    return absl::OkStatus();
  });
  if (!recovered.ok()) return recovered;
  return records;
}

// Open and recover, as a broker does at its start.
inline absl::StatusOr<std::vector<Record>> Restart(const std::string& path) {
  auto journal = RocksDbJournal::Open({.path = path}, nullptr);
  if (!journal.ok()) return journal.status();
  return RecoverFrom(**journal);
}

inline std::unique_ptr<RocksDbJournal> OpenOrFail(const std::string& path) {
  auto journal = RocksDbJournal::Open({.path = path}, nullptr);
  EXPECT_TRUE(journal.ok()) << journal.status();
  return journal.ok() ? *std::move(journal) : nullptr;
}

inline RocksDbOptions Impatient(const std::string& path) {
  return {.path = path,
          .stop = {},
          .retry_first = std::chrono::milliseconds(0),
          .retry_most = std::chrono::milliseconds(0)};
}

// Names and sizes of the files there.
inline std::map<std::string, uint64_t> Listing(const fs::path& directory) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& file : fs::directory_iterator(directory)) {
    std::error_code gone;
    sizes[file.path().filename().string()] = fs::file_size(file.path(), gone);
  }
  return sizes;
}

// As it is at one moment, although RocksDB's threads may add and remove files meanwhile.
inline void Copy(const fs::path& from, const fs::path& to) {
  std::map<std::string, uint64_t> before;
  do {
    before = Listing(from);
    fs::remove_all(to);
    fs::create_directories(to);
    for (const auto& [name, size] : before) {
      std::error_code gone;
      fs::copy_file(from / name, to / name, gone);
    }
  } while (Listing(from) != before);
}

inline std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void WriteFile(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// What a file of the store is, by its name; the directory is "".
inline std::string ZoneOf(std::string_view name) {
  if (name.empty()) return "directory";
  if (name.ends_with(".log")) return "log";
  if (name.ends_with(".sst")) return "table";
  if (name.starts_with("MANIFEST")) return "manifest";
  if (name == "CURRENT" || name.ends_with(".dbtmp")) return "CURRENT";
  if (name.starts_with("OPTIONS")) return "OPTIONS";
  if (name.starts_with("WATERMARK")) return "WATERMARK";
  if (name.starts_with("LOG")) return "LOG";  // of what RocksDB does, for people
  return std::string(name);                   // IDENTITY, LOCK
}

// The files that hold anything: neither RocksDB's own log nor the empty lock.
inline std::vector<fs::path> FilesOf(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(directory)) {
    const std::string zone = ZoneOf(file.path().filename().string());
    if (zone != "LOCK" && zone != "LOG") files.push_back(file.path());
  }
  return files;
}

class RocksDbFixture : public ::testing::Test {
 protected:
  explicit RocksDbFixture(TemporaryDirectory::Where where = TemporaryDirectory::Where::kDisk)
      : seed_(TestSeed()),
        trace_(__FILE__, __LINE__, SeedTrace(seed_)),
        directory_(where) {}

  std::string live() const { return directory_.path() + "/live"; }
  std::string crashed() const { return directory_.path() + "/crashed"; }

  // Appends `batches` batches of a random history, and keeps the state before and after each.
  void AppendHistory(RocksDbJournal& journal, int batches) {
    states_.push_back(Emitted(state_));
    for (int i = 0; i < batches; ++i) {
      Batch batch = history_.Next();
      state_.Apply(batch);
      batch.lsn = {static_cast<uint64_t>(i) + 1};
      ASSERT_TRUE(journal.Append(batch).ok());
      states_.push_back(Emitted(state_));
    }
  }

  // A crashed store of which part is in tables and part in the log.
  void MakeCrashedStore() {
    AppendHistory(*OpenOrFail(live()), 20);
    // Opening moves what the log has into tables.
    const auto journal = OpenOrFail(live());
    AppendHistory(*journal, 10);
    Copy(live(), crashed());
  }

  bool IsAPrefix(const std::vector<Record>& recovered) const {
    for (const auto& state : states_) {
      if (SameState(recovered, state)) return true;
    }
    return false;
  }

  const uint64_t seed_;
  const ::testing::ScopedTrace trace_;
  const TemporaryDirectory directory_;
  History history_{seed_};
  LiveState state_;
  std::vector<std::vector<Record>> states_;
};

}  // namespace warren::storage
