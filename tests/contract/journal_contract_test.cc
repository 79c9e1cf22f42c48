// What storage/journal.h promises, tested for every backend. A backend is something that journals
// can be opened on again and again; closing one is what the end of a process is to it.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "storage/journal.h"
#include "storage/live_state.h"
#include "storage/memory/memory_journal.h"
#include "storage/postgres/postgres_journal.h"
#include "storage/rocksdb/rocksdb_journal.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"
#include "tests/support/postgres_server.h"

namespace warren::storage {
namespace {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Journal> Open() = 0;
};

class MemoryBackend : public Backend {
 public:
  std::unique_ptr<Journal> Open() override { return std::make_unique<MemoryJournal>(store_); }

 private:
  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
};

class RocksDbBackend : public Backend {
 public:
  std::unique_ptr<Journal> Open() override {
    auto journal = RocksDbJournal::Open({.path = directory_.path()}, nullptr);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }

 private:
  const TemporaryDirectory directory_;
};

class PostgresBackend : public Backend {
 public:
  std::unique_ptr<Journal> Open() override {
    // Segments so small that they are made, moved and dropped all the time.
    auto journal = PostgresJournal::Open(
        {.access = {.url = url_}, .segments = {.bytes = 20'000, .move_bytes = 3'000}}, nullptr);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return journal.ok() ? *std::move(journal) : nullptr;
  }

 private:
  const std::string url_ = testing::PostgresServer::Shared().CreateDatabase();
};

struct BackendParam {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

std::unique_ptr<Backend> MakePostgresIfInstalled() {
  if (!testing::PostgresServer::Installed()) return nullptr;
  return std::make_unique<PostgresBackend>();
}

class JournalContract : public ::testing::TestWithParam<BackendParam> {
 protected:
  void SetUp() override {
    backend_ = GetParam().make();
    if (!backend_) GTEST_SKIP() << testing::PostgresServer::kNotInstalled;
    journal_ = backend_->Open();
    ASSERT_TRUE(journal_);
  }

  void Reopen() {
    journal_.reset();
    journal_ = backend_->Open();
    lsn_ = Lsn{};
  }

  void Append(std::vector<Record> records) {
    lsn_.value += 1;
    const absl::Status status = journal_->Append({.lsn = lsn_, .records = std::move(records)});
    ASSERT_TRUE(status.ok()) << status;
    journal_->Maintain();
  }

  // What a broker finds that starts now.
  std::vector<Record> AfterRestart() {
    Reopen();
    return Recovered(*journal_);
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Journal> journal_;
  Lsn lsn_;
};

constexpr ExchangeId kExchange{1};
constexpr QueueId kQueue{2};
constexpr QueueId kOther{3};
constexpr MessageId kMessage{10};

MessagePublished InBothQueues() {
  return {kMessage, MessageWithBody("body"), {{.queue = kQueue}, {.queue = kOther}}};
}

TEST_P(JournalContract, NewStoreRecoversNothing) {
  EXPECT_TRUE(Recovered(*journal_).empty());
  EXPECT_TRUE(AfterRestart().empty());
}

TEST_P(JournalContract, RecoversInThePromisedOrder) {
  // Written in the opposite order, and with descending ids.
  std::vector<Record> records;
  for (const uint64_t id : {300, 299, 2, 1}) {
    records.push_back(MessagePublished{{id}, MessageWithBody("m"), {{.queue = kQueue}}});
    records.push_back(MessageIdSeen{{}, {id}, "seen", 1});
    records.push_back(ProducerAdvanced{"/", std::to_string(id), id, 1, {}});
    records.push_back(QueueServing{{id}, true, {}});
    records.push_back(BindingAdded{.id = {id}, .source = kExchange, .queue = {id}});
    records.push_back(QueueDeclared{{id}, "/", std::to_string(id), {}});
    records.push_back(ExchangeDeclared{{id}, "/", std::to_string(id), {}});
    records.push_back(VirtualHostDeclared{std::to_string(id)});
    records.push_back(PolicyPut{{.virtual_host = "/", .name = std::to_string(id)}});
    records.push_back(UserPut{{.name = std::to_string(id)}});
  }
  records.push_back(IdsReserved{1000});
  Append(records);
  const std::vector<Record> recovered = AfterRestart();
  EXPECT_TRUE(InPromisedOrder(recovered));
  EXPECT_TRUE(SameState(recovered, records));
}

TEST_P(JournalContract, LatestDeclarationOfAnIdIsRecovered) {
  Append({IdsReserved{10}, QueueServing{kQueue, true, {}},
          ProducerAdvanced{"/", "p", 1, 1, {{1, 1}}}, MessageIdSeen{{}, kQueue, "m", 1},
          VirtualHostDeclared{"/"}, UserPut{{.name = "u", .tags = {"administrator"}}},
          PolicyPut{{.virtual_host = "/", .name = "p", .pattern = "^a"}}});
  const std::vector<Record> latest = {IdsReserved{20}, QueueServing{kQueue, false, {7}},
                                      ProducerAdvanced{"/", "p", 2, 2, {{2, 2}}},
                                      MessageIdSeen{{}, kQueue, "m", 2},
                                      VirtualHostDeclared{"/", true, {7, std::nullopt, 0}},
                                      UserPut{{.name = "u",
                                               .password_hash = "hash",
                                               .certificates = {"cn:u"},
                                               .tags = {"monitoring", "a'b\"c\\"},
                                               .permissions = {{"/", "a", "b", "c"}}}},
                                      PolicyPut{{.virtual_host = "/",
                                                 .name = "p",
                                                 .pattern = "^'b\"\\.",
                                                 .target = PolicyTarget::kQueues,
                                                 .priority = -3,
                                                 .queue = {.message_ttl_ms = 5,
                                                           .max_length = 7,
                                                           .dead_letter_exchange = "dlx"},
                                                 .alternate_exchange = "ae"}}};
  Append(latest);
  EXPECT_TRUE(SameState(AfterRestart(), latest));
}

// As many runs as there ever are, and such as leave no number out.
TEST_P(JournalContract, RefusedSequencesOfAProducerAreRecovered) {
  std::vector<SequenceRun> every_other;
  for (uint64_t sequence = 1; sequence < 20'000; sequence += 2) {
    every_other.push_back({sequence, sequence});
  }
  const std::vector<Record> records = {
      ProducerAdvanced{"/", "few", 12, 1, {{6, 8}, {12, 12}}},
      ProducerAdvanced{"/", "many", 20'000, 1, every_other},
      ProducerAdvanced{"/", "most", UINT64_MAX, 1, {{0, UINT64_MAX - 2}, {UINT64_MAX, UINT64_MAX}}},
      ProducerAdvanced{"/", "none", 12, 1, {}}};
  Append(records);
  EXPECT_TRUE(SameState(AfterRestart(), records));
  const std::vector<Record> latest = {ProducerAdvanced{"/", "few", 13, 1, {}},
                                      ProducerAdvanced{"/", "many", 20'001, 1, {{1, 20'001}}},
                                      records[2], ProducerAdvanced{"/", "none", 13, 1, {{13, 13}}}};
  Append(latest);
  EXPECT_TRUE(SameState(AfterRestart(), latest));
}

TEST_P(JournalContract, WhatWasRemovedIsNotRecovered) {
  Append({ExchangeDeclared{kExchange, "/", "e", {}}, QueueDeclared{kQueue, "/", "q", {}},
          BindingAdded{.id = {4}, .source = kExchange, .queue = kQueue},
          ProducerAdvanced{"/", "p", 1, 1, {}}, MessageIdSeen{kExchange, {}, "m", 1},
          VirtualHostDeclared{"/", true}, UserPut{{.name = "u"}},
          PolicyPut{{.virtual_host = "/", .name = "p"}}});
  Append({BindingRemoved{{4}}, ExchangeDeleted{kExchange}, QueueDeleted{kQueue},
          ProducerForgotten{"/", "p"}, MessageIdForgotten{kExchange, {}, "m"},
          VirtualHostDeleted{"/"}, UserDeleted{"u"}, PolicyDeleted{"/", "p"}});
  EXPECT_TRUE(AfterRestart().empty());
}

TEST_P(JournalContract, DeletedQueueOrExchangeTakesItsServingAndItsWindowAlong) {
  const std::vector<Record> others = {QueueServing{kOther, true, {}},
                                      MessageIdSeen{{}, kOther, "m", 1},
                                      MessageIdSeen{ExchangeId{kQueue.value}, {}, "m", 1}};
  Append(others);
  Append({QueueServing{kQueue, true, {}}, MessageIdSeen{{}, kQueue, "m", 1},
          MessageIdSeen{{}, kQueue, "", 1}, MessageIdSeen{kExchange, {}, "\xff\xff", 1}});
  Append({QueueDeleted{kQueue}, ExchangeDeleted{kExchange}});
  EXPECT_TRUE(SameState(AfterRestart(), others));
}

TEST_P(JournalContract, MessageComesBackWithTheEntriesThatAreLeft) {
  Append({InBothQueues()});
  Append({EntryRemoved{kMessage, kQueue, false}});
  EXPECT_TRUE(SameState(AfterRestart(), {MessagePublished{
                                            kMessage, MessageWithBody("body"),
                                            {{.queue = kOther}}}}));
}

TEST_P(JournalContract, EntryComesBackWithItsLatestFacts) {
  const EntryFacts latest{.queue = kOther, .expires_at_ms = 5, .due_at_ms = 6, .delivery_count = 2};
  Append({InBothQueues(), EntryUpdated{kMessage, {.queue = kOther, .delivery_count = 1}}});
  Append({EntryUpdated{kMessage, latest}});
  EXPECT_TRUE(SameState(AfterRestart(), {MessagePublished{kMessage, MessageWithBody("body"),
                                                          {{.queue = kQueue}, latest}}}));
}

TEST_P(JournalContract, MessageThatIsInNoQueueAnyMoreIsGone) {
  Append({InBothQueues()});
  Append({EntryRemoved{kMessage, kQueue, false}, EntryUpdated{kMessage, {.queue = kOther}},
          EntryRemoved{kMessage, kOther, true}});
  EXPECT_TRUE(AfterRestart().empty());
  Append({InBothQueues(), EntryRemoved{kMessage, kQueue, false},
          EntryRemoved{kMessage, kOther, false}});
  EXPECT_TRUE(AfterRestart().empty()) << "although no removal was marked as the last";
}

TEST_P(JournalContract, RecordAboutWhatIsNotThereChangesNothing) {
  Append({EntryRemoved{kMessage, kQueue, false}, EntryUpdated{kMessage, {.queue = kQueue}},
          EntryRemoved{{11}, kQueue, true}, ExchangeDeleted{kExchange}, QueueDeleted{kQueue},
          BindingRemoved{{4}}, ProducerForgotten{"/", "p"}, MessageIdForgotten{{}, kQueue, "m"}});
  EXPECT_TRUE(AfterRestart().empty());
  Append({InBothQueues(), EntryRemoved{kMessage, kQueue, false}});
  Append({EntryUpdated{kMessage, {.queue = kQueue}}});
  EXPECT_TRUE(SameState(AfterRestart(), {MessagePublished{
                                            kMessage, MessageWithBody("body"),
                                            {{.queue = kOther}}}}))
      << "a removed entry must not be revived";
}

TEST_P(JournalContract, LargeBodiesComeBackWhole) {
  constexpr size_t kSize = size_t{20} << 20;
  std::string body(kSize, '\0');
  for (size_t i = 0; i < kSize; ++i) body[i] = static_cast<char>(i * 2654435761u >> 13);
  const std::vector<Record> records = {
      MessagePublished{{1}, MessageWithBody(body), {{.queue = kQueue}, {.queue = kOther}}},
      MessagePublished{{2}, MessageWithBody(body), {{.queue = kQueue}}}};
  Append(records);
  Append({EntryUpdated{{1}, {.queue = kQueue}}});
  EXPECT_TRUE(SameState(AfterRestart(), records));
}

TEST_P(JournalContract, MessageMayBeInManyQueues) {
  constexpr uint64_t kQueues = 5'000;
  MessagePublished message{kMessage, MessageWithBody("to all"), {}};
  for (uint64_t q = 1; q <= kQueues; ++q) message.entries.push_back({.queue = {q}});
  Append({message});
  std::vector<Record> removals;
  for (uint64_t q = 1; q < kQueues; ++q) removals.push_back(EntryRemoved{kMessage, {q}, false});
  Append(removals);
  message.entries = {message.entries.back()};
  EXPECT_TRUE(SameState(AfterRestart(), {message}));
}

TEST_P(JournalContract, EmptyBatchesAreFine) {
  Append({});
  Append({IdsReserved{5}});
  Append({});
  EXPECT_TRUE(SameState(AfterRestart(), {IdsReserved{5}}));
}

TEST_P(JournalContract, IdsMayBeAsLargeAsTheyGet) {
  constexpr uint64_t kLarge = uint64_t{1} << 63;
  const std::vector<Record> records = {
      IdsReserved{UINT64_MAX},
      ExchangeDeclared{{kLarge}, "/", "e", {}},
      QueueDeclared{{kLarge - 1}, "/", "q", {}},
      QueueDeclared{{kLarge}, "/", "r", {}},
      QueueServing{{UINT64_MAX}, false, {UINT64_MAX}},
      MessageIdSeen{{}, {UINT64_MAX}, "m", 1},
      MessagePublished{{255}, MessageWithBody("a"), {{.queue = {kLarge}}}},
      MessagePublished{{256}, MessageWithBody("b"), {{.queue = {kLarge}}}},
      MessagePublished{{UINT64_MAX}, MessageWithBody("c"), {{.queue = {kLarge}}}}};
  Append(records);
  const std::vector<Record> recovered = AfterRestart();
  EXPECT_TRUE(InPromisedOrder(recovered));
  EXPECT_TRUE(SameState(recovered, records));
  Append({QueueDeleted{{UINT64_MAX}}});
  EXPECT_EQ(AfterRestart().size(), records.size() - 2);
}

TEST_P(JournalContract, NamesMayHoldAnyBytes) {
  using namespace std::string_literals;
  std::string longest;
  while (longest.size() + 3 <= 255) longest += "\u20ac";
  std::vector<Record> records;
  uint64_t id = 0;
  for (const std::string& name : {""s, "\0"s, "a\0b"s, "a\0"s, "a"s, "\xff\xff"s, longest}) {
    ++id;
    records.push_back(VirtualHostDeclared{name});
    records.push_back(UserPut{{.name = name, .tags = {name}}});
    for (const std::string& other : {""s, "\0"s, "b"s, name}) {
      if (other == name && name != longest) continue;
      records.push_back(PolicyPut{{.virtual_host = name, .name = other, .pattern = name}});
    }
    records.push_back(ExchangeDeclared{{id}, name, name, {}});
    records.push_back(QueueDeclared{{id}, name, name, {}});
    records.push_back(
        BindingAdded{.id = {id}, .source = {id}, .exchange = {id}, .key = name});
    records.push_back(MessageIdSeen{{}, kQueue, name, 1});
    for (const std::string& producer : {""s, "\0"s, "b"s, name}) {
      if (producer == name && name != longest) continue;
      records.push_back(ProducerAdvanced{name, producer, id, 1, {}});
    }
  }
  Append(records);
  EXPECT_TRUE(SameState(AfterRestart(), records));
}

TEST_P(JournalContract, BatchThatIsNotTheNextIsRefused) {
  Append({IdsReserved{5}});
  EXPECT_EQ(journal_->Append({.lsn = {1}, .records = {IdsReserved{6}}}).code(),
            absl::StatusCode::kInternal);
  Reopen();
  EXPECT_EQ(journal_->Append({.lsn = {2}, .records = {IdsReserved{6}}}).code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(SameState(AfterRestart(), {IdsReserved{5}}));
}

TEST_P(JournalContract, ErrorOfTheSinkEndsTheRecovery) {
  Append({IdsReserved{5}, VirtualHostDeclared{"/"}, InBothQueues()});
  for (int taken_max = 0; taken_max < 3; ++taken_max) {
    Reopen();
    int taken = 0;
    const absl::Status status = journal_->Recover([&](const Record&) {
      return taken++ < taken_max ? absl::OkStatus() : absl::AbortedError("enough");
    });
    EXPECT_EQ(status, absl::AbortedError("enough"));
    EXPECT_EQ(taken, taken_max + 1);
  }
}

// Any history, cut into lives of any length, comes back as LiveState says.
TEST_P(JournalContract, RandomHistoriesSurviveReopening) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(SeedTrace(seed));
  History history(seed);
  Random random(seed);
  LiveState expected;
  for (int life = 0; life < 25; ++life) {
    for (uint64_t batches = random() % 40; batches > 0; --batches) {
      const Batch batch = history.Next();
      expected.Apply(batch);
      Append(batch.records);
      if (HasFatalFailure()) return;
    }
    const std::vector<Record> recovered = AfterRestart();
    ASSERT_TRUE(InPromisedOrder(recovered));
    ASSERT_TRUE(SameState(recovered, Emitted(expected))) << "in life " << life;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Backends, JournalContract,
    ::testing::Values(BackendParam{"Memory", [] { return std::make_unique<MemoryBackend>(); }},
                      BackendParam{"RocksDb", [] { return std::make_unique<RocksDbBackend>(); }},
                      BackendParam{"Postgres", MakePostgresIfInstalled}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace warren::storage
