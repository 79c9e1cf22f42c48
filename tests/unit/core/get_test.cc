// Get through the whole broker: what bounds one answer.
#include <string>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "server/core/broker.h"

namespace warren::core {
namespace {

constexpr int64_t kNow = 1'000;

// The deliveries of one Get of up to `max_messages` from a queue with these bodies.
size_t DeliveriesOfOneGet(const std::vector<size_t>& body_sizes, uint32_t max_messages) {
  Broker broker({});
  broker.FinishRecovery(kNow);
  Effects effects;
  broker.Step(kNow, DeclareQueue{{1}, "/", "q", storage::QueueOptions()}, effects);
  broker.Step(kNow, OpenPublisher{{2}, "/", "", false}, effects);
  Publish publish{.publisher = {2}};
  for (const size_t size : body_sizes) {
    Publication publication{.message = storage::MakeRef<storage::Message>()};
    publication.message->routing_key = storage::SharedString("q");
    publication.message->body = storage::SharedString(std::string(size, 'x'));
    publish.publications.push_back(std::move(publication));
  }
  broker.Step(kNow, std::move(publish), effects);
  effects.clear();
  broker.Step(kNow, Get{.request = {3}, .virtual_host = "/", .queue = "q",
                        .max_messages = max_messages}, effects);
  const auto& replied = std::get<Replied>(effects.back());
  return std::get<GetResult>(replied.result).deliveries.size();
}

TEST(Get, GivesNoMoreThanAskedFor) { EXPECT_EQ(DeliveriesOfOneGet({1, 1, 1}, 2), 2); }

TEST(Get, StopsBeforeTheBytesOfAnAnswerGrowTooLarge) {
  constexpr size_t kTwelveMiB = size_t{12} << 20;
  EXPECT_EQ(DeliveriesOfOneGet({kTwelveMiB, kTwelveMiB, kTwelveMiB}, 10), 2);
}

TEST(Get, OneLargerMessageComesAlone) {
  EXPECT_EQ(DeliveriesOfOneGet({size_t{40} << 20, 1}, 10), 1);
}

}  // namespace
}  // namespace warren::core
