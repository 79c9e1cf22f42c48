// A broker of its own for each test, with a publisher and a journal that is done at once.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/core/broker.h"

namespace warren::core {

class SmallBroker : public ::testing::Test {
 protected:
  SmallBroker() {
    broker_.FinishRecovery(now_ms_);
    Step(OpenPublisher{{1}, "/", "", false});
  }

  // One step, and all that it leaves to be made durable. effects_ is what came of it.
  void Step(Command command) {
    effects_.clear();
    broker_.Step(now_ms_, std::move(command), effects_);
    while (broker_.HasPendingRecords()) {
      broker_.Step(now_ms_, Durable{broker_.TakeBatch().lsn}, effects_);
    }
    broker_.CheckInvariants();
  }

  // A message without content, to be filled and published.
  static Publication NewPublication(const std::string& exchange, const std::string& routing_key) {
    Publication publication{.message = storage::MakeRef<storage::Message>()};
    publication.message->exchange = storage::SharedString(exchange);
    publication.message->routing_key = storage::SharedString(routing_key);
    return publication;
  }

  void PublishOne(Publication publication) {
    Publish publish{.publisher = {1}, .first_sequence = ++sequence_};
    publish.publications.push_back(std::move(publication));
    Step(std::move(publish));
  }

  int64_t now_ms_ = 1'000'000;
  Broker broker_{{.seed = 1}};
  Effects effects_;
  uint64_t sequence_ = 0;
};

}  // namespace warren::core
