// What the PostgreSQL journal promises beyond the contract, in good times: bounded space, rows that
// people can read, readers that don't hold it up, and damage that is noticed.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "storage/codec/frame.h"
#include "tests/contract/postgres_fixture.h"

namespace warren::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr QueueId kQueue{1};

// The name of the database that a URL of the server leads to.
std::string DatabaseOf(const std::string& url) {
  const size_t end = url.find('?');
  const size_t start = url.rfind('/', end) + 1;
  return url.substr(start, end - start);
}

class PostgresStore : public PostgresFixture {
 protected:
  // Of all that is in the schema.
  int64_t Bytes() const {
    int64_t bytes = 0;
    EXPECT_TRUE(absl::SimpleAtoi(
        Execute("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND "
                "relnamespace = 'warren'::regnamespace"),
        &bytes));
    return bytes;
  }

  // Publishes that many messages of 4 KiB, each of which settles the one before.
  void PassBy(PostgresJournal& journal, int messages) {
    const MessagePtr message = MessageWithBody(std::string(4096, 'x'));
    while (messages > 0) {
      std::vector<Record> records;
      for (int i = 0; i < 20; ++i, --messages) {
        if (passed_ != 0) records.push_back(EntryRemoved{{passed_}, kQueue, true});
        records.push_back(MessagePublished{{passed_ = ++last_id_}, message, {{.queue = kQueue}}});
      }
      AppendAll(journal, std::move(records));
      if (HasFatalFailure()) return;
    }
  }

  absl::Status RecoverError() {
    const auto journal = OpenOrFail();
    return journal->Recover([](const Record& /*record*/) { return absl::OkStatus(); });
  }

  uint64_t last_id_ = 1000;
  uint64_t passed_ = 0;  // the last that passed by
};

constexpr SegmentLimits kMebibyte{.bytes = uint64_t{1} << 20, .move_bytes = uint64_t{64} << 10};
constexpr int64_t kMostBytes = int64_t{5} << 20;

TEST_F(PostgresStore, SpaceComesBackAlthoughOneMessageStays) {
  PostgresOptions options = Options();
  options.segments = kMebibyte;
  auto journal = Begin(options);
  AppendAll(*journal, {QueueDeclared{kQueue, "/", "q", {}},
                       MessagePublished{{10}, MessageWithBody("stays"), {{.queue = kQueue}}}});
  for (int i = 0; i < 8 && !HasFatalFailure(); ++i) {
    PassBy(*journal, 800);
    EXPECT_LT(Bytes(), kMostBytes);
  }
  EXPECT_EQ(Execute("SELECT kind FROM warren.segments JOIN warren.messages USING (segment) "
                    "WHERE id = 10"),
            "kept");
  journal.reset();
  ExpectRecovered();
}

// A small batch goes as prepared INSERTs, a large one by COPY.
TEST_F(PostgresStore, ABatchHasTheSameRowsWhateverItsSize) {
  constexpr uint64_t kMessages = 30;
  constexpr uint64_t kLarge = 1'000;  // ids of those in large batches are so much higher
  PostgresOptions options = Options();
  options.segments = kMebibyte;
  auto journal = Begin(options);
  AppendAll(*journal, {QueueDeclared{kQueue, "/", "q", {}}, QueueDeclared{{2}, "/", "p", {}}});
  Random random(seed_);
  std::vector<Record> large;
  const auto add = [](std::vector<Record>& batch, uint64_t id, const MessagePtr& message) {
    batch.push_back(MessagePublished{
        {id}, message, {{.queue = kQueue, .due_at_ms = 7}, {.queue = {2}}}});
    batch.push_back(EntryUpdated{{id}, {.queue = kQueue, .delivery_count = 3}});
    batch.push_back(EntryRemoved{{id}, {2}, false});
  };
  for (uint64_t id = 1; id <= kMessages && !HasFatalFailure(); ++id) {
    const MessagePtr message = RandomMessage(random);
    std::vector<Record> small;
    add(small, id, message);
    AppendAll(*journal, std::move(small));
    add(large, kLarge + id, message);
  }
  AppendAll(*journal, std::move(large));
  // But for what differs by its nature: `exact` holds the id, too.
  const std::string messages =
      "SELECT to_jsonb(m) - 'id' - 'segment' - 'exact', exact IS NULL FROM warren.messages m ";
  const std::string notes = "SELECT queue, kind, expires_at_ms, due_at_ms, delivery_count,"
                            " message_id % 1000 FROM warren.settlements ";
  const auto differ = [](const std::string& rows, const std::string& id) {
    const auto those = [&](const char* sign) { return rows + "WHERE " + id + sign + "1000"; };
    return "SELECT count(*) FROM ((" + those("<") + " EXCEPT ALL " + those(">") + ") UNION ALL (" +
           those(">") + " EXCEPT ALL " + those("<") + ")) AS d";
  };
  EXPECT_EQ(Execute(differ(messages, "id")), "0");
  EXPECT_EQ(Execute(differ(notes, "message_id")), "0");
  EXPECT_EQ(Execute("SELECT count(*) FROM warren.messages"), "60");
  EXPECT_EQ(Execute("SELECT count(*) FROM warren.settlements"), "120");
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresStore, SpaceComesBackAlthoughAMessageIsUpdatedForEver) {
  PostgresOptions options = Options();
  options.segments = kMebibyte;
  auto journal = Begin(options);
  AppendAll(*journal, {MessagePublished{{10}, MessageWithBody("requeued"),
                                        {{.queue = kQueue}, {.queue = {2}}, {.queue = {3}}}},
                       EntryRemoved{{10}, {2}, false}});
  for (uint32_t count = 0; count < 100'000 && !HasFatalFailure();) {
    std::vector<Record> records;
    for (int i = 0; i < 500; ++i) {
      records.push_back(EntryUpdated{{10}, {.queue = kQueue, .delivery_count = ++count}});
    }
    AppendAll(*journal, std::move(records));
    if (count % 20'000 == 0) {
      EXPECT_LT(Bytes(), kMostBytes);
    }
  }
  EXPECT_EQ(Execute("SELECT count(*) > 0 FROM warren.segments WHERE kind = 'kept'"), "t");
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresStore, WhatIsMovedKeepsItsLatestFacts) {
  auto journal = Begin();
  const std::string moved =
      "SELECT count(*) > 5 FROM warren.messages JOIN warren.segments USING (segment)"
      " WHERE kind = 'kept' AND exact IS NOT NULL";
  for (int i = 0; i < 1000 && !HasFatalFailure(); ++i) {
    AppendNext(*journal);
    if (i % 20 == 0 && Execute(moved) == "t") break;
  }
  EXPECT_EQ(Execute(moved), "t");
  journal.reset();
  ExpectRecovered();
}

TEST_F(PostgresStore, NothingIsLeftToVacuum) {
  PostgresOptions options = Options();
  options.segments = kMebibyte;
  const auto journal = Begin(options);
  PassBy(*journal, 2000);
  EXPECT_EQ(Execute("SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE "
                    "relname LIKE 'messages%' OR relname LIKE 'settlements%'"),
            "0");
  EXPECT_EQ(Execute("SELECT pg_relation_size('warren.shards') <= 16384"), "t");
}

// "queue message deliveries body" of each entry, in the order of queues and messages.
std::string Entries(const std::vector<Record>& records) {
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, std::string>> lines;
  for (const Record& record : records) {
    const auto* message = std::get_if<MessagePublished>(&record);
    if (message == nullptr) continue;
    for (const EntryFacts& entry : message->entries) {
      lines.emplace_back(std::pair(entry.queue.value, message->id.value),
                         absl::StrCat(entry.queue.value, " ", message->id.value, " ",
                                      entry.delivery_count, " ",
                                      absl::BytesToHexString(message->message->body.str())));
    }
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& [place, line] : lines) absl::StrAppend(&text, line, "\n");
  return text;
}

TEST_F(PostgresStore, ViewsShowWhatIsLive) {
  const auto journal = Begin();
  for (int i = 0; i < 6 && !HasFatalFailure(); ++i) {
    for (int j = 0; j < 15 && !HasFatalFailure(); ++j) AppendNext(*journal);
    EXPECT_EQ(Execute("SELECT coalesce(string_agg(queue_id || ' ' || message_id || ' ' || "
                      "delivery_count || ' ' || encode(body, 'hex') || E'\\n', '' ORDER BY "
                      "queue_id, message_id), '') FROM warren.queue_messages"),
              Entries(Emitted(state_)));
    EXPECT_EQ(Execute("SELECT coalesce(sum(messages), 0) FROM warren.queue_depths"),
              Execute("SELECT count(*) FROM warren.queue_messages"));
  }
}

TEST_F(PostgresStore, ViewsSpeakThePeoplesLanguage) {
  const auto journal = Begin();
  auto message = MakeRef<Message>();
  message->exchange = SharedString("orders");
  message->routing_key = SharedString(std::string("a\0b", 3));
  message->body = SharedString("hello");
  message->published_at_ms = 1'700'000'000'000;
  auto properties = std::make_unique<Properties>();
  properties->correlation_id = "c-1";
  properties->headers = {{"n", {int64_t{5}}}};
  message->properties = std::move(properties);
  AppendAll(*journal,
            {VirtualHostDeclared{"shop"}, QueueDeclared{kQueue, "shop", "q'uote", {}},
             MessagePublished{{7}, std::move(message), {{.queue = kQueue, .due_at_ms = 5}}},
             EntryUpdated{{7}, {.queue = kQueue, .expires_at_ms = 1'700'000'060'500,
                                .delivery_count = 2}}});
  EXPECT_EQ(Execute("SET timezone = 'UTC'; SELECT (virtual_host, queue, message_id, published_at, "
                    "exchange, routing_key, properties->>'correlation_id', headers->>'n', "
                    "expires_at, due_at, delivery_count, convert_from(body, 'UTF8'))::text FROM "
                    "warren.queue_messages"),
            "(shop,q'uote,7,\"2023-11-14 22:13:20+00\",orders,a\xef\xbf\xbd" "b,c-1,5,"
            "\"2023-11-14 22:14:20.5+00\",,2,hello)");
  EXPECT_EQ(Execute("SELECT (virtual_host, queue, messages, bytes)::text FROM warren.queue_depths"),
            "(shop,q'uote,1,5)");
}

TEST_F(PostgresStore, LongReaderDelaysTidyingButNotTheBroker) {
  PostgresOptions options = Options();
  options.segments = kMebibyte;
  options.tidy_pause = std::chrono::milliseconds(200);
  Observer observer;
  const auto journal = Begin(options, &observer);
  PassBy(*journal, 400);
  Operator reader(url_);
  reader.Run("BEGIN; SELECT count(*) FROM warren.queue_messages");
  std::chrono::steady_clock::duration longest{};
  for (int i = 0; i < 60 && !HasFatalFailure(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    PassBy(*journal, 20);
    longest = std::max(longest, std::chrono::steady_clock::now() - start);
  }
  EXPECT_LT(longest, std::chrono::seconds(2));
  EXPECT_GT(Bytes(), kMostBytes) << "what it reads can't be dropped";
  EXPECT_EQ(observer.stalls, 0);
  reader.Run("COMMIT");
  for (int i = 0; i < 1000 && Bytes() > kMostBytes; ++i) PassBy(*journal, 20);
  EXPECT_LT(Bytes(), kMostBytes);
}

TEST_F(PostgresStore, DamageIsNoticedAndNamed) {
  const struct {
    const char* damage;
    std::vector<std::string> named;
  } kCases[] = {
      {"UPDATE warren.messages SET exact = set_byte(exact, 20, get_byte(exact, 20) # 1) "
       "WHERE id = 7",
       {"warren.messages_1", "message 7", "exact", "checksum"}},
      {"UPDATE warren.messages SET body = 'other' WHERE id = 7", {"message 7", "exact"}},
      {"UPDATE warren.messages SET queues = '{}' WHERE id = 8", {"message 8", "no queues"}},
      {"UPDATE warren.messages SET queues = '{{1,2},{3,4}}' WHERE id = 8", {"warren.messages_1"}},
      {"UPDATE warren.messages SET delivery_counts = '{-1}' WHERE id = 8",
       {"message 8", "delivery count"}},
      {"UPDATE warren.messages SET delivery_counts = '{1,1}' WHERE id = 8", {"message 8"}},
      {"UPDATE warren.messages SET priority = 256 WHERE id = 8", {"message 8", "priority"}},
      {"UPDATE warren.messages SET id = 9 WHERE id = 7", {"message 9", "something else"}},
      {"INSERT INTO warren.messages SELECT * FROM warren.messages WHERE id = 8",
       {"message 8", "twice"}},
      {"UPDATE warren.settlements SET delivery_count = -1", {"warren.settlements_1", "message 8"}},
      {"UPDATE warren.queues SET record = 'x'", {"warren.queues", "id 1"}},
      {"UPDATE warren.queues SET record = (SELECT record FROM warren.exchanges)",
       {"warren.queues", "id 1"}},
      {"UPDATE warren.producers SET refused = '6-8,7'", {"warren.producers", "billing", "6-8,12"}},
      {"UPDATE warren.producers SET refused = 'some'", {"warren.producers", "billing", "6-8,12"}},
      {"DELETE FROM warren.shards", {}},
  };
  auto journal = Begin();
  auto exact = MakeRef<Message>();
  exact->properties = std::make_unique<Properties>(Properties{.type = "t"});
  AppendAll(*journal, {QueueDeclared{kQueue, "/", "q", {}}, ExchangeDeclared{{2}, "/", "e", {}},
                       ProducerAdvanced{"/", "billing", 12, 1, {{6, 8}, {12, 12}}},
                       MessagePublished{{7}, std::move(exact), {{.queue = kQueue}}},
                       MessagePublished{{8}, MessageWithBody("m"), {{.queue = kQueue}}},
                       EntryUpdated{{8}, {.queue = kQueue, .delivery_count = 1}}});
  journal.reset();
  const std::string sound = url_;
  for (const auto& [damage, named] : kCases) {
    SCOPED_TRACE(damage);
    url_ = testing::PostgresServer::Shared().CreateDatabase(
        "TEMPLATE " + DatabaseOf(sound));
    Execute(damage);
    auto damaged = PostgresJournal::Open(Options(), nullptr);
    absl::Status status = damaged.status();
    if (damaged.ok()) {
      status = (*damaged)->Recover([](const Record& /*record*/) { return absl::OkStatus(); });
    }
    EXPECT_FALSE(status.ok());
    if (!named.empty()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    }
    for (const std::string& name : named) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    }
  }
}

TEST_F(PostgresStore, RowsOfALaterVersionAreRefusedWithoutBeingCalledDamaged) {
  auto journal = Begin();
  AppendAll(*journal, {QueueDeclared{kQueue, "/", "q", {}}});
  journal.reset();
  // The version stands behind checksum and length; the checksum is of what follows it.
  std::string frame = absl::HexStringToBytes(
      Execute("SELECT encode(record, 'hex') FROM warren.queues"));
  frame[8] = 99;
  frame.resize(8 + 2);
  std::string head(8, '\0');
  head.append(frame.substr(8));
  ASSERT_TRUE(SealFrame(head, 0, "").ok());
  Execute("UPDATE warren.queues SET record = '\\x" + absl::BytesToHexString(head) + "'");
  const absl::Status status = RecoverError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("warren.queues"), HasSubstr("99")));
}

// A file system of its own for the database, so small that it is soon full.
class SmallDisk {
 public:
  SmallDisk() {
    path_ = ::testing::TempDir() + "warren-small-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) return;
    mounted_ = mount("warren", path_.c_str(), "tmpfs", 0, "size=40m,mode=0777") == 0;
    reason_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

  bool mounted() const { return mounted_; }
  const std::string& reason() const { return reason_; }
  const std::string& path() const { return path_; }

  // Takes all the room that is left.
  void Fill() {
    std::ofstream filler(path_ + "/filler", std::ios::binary);
    const std::string block(64 << 10, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void MakeRoom() { fs::remove(path_ + "/filler"); }

 private:
  std::string path_;
  std::string reason_;
  bool mounted_ = false;
};

TEST_F(PostgresStore, FullDiskIsSatOutAndNothingIsLost) {
  SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "can't mount a small file system: " << disk.reason();
  const std::string place = disk.path() + "/space";
  fs::create_directory(place);
  fs::permissions(place, fs::perms::all);
  // The directory of a table space has to be the server's own.
  const std::string data = testing::PostgresServer::Execute(url_, "SHOW data_directory");
  struct stat owner {};
  ASSERT_EQ(stat(data.c_str(), &owner), 0);
  ASSERT_EQ(chown(place.c_str(), owner.st_uid, owner.st_gid), 0);
  Execute("CREATE TABLESPACE small LOCATION '" + place + "'");
  url_ = testing::PostgresServer::Shared().CreateDatabase("TABLESPACE small");

  Observer observer([&disk](int) { disk.MakeRoom(); });
  auto journal = Begin(&observer);
  disk.Fill();
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i) {
    PassBy(*journal, 20);
    if (i % 20 == 10) disk.Fill();
  }
  EXPECT_GT(observer.stalls, 0);
  EXPECT_GT(observer.resumes, 0);
  EXPECT_THAT(observer.last_reason, HasSubstr("disk is full"));
  journal.reset();
  ExpectRecovered();
  Operator elsewhere(testing::PostgresServer::Shared().CreateDatabase());
  elsewhere.Run("DROP DATABASE " + DatabaseOf(url_) + " WITH (FORCE)");
  elsewhere.Run("DROP TABLESPACE small");
}

}  // namespace
}  // namespace warren::storage
