// One producer of the load: a link and a thread.
//
// Latency counts from the time a message was due by the given rate, not from when it was really
// sent, so that a stall is not hidden by the messages that it kept from being sent (coordinated
// omission). Without a rate a message is due when the one before was taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "tools/bench/target.h"
#include "tools/bench/workload.h"

namespace warren::tools {

// Thread-compatible; `workload` and `counters` outlive it.
class Producer {
 public:
  // `run` goes into the bodies; see body.h.
  Producer(Target& target, const Workload& workload, uint64_t run, int index, Counters& counters);
  ~Producer();

  absl::Status Start();
  // It has published all, or was stopped.
  bool done() const { return done_; }
  // Waits until all is confirmed. A producer that isn't done is broken off, which is an error.
  absl::Status Join();
  const Histogram& confirm_latency() const { return latency_; }

 private:
  absl::Status Publish();
  void OnConfirm(uint64_t first, uint64_t last, bool taken);

  const Workload& workload_;
  const uint64_t run_;
  const int index_;
  Counters& counters_;
  absl::Status status_;  // of the thread; read after it has ended
  std::atomic<bool> done_{false};
  Histogram latency_;  // of who calls OnConfirm; read after Join
  // When a message was due, by sequence modulo the size; no more than the window, or a
  // transaction, are in flight.
  std::vector<std::atomic<int64_t>> due_ns_;
  std::unique_ptr<PublishLink> link_;
  std::thread thread_;
};

}  // namespace warren::tools
