// Messages leave memory and come back, through the whole broker. The spill is a map, and answers
// when the test says so.
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "server/core/broker.h"

namespace warren::core {
namespace {

constexpr uint64_t kMark = 2'000;  // of a few small messages
constexpr uint32_t kWindow = 3;

class Paging : public ::testing::Test {
 protected:
  Paging() {
    broker_.FinishRecovery(now_ms_);
    Declare("q", {});
    Step(OpenPublisher{kPublisher, "/", "", false});
  }

  void Step(Command command) {
    broker_.Step(now_ms_, std::move(command), effects_);
    while (broker_.HasPendingRecords()) {
      broker_.Step(now_ms_, Durable{broker_.TakeBatch().lsn}, effects_);
    }
    broker_.CheckInvariants();
  }
  void Declare(const std::string& name, storage::QueueOptions options) {
    Step(DeclareQueue{{1}, "/", name, std::move(options)});
  }
  void Publish(const std::string& queue, int first, int last) {
    core::Publish publish{.publisher = kPublisher, .first_sequence = next_sequence_};
    for (int number = first; number <= last; ++number, ++next_sequence_) {
      Publication publication{.message = storage::MakeRef<storage::Message>()};
      publication.message->routing_key = storage::SharedString(queue);
      publication.message->body = storage::SharedString("a body with number " + std::to_string(number));
      publish.publications.push_back(std::move(publication));
    }
    Step(std::move(publish));
  }
  void StartConsumer(const std::string& queue, uint32_t prefetch) {
    Step(core::Subscribe{.consumer = kConsumer,
                         .virtual_host = "/",
                         .queue = queue,
                         .consumer_name = "c",
                         .prefetch = {.messages = prefetch}});
  }

  // The spill does all that it has been asked for. False if there was nothing.
  bool Answer(bool full = false) {
    if (!broker_.HasPageWork()) return false;
    PageWork work = broker_.TakePageWork();
    Paged moved;
    for (PageOut& out : work.out) {
      const storage::SpillHandle page{full ? 0 : ++last_page_};
      if (page) pages_[page.value] = std::move(out.content);
      moved.out.push_back({out.id, page});
    }
    for (const PageIn& in : work.in) {
      moved.in.push_back({in.id, std::move(pages_.at(in.page.value))});
      pages_.erase(in.page.value);
    }
    for (const storage::SpillHandle page : work.dropped) EXPECT_EQ(pages_.erase(page.value), 1U);
    Step(std::move(moved));
    return true;
  }
  void Rest() {
    while (Answer()) {
    }
  }

  // The sweep goes round with the steps, until there is nothing more to send.
  void SendAllAway() {
    for (int i = 0; i < 20; ++i) {
      now_ms_ += 1'000;
      Step(Tick{});
      Rest();
    }
  }

  // Numbers of what has been delivered since the last call.
  std::vector<int> Delivered() {
    std::vector<int> numbers;
    const auto add = [&](const Delivery& delivery) {
      const std::string& body = delivery.message->body.str();
      numbers.push_back(std::stoi(body.substr(body.rfind(' '))));
      last_tag_ = delivery.tag;
    };
    for (const Effect& effect : effects_) {
      if (const auto* delivered = std::get_if<core::Delivered>(&effect)) add(delivered->delivery);
      if (const auto* replied = std::get_if<Replied>(&effect)) {
        const auto* got = std::get_if<GetResult>(&replied->result);
        if (got != nullptr) for (const Delivery& delivery : got->deliveries) add(delivery);
      }
    }
    effects_.clear();
    return numbers;
  }
  void AckAll() {
    Step(Settle{.consumer = kConsumer, .settlements = {{.up_to = last_tag_}}});
  }
  uint64_t Away() const { return broker_.usage().paged_messages; }

  static constexpr PublisherId kPublisher{2};
  static constexpr ConsumerId kConsumer{3};

  Broker broker_{{.page_out_above_bytes = kMark, .page_window_messages = kWindow}};
  int64_t now_ms_ = 1'000;
  Effects effects_;
  std::map<uint64_t, storage::MessagePtr> pages_;
  uint64_t last_page_ = 0;
  uint64_t next_sequence_ = 1;
  DeliveryTag last_tag_;
};

std::vector<int> FromTo(int first, int last) {
  std::vector<int> numbers;
  for (int number = first; number <= last; ++number) numbers.push_back(number);
  return numbers;
}

TEST_F(Paging, ABacklogLeavesMemoryAndComesBackInOrderAheadOfNeed) {
  Publish("q", 1, 200);
  Rest();
  EXPECT_GT(Away(), 150U);
  EXPECT_EQ(pages_.size(), Away());
  StartConsumer("q", 2);
  std::vector<int> all;
  while (all.size() < 200) {
    const std::vector<int> some = Delivered();
    if (some.empty()) {
      ASSERT_TRUE(Answer()) << "stuck after " << all.size();
      continue;
    }
    all.insert(all.end(), some.begin(), some.end());
    AckAll();
  }
  Rest();
  EXPECT_EQ(all, FromTo(1, 200));
  EXPECT_EQ(Away(), 0U);
  EXPECT_TRUE(pages_.empty());
  EXPECT_EQ(broker_.usage().memory_bytes, 0U);
}

TEST_F(Paging, NothingLeavesBelowTheMark) {
  Publish("q", 1, 5);
  EXPECT_FALSE(broker_.HasPageWork());
}

TEST_F(Paging, ConsumersThatKeepUpAreServedFromMemory) {
  Publish("q", 1, 200);  // another queue's, which fills the memory
  Rest();
  Declare("busy", {});
  StartConsumer("busy", 2);
  Publish("busy", 1, 2);
  EXPECT_EQ(Delivered(), FromTo(1, 2));
}

TEST_F(Paging, WhatIsNeededWhileItLeavesIsDeliveredFromMemory) {
  Publish("q", 1, 200);
  ASSERT_TRUE(broker_.HasPageWork());
  StartConsumer("q", 500);
  EXPECT_EQ(Delivered(), FromTo(1, 200));
  Rest();
  EXPECT_EQ(Away(), 0U);
  EXPECT_TRUE(pages_.empty());
}

TEST_F(Paging, AFullSpillLeavesMessagesInMemoryAndIsTriedAgainLater) {
  Publish("q", 1, 100);
  ASSERT_TRUE(Answer(/*full=*/true));
  EXPECT_EQ(Away(), 0U);
  Publish("q", 101, 110);
  EXPECT_FALSE(broker_.HasPageWork());
  now_ms_ += 1'000;
  Publish("q", 111, 120);
  EXPECT_TRUE(broker_.HasPageWork());
  Rest();
  EXPECT_GE(Away(), 10U);
}

TEST_F(Paging, WhatStayedFollowsWhenEntriesAloneFillTheMemory) {
  Publish("q", 1, 10);  // these had room
  Rest();
  Publish("q", 11, 400);
  Rest();
  SendAllAway();
  EXPECT_EQ(Away(), 400U);
}

TEST_F(Paging, AGetWaitsForWhatIsAway) {
  Publish("q", 1, 400);
  SendAllAway();
  Delivered();
  Step(Get{.request = {9}, .virtual_host = "/", .queue = "q", .max_messages = 2});
  EXPECT_TRUE(effects_.empty());
  ASSERT_TRUE(Answer());
  EXPECT_EQ(Delivered(), FromTo(1, 2));
}

TEST_F(Paging, AGetIsAnsweredWhenItsQueueIsDeletedMeanwhile) {
  Publish("q", 1, 400);
  SendAllAway();
  Step(Get{.request = {9}, .virtual_host = "/", .queue = "q"});
  effects_.clear();
  Step(DeleteQueue{.request = {10}, .virtual_host = "/", .name = "q"});
  bool answered = false;
  for (const Effect& effect : effects_) {
    const auto* replied = std::get_if<Replied>(&effect);
    if (replied == nullptr || replied->request != RequestId{9}) continue;
    answered = true;
    EXPECT_EQ(replied->status.code(), absl::StatusCode::kNotFound);
  }
  EXPECT_TRUE(answered);
  Rest();
  EXPECT_TRUE(pages_.empty());
}

TEST_F(Paging, AGetIsAnsweredWhenWhatItWaitsForIsPurgedMeanwhile) {
  Publish("q", 1, 400);
  SendAllAway();
  Step(Get{.request = {9}, .virtual_host = "/", .queue = "q"});
  Step(PurgeQueue{.request = {10}, .virtual_host = "/", .name = "q"});
  effects_.clear();
  Rest();
  bool answered = false;
  for (const Effect& effect : effects_) {
    const auto* replied = std::get_if<Replied>(&effect);
    if (replied == nullptr || replied->request != RequestId{9}) continue;
    answered = true;
    EXPECT_TRUE(replied->status.ok()) << replied->status;
  }
  EXPECT_TRUE(answered);
  EXPECT_TRUE(pages_.empty());
}

TEST_F(Paging, AMoveTakesAllThatIsAwayPartByPartAndInOrder) {
  Declare("to", {});
  Publish("q", 1, 100);
  SendAllAway();
  ASSERT_GT(Away(), 90U);
  uint64_t moved = 0;
  for (uint64_t request = 100; moved < 100; ++request) {
    ASSERT_LT(request, 250U);
    effects_.clear();
    Step(MoveMessages{.request = {request},
                      .virtual_host = "/",
                      .source = "q",
                      .destination = "to",
                      .max_messages = 40});
    Rest();
    uint64_t now = 0;
    for (const Effect& effect : effects_) {
      const auto* replied = std::get_if<Replied>(&effect);
      if (replied == nullptr || replied->request != RequestId{request}) continue;
      now = std::get<MoveResult>(replied->result).moved;
    }
    ASSERT_GT(now, 0U) << "a move that waited for content must get on";
    moved += now;
  }
  EXPECT_EQ(moved, 100U);
  Delivered();
  StartConsumer("to", 1'000);
  Rest();
  EXPECT_EQ(Delivered(), FromTo(1, 100));
}

TEST_F(Paging, AMoveIsAnsweredWhenAnEndOfItIsDeletedMeanwhile) {
  for (const std::string gone : {"from", "to"}) {
    Declare("from", {});
    Declare("to", {});
    Publish("from", 1, 100);
    SendAllAway();
    Step(MoveMessages{.request = {9}, .virtual_host = "/", .source = "from", .destination = "to"});
    effects_.clear();
    Step(DeleteQueue{.request = {10}, .virtual_host = "/", .name = gone});
    Rest();
    bool answered = false;
    for (const Effect& effect : effects_) {
      const auto* replied = std::get_if<Replied>(&effect);
      if (replied == nullptr || replied->request != RequestId{9}) continue;
      answered = true;
      EXPECT_EQ(replied->status.code(), absl::StatusCode::kNotFound) << gone;
    }
    EXPECT_TRUE(answered) << gone;
    Step(DeleteQueue{.request = {11}, .virtual_host = "/", .name = gone == "from" ? "to" : "from"});
    Rest();
  }
  EXPECT_TRUE(pages_.empty());
}

TEST_F(Paging, WhatDiesWhileAwayIsDeadLetteredWholeAndInOrder) {
  Declare("dead", {});
  Declare("short-lived",
          {.message_ttl_ms = 50, .dead_letter_exchange = "", .dead_letter_routing_key = "dead"});
  Publish("short-lived", 1, 100);
  Rest();
  EXPECT_GT(Away(), 50U);
  now_ms_ += 100;
  Step(Tick{});
  Rest();
  EXPECT_EQ(broker_.usage().dead_lettered_total, 100U);
  Delivered();
  StartConsumer("dead", 1'000);
  Rest();
  EXPECT_EQ(Delivered(), FromTo(1, 100));
}

TEST_F(Paging, WhatEndsWhileAwayGivesItsPageUp) {
  Publish("q", 1, 200);
  Rest();
  ASSERT_FALSE(pages_.empty());
  Step(PurgeQueue{.request = {9}, .virtual_host = "/", .name = "q"});
  Rest();
  EXPECT_TRUE(pages_.empty());
  EXPECT_EQ(broker_.usage().memory_bytes, 0U);
}

TEST_F(Paging, WhatWasFetchedLeavesWithTheLastConsumer) {
  Publish("q", 1, 400);
  SendAllAway();
  StartConsumer("q", 1);
  Rest();
  EXPECT_LT(Away(), 400U);
  Step(CloseConsumer{kConsumer});
  Rest();
  EXPECT_EQ(Away(), 400U);
}

}  // namespace
}  // namespace warren::core
