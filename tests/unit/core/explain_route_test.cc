// Goal: what ExplainRoute says is what publishing does. Method: random topologies of all types of
// exchanges, bound to each other in circles and with alternate exchanges; each explanation against
// the queues that a message published so has reached, and its steps against the topology.
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/small_broker.h"

namespace warren::core {
namespace {

using storage::ExchangeType;

class ExplainRoute : public SmallBroker {
 protected:
  void Declare(const std::string& name, storage::ExchangeOptions options) {
    Step(DeclareExchange{{100}, "/", name, options});
  }
  void DeclareQueueOf(const std::string& name, storage::QueueOptions options = {}) {
    Step(DeclareQueue{{100}, "/", name, options});
  }
  void BindTo(BindingSpec spec) { Step(Bind{{100}, "/", std::move(spec)}); }

  void PublishTo(const std::string& exchange, const std::string& key,
                 const storage::Headers& headers = {}) {
    Publication publication = NewPublication(exchange, key);
    auto properties = std::make_unique<storage::Properties>();
    properties->headers = headers;
    publication.message->properties = std::move(properties);
    PublishOne(std::move(publication));
  }

  // Names of the queues that have messages, which are purged.
  std::set<std::string> TakeReached() {
    std::set<std::string> reached;
    for (const QueueView& queue : broker_.ListQueues()) {
      if (queue.ready == 0) continue;
      EXPECT_EQ(queue.ready, 1U) << queue.name;
      reached.insert(queue.name);
      Step(PurgeQueue{{100}, "/", queue.name});
    }
    return reached;
  }

  RouteExplanation Explain(const std::string& exchange, const std::string& key,
                           const storage::Headers& headers = {}) {
    auto explained = broker_.ExplainRoute("/", exchange, key, headers);
    EXPECT_TRUE(explained.ok()) << explained.status();
    return explained.ok() ? *std::move(explained) : RouteExplanation();
  }
};

std::set<std::string> QueuesOf(const RouteExplanation& explanation) {
  std::set<std::string> queues;
  for (const Route& route : explanation.routes) EXPECT_TRUE(queues.insert(route.queue).second);
  EXPECT_EQ(queues.size(), explanation.queues);
  EXPECT_EQ(queues.empty(), !explanation.unroutable.empty());
  return queues;
}

// Each step begins where the one before ended, and the last ends at the queue.
void CheckSteps(const std::string& exchange, const Route& route) {
  std::string at = exchange;
  for (size_t i = 0; i < route.steps.size(); ++i) {
    const RouteStep& step = route.steps[i];
    const bool last = i + 1 == route.steps.size();
    if (!step.binding) {
      ASSERT_FALSE(last);
      at = step.alternate_exchange;
      continue;
    }
    EXPECT_EQ(step.binding->source, at);
    EXPECT_EQ(step.binding->destination_kind == DestinationKind::kQueue, last);
    at = step.binding->destination;
  }
  EXPECT_EQ(at, route.queue);
}

TEST_F(ExplainRoute, SaysWhatPublishingDoesInAnyTopology) {
  static constexpr ExchangeType kTypes[] = {ExchangeType::kDirect, ExchangeType::kFanout,
                                            ExchangeType::kTopic, ExchangeType::kHeaders};
  static const std::vector<std::string> kPatterns = {"a", "b", "a.b", "a.*", "#", "*.b", "a.#", ""};
  static const std::vector<std::string> kKeys = {"a", "b", "a.b", "a.b.c", "c", ""};
  std::mt19937_64 random(20'261'125);
  const auto below = [&random](uint64_t n) { return random() % n; };
  int reached_any = 0;
  for (int round = 0; round < 60; ++round) {
    const std::string suffix = "-" + std::to_string(round);
    std::vector<std::string> exchanges;
    std::vector<std::string> queues;
    const uint64_t count = 2 + below(6);
    for (uint64_t i = 0; i < count; ++i) exchanges.push_back("x" + std::to_string(i) + suffix);
    for (uint64_t i = 0; i < 1 + below(6); ++i) queues.push_back("q" + std::to_string(i) + suffix);
    for (const std::string& name : exchanges) {
      storage::ExchangeOptions options{.type = kTypes[below(4)]};
      if (below(3) == 0) options.alternate_exchange = exchanges[below(count)];
      Declare(name, options);
    }
    for (const std::string& name : queues) DeclareQueueOf(name);
    for (uint64_t i = below(25); i > 0; --i) {
      BindingSpec spec{.source = exchanges[below(count)], .key = kPatterns[below(kPatterns.size())]};
      const bool to_queue = below(2) == 0;
      spec.destination_kind = to_queue ? DestinationKind::kQueue : DestinationKind::kExchange;
      spec.destination = to_queue ? queues[below(queues.size())] : exchanges[below(count)];
      if (below(2) == 0) {
        spec.arguments = {{"h", {static_cast<int64_t>(below(2))}}};
        if (below(2) == 0) spec.arguments.push_back({"x-match", {std::string("any")}});
      }
      BindTo(spec);
    }
    for (int i = 0; i < 20; ++i) {
      const std::string& exchange = exchanges[below(count)];
      const std::string& key = kKeys[below(kKeys.size())];
      storage::Headers headers;
      if (below(2) == 0) headers = {{"h", {static_cast<int64_t>(below(2))}}};
      const RouteExplanation explanation = Explain(exchange, key, headers);
      PublishTo(exchange, key, headers);
      EXPECT_EQ(QueuesOf(explanation), TakeReached())
          << "round " << round << ", exchange " << exchange << ", key " << key;
      for (const Route& route : explanation.routes) CheckSteps(exchange, route);
      reached_any += explanation.queues > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(reached_any, 200);
}

TEST_F(ExplainRoute, TheDefaultExchangeNeedsNoStep) {
  DeclareQueueOf("q");
  const RouteExplanation explanation = Explain("", "q");
  ASSERT_EQ(explanation.routes.size(), 1U);
  EXPECT_EQ(explanation.routes[0].queue, "q");
  EXPECT_TRUE(explanation.routes[0].steps.empty());
  EXPECT_NE(Explain("", "missing").unroutable.find("queue \"missing\" in \"/\""), std::string::npos);
}

TEST_F(ExplainRoute, TellsTheShortestWayAndTheAlternateExchange) {
  Declare("far", {.type = ExchangeType::kFanout});
  Declare("other", {.type = ExchangeType::kFanout});
  Declare("x", {.type = ExchangeType::kDirect, .alternate_exchange = "other"});
  DeclareQueueOf("q");
  BindTo({.source = "x", .destination_kind = DestinationKind::kExchange, .destination = "far",
          .key = "k"});
  BindTo({.source = "far", .destination = "q"});
  BindTo({.source = "x", .destination = "q", .key = "k"});
  BindTo({.source = "other", .destination = "q"});
  const RouteExplanation direct = Explain("x", "k");
  ASSERT_EQ(direct.routes.size(), 1U);
  ASSERT_EQ(direct.routes[0].steps.size(), 1U);
  EXPECT_EQ(direct.routes[0].steps[0].binding->source, "x");
  const RouteExplanation alternate = Explain("x", "nothing");
  ASSERT_EQ(alternate.routes.size(), 1U);
  ASSERT_EQ(alternate.routes[0].steps.size(), 2U);
  EXPECT_EQ(alternate.routes[0].steps[0].alternate_exchange, "other");
}

TEST_F(ExplainRoute, TellsWhoWouldRefuse) {
  DeclareQueueOf("full", {.max_length = 1, .overflow = storage::OverflowPolicy::kRejectPublish});
  EXPECT_TRUE(Explain("", "full").routes.at(0).refusal.ok());
  PublishTo("", "full");
  EXPECT_EQ(Explain("", "full").routes.at(0).refusal.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ExplainRoute, ManyQueuesAreCountedAndTheFirstOnesTold) {
  Declare("x", {.type = ExchangeType::kFanout});
  for (int i = 0; i < 1'100; ++i) {
    const std::string name = "q" + std::to_string(10'000 + i);
    DeclareQueueOf(name);
    BindTo({.source = "x", .destination = name});
  }
  const RouteExplanation explanation = Explain("x", "");
  EXPECT_EQ(explanation.queues, 1'100U);
  ASSERT_EQ(explanation.routes.size(), RouteExplanation::kRoutesMax);
  EXPECT_EQ(explanation.routes.front().queue, "q10000");
}

TEST_F(ExplainRoute, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(broker_.ExplainRoute("/", "missing", "", {}).status()));
  EXPECT_TRUE(absl::IsNotFound(broker_.ExplainRoute("missing", "", "", {}).status()));
}

}  // namespace
}  // namespace warren::core
