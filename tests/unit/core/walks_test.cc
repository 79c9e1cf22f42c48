// Goal: walks in parts find what stays exactly once, whatever comes and goes meanwhile, and no part
// looks at more than it may; peeking shows entries as ListEntries has them, page by page.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/small_broker.h"

namespace warren::core {
namespace {

class Walks : public SmallBroker {
 protected:
  void Declare(const std::string& name, const storage::QueueOptions& options = {}) {
    Step(DeclareQueue{{100}, "/", name, options});
  }

  void PublishTo(const std::string& queue, uint8_t priority = 0, int64_t delay_ms = 0,
                 std::optional<int64_t> ttl_ms = std::nullopt) {
    Publication publication = NewPublication("", queue);
    publication.message->body = storage::SharedString(std::to_string(sequence_));
    publication.message->priority = priority;
    publication.message->expiration_ms = ttl_ms;
    publication.delay_ms = delay_ms;
    PublishOne(std::move(publication));
  }

  storage::QueueId IdOf(const std::string& queue) { return *broker_.FindQueue("/", queue); }

  std::vector<uint64_t> PeekAll(const std::string& queue, size_t page,
                                std::optional<EntryPlace> only = std::nullopt) {
    std::vector<uint64_t> ids;
    EntryMark mark;
    for (int pages = 0; pages < 1'000; ++pages) {
      const auto part = broker_.Peek(IdOf(queue), mark, only, page);
      EXPECT_LE(part.items.size(), page);
      for (const EntryView& entry : part.items) ids.push_back(entry.message_id.value);
      mark = part.last;
      if (part.done) return ids;
    }
    ADD_FAILURE() << "never done";
    return ids;
  }

  std::vector<uint64_t> ListAll(const std::string& queue) {
    std::vector<uint64_t> ids;
    for (const EntryView& entry : broker_.ListEntries(IdOf(queue))) {
      ids.push_back(entry.message_id.value);
    }
    return ids;
  }

  static bool All(const std::string&, const std::string&) { return true; }
};

TEST_F(Walks, WhatStaysIsFoundOnceWhileOthersComeAndGo) {
  for (int i = 0; i < 50; ++i) Declare("stays" + std::to_string(i));
  for (int i = 0; i < 50; ++i) Declare("goes" + std::to_string(i));
  std::multiset<std::string> found;
  storage::QueueId after;
  for (int round = 0;; ++round) {
    const auto part = broker_.WalkQueues(after, {.items = 7, .looks = 10}, All);
    for (const QueueDetails& queue : part.items) found.insert(queue.figures.name);
    after = part.last;
    if (part.done) break;
    Step(DeleteQueue{{100}, "/", "goes" + std::to_string(round)});
    Declare("comes" + std::to_string(round));
    ASSERT_LT(round, 100);
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(found.count("stays" + std::to_string(i)), 1U) << i;
}

TEST_F(Walks, APartLooksAtNoMoreThanItMay) {
  for (int i = 0; i < 100; ++i) Declare("q" + std::to_string(i));
  int looks = 0;
  const auto none = [&looks](const std::string&, const std::string&) {
    ++looks;
    return false;
  };
  auto part = broker_.WalkQueues({}, {.items = 10, .looks = 30}, none);
  EXPECT_EQ(looks, 30);
  EXPECT_FALSE(part.done);
  part = broker_.WalkQueues(part.last, {.items = 10, .looks = 100}, none);
  EXPECT_EQ(looks, 100);
  EXPECT_TRUE(part.done);
}

TEST_F(Walks, BindingsAreFoundOnceAcrossExchanges) {
  for (int x = 0; x < 10; ++x) {
    const std::string exchange = "x" + std::to_string(x);
    Step(DeclareExchange{{100}, "/", exchange, storage::ExchangeOptions{}});
    Declare("q" + std::to_string(x));
    for (int b = 0; b < x; ++b) {
      Step(Bind{{100}, "/",
                {.source = exchange, .destination = "q" + std::to_string(b), .key = "k"}});
    }
  }
  std::multiset<std::string> found;
  BindingPlace after;
  for (int parts = 0;; ++parts) {
    ASSERT_LT(parts, 100);
    const auto part = broker_.WalkBindings(
        after, {.items = 4, .looks = 6},
        [](const std::string&, const std::string&, const std::string&) { return true; });
    for (const BindingView& b : part.items) {
      found.insert(b.binding.source + b.binding.destination);
    }
    after = part.last;
    if (part.done) break;
  }
  EXPECT_EQ(found.size(), 45U);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 45U);
  EXPECT_EQ(broker_.usage().bindings, 45U);
}

TEST_F(Walks, PeekShowsEachPlaceInItsOrder) {
  Declare("q", {.max_priority = 5});
  for (int i = 0; i < 30; ++i) PublishTo("q", static_cast<uint8_t>(i % 7), 0, 100'000 + i);
  for (int i = 0; i < 30; ++i) PublishTo("q", 0, 1'000 + (i * 7) % 11);
  Step(Get{.request = {101}, .virtual_host = "/", .queue = "q", .max_messages = 5});
  const std::vector<uint64_t> all = ListAll("q");
  ASSERT_EQ(all.size(), 60U);
  for (const size_t page : {1, 3, 7, 60, 100}) EXPECT_EQ(PeekAll("q", page), all) << page;
  EXPECT_EQ(PeekAll("q", 4, EntryPlace::kReady).size(), 25U);
  EXPECT_EQ(PeekAll("q", 4, EntryPlace::kDelayed).size(), 30U);
  EXPECT_EQ(PeekAll("q", 4, EntryPlace::kUnsettled).size(), 5U);
}

TEST_F(Walks, PeekFindsDelayedOnesBehindManyThatExpire) {
  Declare("q");
  for (int i = 0; i < 300; ++i) PublishTo("q", 0, 0, 50);
  PublishTo("q", 0, 1'000);
  EXPECT_EQ(PeekAll("q", 10, EntryPlace::kDelayed).size(), 1U);
}

TEST_F(Walks, PeekChangesNothing) {
  Declare("q");
  for (int i = 0; i < 10; ++i) PublishTo("q");
  const Usage before = broker_.usage();
  PeekAll("q", 3);
  EXPECT_EQ(broker_.usage().delivered_total, before.delivered_total);
  EXPECT_FALSE(broker_.HasPendingRecords());
  for (const EntryView& entry : broker_.ListEntries(IdOf("q"))) {
    EXPECT_EQ(entry.delivery_count, 0U);
    EXPECT_FALSE(entry.redelivered);
  }
}

TEST_F(Walks, PeekOfAQueueThatIsGoneIsDone) {
  EXPECT_TRUE(broker_.Peek({12'345}, {}, std::nullopt, 10).done);
}

TEST_F(Walks, AMarkThatNobodyGaveOutShowsAPlaceAtMost) {
  Declare("q");
  for (int i = 0; i < 5; ++i) PublishTo("q");
  for (const EntryPlace place :
       {EntryPlace::kReady, EntryPlace::kDelayed, EntryPlace::kUnsettled, EntryPlace::kHeld}) {
    for (const uint64_t number : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      EXPECT_LE(broker_.Peek(IdOf("q"), {place, number, number}, std::nullopt, 10).items.size(), 5U);
    }
  }
}

TEST_F(Walks, SumsOfAVirtualHostAreThoseOfItsQueues) {
  Step(DeclareVirtualHost{{100}, "other"});
  Declare("q");
  for (int i = 0; i < 4; ++i) PublishTo("q");
  PublishTo("q", 0, 1'000);
  Step(Get{.request = {101}, .virtual_host = "/", .queue = "q"});
  const auto part = broker_.WalkVirtualHosts("", {}, [](const std::string&) { return true; });
  ASSERT_EQ(part.items.size(), 2U);
  EXPECT_EQ(part.items[0].name, "/");
  EXPECT_EQ(part.items[0].queues, 1U);
  EXPECT_EQ(part.items[0].exchanges, 6U);
  EXPECT_EQ(part.items[0].ready, 3U);
  EXPECT_EQ(part.items[0].delayed, 1U);
  EXPECT_EQ(part.items[0].unsettled, 1U);
  EXPECT_EQ(part.items[1].ready, 0U);
}

}  // namespace
}  // namespace warren::core
