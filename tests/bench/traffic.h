// Messages that pass through a broker without any I/O, at once or by way of what waits there already:
// what the core alone costs, and how that grows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "server/core/broker.h"

namespace warren::bench {

// When records leave for the journal, which is done with them at once.
enum class Journal : uint8_t {
  kNone,     // transient messages
  kAtOnce,   // each message is stored before it is settled
  kTooLate,  // persistent, but settled before the batch leaves, so most records never do
};

struct TrafficOptions {
  int queues = 1;     // each with a consumer of its own, messages in turn
  int consumers = 1;  // of a queue
  // Bindings that match nothing, beside one for each queue, of a topic exchange in front of the
  // queues. 0: the default exchange.
  int bindings = 0;
  int backlog = 0;  // ready messages in front of all that comes
  int delayed = 0;  // messages in the first queue that become due in a year
  Journal journal = Journal::kNone;
  bool settle_each = false;  // a step for each message settled, instead of one a frame
};

// A broker in the steady state that the options tell: each frame publishes messages, and settles as
// many. Thread-compatible.
class Traffic {
 public:
  static constexpr int kFrame = 100;  // messages
  static constexpr size_t kBodyBytes = 100;

  explicit Traffic(const TrafficOptions& options);

  // Passes kFrame messages; `measured` runs each part of it that counts: what prepares commands and
  // reads effects doesn't.
  template <typename Measured>
  void Frame(Measured&& measured) {
    core::Publish publish = NextPublish();
    measured([&] {
      Step(std::move(publish));
      if (options_.journal == Journal::kAtOnce) Store();
    });
    std::vector<core::Settle> settles = NextSettles();
    measured([&] {
      for (core::Settle& settle : settles) Step(std::move(settle));
      if (options_.journal != Journal::kNone) Store();
    });
    Store();  // now and then the broker notes what it needs itself
    CollectDeliveries();
  }

  const core::Usage& usage() const { return broker_.usage(); }

 private:
  void Step(core::Command command) { broker_.Step(kNowMs, std::move(command), effects_); }
  // Hands what is pending to the journal, which has it at once.
  void Store();
  void Fill();
  core::Publish NextPublish(int messages = kFrame, int64_t delay_ms = 0);
  std::vector<core::Settle> NextSettles();
  void CollectDeliveries();

  static constexpr int64_t kNowMs = 1'000'000;

  const TrafficOptions options_;
  core::Broker broker_;
  core::Effects effects_;
  std::vector<storage::SharedString> keys_;
  storage::SharedString exchange_;
  storage::SharedString body_;
  uint64_t published_ = 0;
  std::vector<std::pair<core::ConsumerId, core::DeliveryTag>> unsettled_;
};

}  // namespace warren::bench
