// The load, and what came of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/histogram.h"
#include "tools/bench/size_mix.h"
#include "tools/bench/topology.h"

namespace warren::tools {

class Target;

struct Workload {
  int producers = 1;
  int consumers = 1;
  int queues = 1;
  std::string queue_prefix = "warren-bench-";
  SizeMix sizes{1024};
  Topology topology = Topology::kDirect;
  // Of each queue, in the topic topology: those that fit its messages, and those that fit none.
  int matching_bindings = 1;
  int other_bindings = 0;
  // Messages a second of all producers together; 0: as fast as confirms allow.
  double rate = 0;
  size_t window = 10'000;
  bool persistent = false;
  uint32_t prefetch = 5'000;
  // Deliveries settled by one acknowledgement; 0: the broker settles them itself.
  uint32_t ack_batch = 1;
  // Publishes of a producer that one transaction commits, and deliveries of a consumer that one
  // settles; 0: no transactions. Then ack_batch means nothing, and a producer has no more in flight
  // than one transaction.
  uint32_t transaction = 0;
  // Messages in all, published or, without producers, consumed; 0: until the time is up.
  uint64_t count = 0;
  std::chrono::milliseconds warmup{1'000};
  std::chrono::milliseconds duration{10'000};
  // How long consumers may get nothing new, at the end, before what is missing counts as lost.
  std::chrono::milliseconds patience{5'000};
  bool keep_queues = false;

  // Of queue number `index`, from 0.
  std::string QueueName(int index) const { return queue_prefix + std::to_string(index); }
  // "": the default exchange.
  std::string ExchangeName() const;
  // Of what is published for that queue; for all of them, if every queue gets every message.
  std::string RoutingKey(int queue_index) const;
  // How many queues get one message.
  uint64_t copies() const {
    return topology == Topology::kFanout ? static_cast<uint64_t>(queues) : 1;
  }
};

// Nanoseconds since the epoch, so that stamps mean the same to every process of a machine.
inline int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Running totals, read by the reporter while the others count. Each is thread-safe.
struct Counters {
  std::atomic<uint64_t> published{0};
  std::atomic<uint64_t> confirmed{0};  // accepted or duplicate
  std::atomic<uint64_t> refused{0};    // rejected, unroutable or of unknown fate
  std::atomic<uint64_t> consumed{0};   // deliveries of all kinds
  std::atomic<uint64_t> arrived{0};    // of these, the first of each message that counts for the run
  std::atomic<uint64_t> redelivered{0};
  std::atomic<uint64_t> doubled{0};
  std::atomic<uint64_t> out_of_order{0};
  std::atomic<uint64_t> foreign{0};
  std::atomic<bool> stop{false};  // producers stop
  // Latency is recorded of messages stamped from here on.
  std::atomic<int64_t> measure_from_ns{0};
};

// Over the measured part of the run.
struct Result {
  double seconds = 0;
  double published_per_s = 0;
  double confirmed_per_s = 0;
  double consumed_per_s = 0;
  // CPU time of this process per second.
  double cpu_cores = 0;
  Histogram confirm_latency;  // from the time a message was due until its confirm
  Histogram end_to_end_latency;  // … until its delivery
  // Over the whole run.
  uint64_t published = 0;
  uint64_t confirmed = 0;
  uint64_t refused = 0;
  uint64_t consumed = 0;
  uint64_t redelivered = 0;
  // What consumers should have got: each confirmed message once a queue; without producers, `count`.
  // 0 if nobody consumes, or it can't be known.
  uint64_t expected = 0;
  // Of these, how many never came.
  uint64_t lost = 0;
  // Came before to this queue, and aren't flagged as redelivered. Bodies below 24 bytes have no
  // number and can't be told apart: of them the sum alone is known.
  uint64_t doubled = 0;
  // Not redelivered, and yet after a later message of its producer; see body.h.
  uint64_t out_of_order = 0;
  // Of another run, while this one has producers: they were in the queue before, and don't count.
  uint64_t foreign = 0;
  // Nothing was refused, and what should have been consumed was, once each and in order.
  bool complete = false;
};

// Declares exchange, queues and bindings, runs the load, waits until what was confirmed is consumed,
// deletes what it declared. With `verbose` the rates of each second go to standard error.
absl::StatusOr<Result> Run(Target& target, const Workload& workload, bool verbose);

}  // namespace warren::tools
