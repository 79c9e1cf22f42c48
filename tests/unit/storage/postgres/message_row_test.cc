// Messages as rows, without a server: what the columns can't hold is exact all the same.
#include "storage/postgres/message_row.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/records.h"

namespace warren::storage {
namespace {

// The fields of a row that was written, as COPY TO would send those that are read.
absl::StatusOr<std::string> Stored(const Record& record) {
  CopyBuffer bytes;
  CopyWriter out(bytes);
  MessageRowWriter writer;
  if (absl::Status status = writer.Write(out, 1, record); !status.ok()) return status;
  CopyReader in(bytes.view());
  EXPECT_TRUE(in.Row(16));
  std::vector<std::optional<std::string_view>> fields(16);
  for (auto& field : fields) field = in.Bytes();
  EXPECT_TRUE(in.Finish().ok());
  CopyBuffer row;
  CopyWriter read(row);
  read.Row(12);
  for (const int i : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15}) {
    fields[i] ? read.Bytes(*fields[i]) : read.Null();
  }
  return std::string(row.view());
}

bool IsExact(const Record& record) {
  const std::string row = Stored(record).value();
  CopyReader in(row);
  in.Row(12);
  for (int i = 0; i < 10; ++i) in.Bytes();
  return in.Bytes().has_value();
}

void ExpectSame(const Record& record) {
  const std::string row = Stored(record).value();
  MessageRowReader reader;
  MessagePublished message;
  const absl::StatusOr<bool> read = reader.Read(row, message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read);
  EXPECT_TRUE(SameRecord(record, message));
}

MessagePublished Plain() {
  auto message = MakeRef<Message>();
  message->exchange = SharedString("orders");
  message->routing_key = SharedString("created.eu");
  message->body = SharedString(std::string("a\0b", 3));
  message->published_at_ms = 1'700'000'000'123;
  message->expiration_ms = 0;
  message->priority = 255;
  message->persistent = true;
  return {{7}, std::move(message), {{.queue = {1}}, {.queue = {2}, .delivery_count = UINT32_MAX}}};
}

TEST(MessageRow, PlainMessageIsItsColumns) {
  ExpectSame(Plain());
  EXPECT_FALSE(IsExact(Plain()));
}

TEST(MessageRow, WhatColumnsCannotHoldIsExact) {
  const auto with = [](auto change) {
    MessagePublished published = Plain();
    auto message = MakeRef<Message>();
    message->exchange = published.message->exchange;
    message->persistent = true;
    change(*message);
    published.message = std::move(message);
    return published;
  };
  for (const Record& record : std::vector<Record>{
           with([](Message& m) { m.routing_key = SharedString(std::string("\0", 1)); }),
           with([](Message& m) { m.exchange = SharedString("\xff"); }),
           with([](Message& m) { m.persistent = false; }),
           with([](Message& m) { m.properties = std::make_unique<Properties>(); }),
           with([](Message& m) { m.deaths = std::make_unique<DeathHistory>(); }),
           with([](Message& m) { m.published_at_ms = std::numeric_limits<int64_t>::min(); }),
           with([](Message& m) { m.published_at_ms = std::numeric_limits<int64_t>::max(); })}) {
    EXPECT_TRUE(IsExact(record));
    ExpectSame(record);
  }
  EXPECT_FALSE(IsExact(with([](Message& m) { m.published_at_ms = -210'866'803'200'000; })));
  EXPECT_FALSE(IsExact(with([](Message& m) { m.published_at_ms = 9'224'318'015'999'999; })));
}

TEST(MessageRow, RandomMessagesComeBack) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  for (int i = 0; i < 500; ++i) {
    MessagePublished record{{random()}, RandomMessage(random), {{.queue = {random()}}}};
    for (uint64_t more = random() % 3; more > 0; --more) {
      record.entries.push_back({.queue = {random()},
                                .expires_at_ms = static_cast<int64_t>(random()),
                                .due_at_ms = static_cast<int64_t>(random()),
                                .delivery_count = static_cast<uint32_t>(random())});
    }
    ExpectSame(record);
  }
}

TEST(MessageRow, DamageNamesTheMessage) {
  MessagePublished exact = Plain();
  auto message = MakeRef<Message>();
  message->body = SharedString("body");
  exact.message = std::move(message);
  std::string row = Stored(exact).value();
  row.back() ^= 1;  // of the body, which the checksum covers
  MessageRowReader reader;
  MessagePublished read;
  const absl::Status status = reader.Read(row, read).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "message 7: column exact: checksum mismatch");

  MessagePublished homeless = Plain();
  homeless.entries.clear();
  row = Stored(homeless).value();
  EXPECT_EQ(reader.Read(row, read).status().message(), "message 7: it has no queues");
}

TEST(MessageRow, TooDeepHeadersAreRefused) {
  Value value;
  for (int depth = 0; depth <= kMaxValueDepth; ++depth) value = {Value::List{std::move(value)}};
  auto message = MakeRef<Message>();
  auto properties = std::make_unique<Properties>();
  properties->headers = {{"deep", std::move(value)}};
  message->properties = std::move(properties);
  const Record record = MessagePublished{{1}, std::move(message), {{.queue = {1}}}};
  EXPECT_EQ(Stored(record).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MessageRow, RandomDamageDoesNoHarm) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  Random random(seed);
  MessageRowReader reader;
  MessagePublished read;
  const std::string whole = Stored(MessagePublished{{1}, RandomMessage(random), {{.queue = {1}}}})
                                .value();
  for (int i = 0; i < 5'000; ++i) {
    std::string row = whole;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      row[random() % row.size()] = static_cast<char>(random());
    }
    reader.Read(row, read).status().IgnoreError();
  }
}

}  // namespace
}  // namespace warren::storage
