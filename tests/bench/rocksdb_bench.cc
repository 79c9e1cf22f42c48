// How fast RocksDB takes messages in when nothing is around it: the ceiling of the embedded store.
//
//   warren_rocksdb_bench FOLDER SECONDS MESSAGES_A_COMMIT BYTES
//
// Writes batches of so many values, under ascending keys, each synced before the next, with the
// settings of Warren's store. FOLDER must not be there; it stays. Prints JSON.
#include <rocksdb/db.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/rocksdb/rocksdb_journal.h"
#include "storage/rocksdb/tuning.h"

namespace warren::storage {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

void StopUnlessOk(const rocksdb::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Ascending, as those of Warren's messages are.
std::string Key(uint64_t number) {
  std::string key(sizeof(number), '\0');
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<char>(number >> (8 * (key.size() - 1 - i)));
  }
  return key;
}

int Run(const std::string& folder, double seconds, uint64_t messages, size_t bytes) {
  rocksdb::Options options(StoreOptions(folder),
                           MessagesOptions(RocksDbOptions().memtable_bytes, /*kept=*/nullptr));
  options.create_if_missing = true;
  options.error_if_exists = true;
  rocksdb::DB* opened = nullptr;
  StopUnlessOk(rocksdb::DB::Open(options, folder, &opened));
  const std::unique_ptr<rocksdb::DB> db(opened);

  const std::string body(bytes, 'w');
  std::vector<double> commits_ms;
  uint64_t number = 0;
  const auto start = Clock::now();
  auto now = start;
  while (Seconds(now - start).count() < seconds) {
    rocksdb::WriteBatch batch;
    for (uint64_t i = 0; i < messages; ++i) StopUnlessOk(batch.Put(Key(++number), body));
    StopUnlessOk(db->Write(DurableWriteOptions(), &batch));
    const auto then = std::exchange(now, Clock::now());
    commits_ms.push_back(Seconds(now - then).count() * 1e3);
  }
  std::sort(commits_ms.begin(), commits_ms.end());
  std::printf("{\"commits\": %zu, \"seconds\": %.6f, \"p50_ms\": %.6f, \"p99_ms\": %.6f}\n",
              commits_ms.size(), Seconds(now - start).count(), commits_ms[commits_ms.size() / 2],
              commits_ms[commits_ms.size() * 99 / 100]);
  return 0;
}

}  // namespace
}  // namespace warren::storage

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s FOLDER SECONDS MESSAGES_A_COMMIT BYTES\n", argv[0]);
    return 2;
  }
  return warren::storage::Run(argv[1], std::strtod(argv[2], nullptr),
                              std::strtoull(argv[3], nullptr, 10),
                              std::strtoull(argv[4], nullptr, 10));
}
