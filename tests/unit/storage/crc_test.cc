// Checksums: the standard ones, and RocksDB's is ours.
#include <dlfcn.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "storage/codec/crc32.h"

// What RocksDB calls, whoever defines it; its header isn't installed.
namespace rocksdb::crc32c {
uint32_t Extend(uint32_t crc, const char* data, size_t size);
}

namespace warren::storage {
namespace {

// Of the catalogues of checksums: each lists its value of these nine bytes.
constexpr std::string_view kCheck = "123456789";

TEST(CrcTest, IsTheOneOfZlib) {
  EXPECT_EQ(ExtendCrc32(0, kCheck.data(), kCheck.size()), 0xCBF43926U);
  EXPECT_EQ(ExtendCrc32(0, nullptr, 0), 0U);
}

TEST(CrcTest, RocksDbsIsTheOneOfIscsi) {
  EXPECT_EQ(rocksdb::crc32c::Extend(0, kCheck.data(), kCheck.size()), 0xE3069283U);
  EXPECT_EQ(rocksdb::crc32c::Extend(0, nullptr, 0), 0U);
}

TEST(CrcTest, OfPartsInTurnIsOfAll) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i * 7));
  for (size_t cut = 0; cut <= bytes.size(); cut += 37) {
    const char* rest = bytes.data() + cut;
    EXPECT_EQ(ExtendCrc32(ExtendCrc32(0, bytes.data(), cut), rest, bytes.size() - cut),
              ExtendCrc32(0, bytes.data(), bytes.size()));
    const uint32_t head = rocksdb::crc32c::Extend(0, bytes.data(), cut);
    EXPECT_EQ(rocksdb::crc32c::Extend(head, rest, bytes.size() - cut),
              rocksdb::crc32c::Extend(0, bytes.data(), bytes.size()));
  }
}

// Else stores are as sound, and a sixth slower.
TEST(CrcTest, RocksDbTakesOurs) {
  const void* taken = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  ASSERT_NE(taken, nullptr);
  Dl_info of_taken{};
  Dl_info of_this{};
  ASSERT_NE(dladdr(taken, &of_taken), 0);
  ASSERT_NE(dladdr(&kCheck, &of_this), 0);
  EXPECT_STREQ(of_taken.dli_fname, of_this.dli_fname);
}

}  // namespace
}  // namespace warren::storage
