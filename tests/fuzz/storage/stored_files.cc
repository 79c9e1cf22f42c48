// Goal: the small files beside RocksDB's (watermark, CURRENT, manifest) may hold anything; opening
// is a status, and a watermark that was raised reads back as it was.
// Method: the input is split over the files of a directory in memory, with a right checksum of the
// watermark in half of the cases.
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/base/check.h"
#include "storage/codec/crc32.h"
#include "storage/rocksdb/manifest.h"
#include "storage/rocksdb/watermark.h"
#include "tests/fuzz/support/input.h"

namespace warren::storage {
namespace {

// Of this process, gone with it.
class Directory {
 public:
  Directory() {
    std::string pattern = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    pattern += "/warren-fuzz-XXXXXX";
    WARREN_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Write(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

bool Same(const Durable& a, const Durable& b) {
  return a.sequence == b.sequence && a.manifest.number == b.manifest.number &&
         a.manifest.bytes == b.manifest.bytes && a.manifest.crc == b.manifest.crc;
}

void OpenAll(const std::string& directory, fuzz::Input& input) {
  std::string watermark = input.Text(40);
  if (input.Coin() && watermark.size() >= 28) {
    watermark.resize(28);
    const uint32_t crc = ExtendCrc32(0, watermark.data(), 28);
    for (int i = 0; i < 4; ++i) watermark.push_back(static_cast<char>(crc >> (8 * i)));
  }
  Write(Watermark::FileIn(directory), watermark);
  Write(directory + "/CURRENT", input.Coin() ? "MANIFEST-000005\n" : input.Text(40));
  ManifestPrefix expected{.number = input.Below(8), .bytes = input.Below(64), .crc = 0};
  const std::string manifest = input.Rest();
  Write(directory + "/MANIFEST-000005", manifest);

  const absl::StatusOr<Durable> read = Watermark::Read(directory);
  if (read.ok()) {
    absl::StatusOr<Watermark> open = Watermark::Open(directory);
    WARREN_CHECK(open.ok() && Same(open->value(), *read));
    const Durable raised{.sequence = read->sequence + 1, .manifest = expected};
    open->Raise(raised);
    WARREN_CHECK(Same(*Watermark::Read(directory), raised));
    CheckManifest(directory, read->manifest).IgnoreError();
  }
  CheckManifest(directory, expected).IgnoreError();
  const ManifestPrefix durable = ManifestWatch(directory).Refresh();
  WARREN_CHECK(CheckManifest(directory, durable).ok());
}

}  // namespace
}  // namespace warren::storage

void warren::fuzz::TestOne(Input& input) {
  static const storage::Directory directory;
  storage::OpenAll(directory.path(), input);
}
