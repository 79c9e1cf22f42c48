// What the load needs of a broker: somebody to declare queues, to publish and to consume. One
// implementation is Warren's (warren_target.h); tests/bench/peers has those of other brokers, so
// that all of them carry the same load.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/bench/workload.h"

namespace warren::tools {

// A connection that publishes. Used by one thread at a time, but for Close. The destructor closes.
class PublishLink {
 public:
  // Messages `first` to `last`, counted from 1, were taken by the broker, or refused. Called on any
  // thread, one call at a time.
  using OnConfirm = std::function<void(uint64_t first, uint64_t last, bool taken)>;

  virtual ~PublishLink() = default;
  virtual absl::Status Open(OnConfirm on_confirm) = 0;
  // To Workload::ExchangeName(). Waits while Workload::window messages have no confirm.
  virtual absl::Status Publish(const std::string& routing_key, const std::string& body) = 0;
  // Nothing is to be published for so long; confirms must come in nevertheless.
  virtual void PassTime(std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); }
  // Waits until all is confirmed.
  virtual absl::Status Flush() = 0;
  // Thread-safe: Publish and Flush end soon, with an error.
  virtual void Close() = 0;
};

// A connection that consumes one queue, and settles what it gets as the workload says.
class ConsumeLink {
 public:
  // Called on any thread, one call at a time.
  using OnDelivery = std::function<void(std::string_view body, bool redelivered)>;

  virtual ~ConsumeLink() = default;
  virtual absl::Status Open(const std::string& queue, OnDelivery on_delivery) = 0;
  // Has all settlements taken and ends; no delivery comes after.
  virtual absl::Status Stop() = 0;
};

// The broker, and a connection for declarations. Its methods are called by one thread.
class Target {
 public:
  virtual ~Target() = default;
  virtual absl::Status DeclareQueue(const std::string& name, bool durable) = 0;
  virtual absl::Status DeleteQueue(const std::string& name) = 0;

  // Called for topologies with an exchange of their own alone, so never if the program says that it
  // knows none (BenchProgram::knows_exchanges).
  virtual absl::Status DeclareExchange(const std::string& /*name*/, Topology /*type*/,
                                       bool /*durable*/) {
    return absl::UnimplementedError("no exchanges");
  }
  virtual absl::Status DeleteExchange(const std::string& /*name*/) {
    return absl::UnimplementedError("no exchanges");
  }
  virtual absl::Status Bind(const std::string& /*exchange*/, const std::string& /*queue*/,
                            const std::string& /*routing_key*/) {
    return absl::UnimplementedError("no exchanges");
  }

  // `workload` outlives the links.
  virtual std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) = 0;
  virtual std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload& workload) = 0;
};

}  // namespace warren::tools
