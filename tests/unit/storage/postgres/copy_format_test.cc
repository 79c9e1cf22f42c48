// Binary COPY, without a server: what is written is read back, and whatever else is read does no harm.
#include "storage/postgres/copy_format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/contract/records.h"

namespace warren::storage {
namespace {

using namespace std::string_literals;

const std::vector<uint64_t> kNumbers = {1, 0, std::numeric_limits<uint64_t>::max()};

std::string ARow() {
  CopyBuffer bytes;
  CopyWriter out(bytes);
  out.Header();
  out.Row(7);
  out.Int2(-2);
  out.Int4(1 << 30);
  out.Int8(std::numeric_limits<int64_t>::min());
  out.Null();
  out.Bytes("a\0b"s);
  out.BigintArray(kNumbers, [](uint64_t n) { return n; });
  out.Bytes("\1"s);
  return std::string(bytes.view());
}

// As a reader of such rows does.
absl::Status ReadRow(std::string_view bytes) {
  CopyReader in(bytes);
  if (!in.Row(7)) return in.Finish();
  in.Int2();
  in.Int4();
  in.Required(in.Int8());
  in.Int8();
  in.Required(in.Bytes());
  in.BigintArray();
  in.Bool();
  return in.Finish();
}

TEST(CopyFormat, BytesAreThoseOfTheDocumentation) {
  CopyBuffer bytes;
  CopyWriter out(bytes);
  out.Header();
  out.Row(2);
  out.Int4(258);
  out.Null();
  out.Trailer();
  EXPECT_EQ(bytes.view(),
            "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\2\0\0\0\4\0\0\1\2\377\377\377\377\377\377"s);
}

TEST(CopyFormat, BufferGrowsAndLetsGo) {
  CopyBuffer buffer;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>(i));
    CopyWriter(buffer).Bytes(piece);
    expected += "\0\0"s + static_cast<char>(i >> 8) + static_cast<char>(i) + piece;
  }
  EXPECT_EQ(buffer.view(), expected);
  buffer.Clear(0);
  EXPECT_EQ(buffer.view(), "");
}

TEST(CopyFormat, WhatWasWrittenIsRead) {
  const std::string bytes = ARow();
  CopyReader in(bytes);
  ASSERT_TRUE(in.Row(7));
  EXPECT_EQ(in.Int2(), std::optional<int16_t>(-2));
  EXPECT_EQ(in.Int4(), std::optional<int32_t>(1 << 30));
  EXPECT_EQ(in.Int8(), std::optional(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(in.Bytes(), std::nullopt);
  EXPECT_EQ(in.Bytes(), std::optional<std::string_view>("a\0b"s));
  EXPECT_EQ(in.BigintArray(), (std::vector<int64_t>{1, 0, -1}));
  EXPECT_EQ(in.Bool(), std::optional(true));
  EXPECT_TRUE(in.Finish().ok()) << in.Finish();
}

TEST(CopyFormat, EndIsNoRowAndNoDamage) {
  const std::string end = "\377\377"s;
  CopyReader in(end);
  EXPECT_FALSE(in.Row(7));
  EXPECT_TRUE(in.Finish().ok());
}

TEST(CopyFormat, NullWhereNoneMayBeIsDamage) {
  const std::string row = "\0\1\377\377\377\377"s;
  CopyReader in(row);
  ASSERT_TRUE(in.Row(1));
  in.Required(in.Int8());
  EXPECT_EQ(in.Finish().code(), absl::StatusCode::kDataLoss);
}

TEST(CopyFormat, EveryCutIsDamage) {
  const std::string whole = ARow();
  ASSERT_TRUE(ReadRow(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadRow(whole.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(ReadRow(whole + "x").code(), absl::StatusCode::kDataLoss);
}

TEST(CopyFormat, RandomDamageDoesNoHarm) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  const std::string whole = ARow();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    ReadRow(bytes).IgnoreError();
  }
}

}  // namespace
}  // namespace warren::storage
