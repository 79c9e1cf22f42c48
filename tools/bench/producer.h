// One producer of the load: a connection, a thread, a publish stream.
//
// Latency counts from the time a message was due by the given rate, not from when it was really
// sent, so that a stall is not hidden by the messages that it kept from being sent (coordinated
// omission). Without a rate a message is due when the one before was taken.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tools/bench/workload.h"
#include "warren/client/publisher.h"

namespace warren::tools {

// Thread-compatible; `workload` and `counters` outlive it.
class Producer {
 public:
  Producer(const Workload& workload, int index, Counters& counters);
  ~Producer();

  absl::Status Start();
  // It has published all, or was stopped.
  bool done() const { return done_; }
  // Waits until all is confirmed. A producer that isn't done is broken off, which is an error.
  absl::Status Join();
  const Histogram& confirm_latency() const { return latency_; }

 private:
  absl::Status Publish();
  void OnConfirm(const client::Confirmation& confirmation);

  const Workload& workload_;
  const int index_;
  Counters& counters_;
  absl::Status status_;  // of the thread; read after it has ended
  std::atomic<bool> done_{false};
  Histogram latency_;  // I/O thread; read after Join
  // When a message was due, by sequence modulo the size; no more than the window are in flight.
  std::vector<std::atomic<int64_t>> due_ns_;
  std::unique_ptr<client::Connection> connection_;
  std::unique_ptr<client::Publisher> publisher_;
  std::thread thread_;
};

}  // namespace warren::tools
