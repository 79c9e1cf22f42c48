// Counters of what the runtime did, for whoever scrapes them. What the core counts stays there, and
// is asked for (vitals.h).
//
// Each cell is written by one thread alone (the loop's, or the journal writer's where it says so)
// and read by any; a write is a plain load, add and store. Counters never shrink.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/runtime/rpc_stats.h"

namespace warren::runtime {

struct Stats {
  // By the loop.
  Cell messages_received;
  Cell messages_accepted;
  Cell messages_duplicate;
  Cell messages_unroutable;
  Cell messages_rejected;
  Cell messages_unconfirmed;  // received by streams and Publish, and not answered yet
  // From a message's arrival to its confirm, for accepted ones: those that waited for the store, and
  // those that the step answered that took them.
  HistogramCells<16> confirm_stored_seconds{kLatencyBounds};
  HistogramCells<16> confirm_at_once_seconds{kLatencyBounds};
  RpcStats rpcs;

  // By the journal writer.
  Cell batches_written;
  Cell bytes_written;    // of bodies
  Cell writing_messages;  // in the batch that is being written
  Cell writing_bytes;
  HistogramCells<16> commit_seconds{kLatencyBounds};
  HistogramCells<16> batch_messages{kBatchMessagesBounds};
  HistogramCells<16> batch_bytes{kBatchBytesBounds};

  // By who starts the broker.
  Cell recovery_millis;
  Cell recovered_messages;  // so far

  static constexpr std::array<double, 16> kLatencyBounds{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
      0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  static constexpr std::array<double, 16> kBatchMessagesBounds{
      1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000};
  static constexpr std::array<double, 16> kBatchBytesBounds{
      256,     1'024,     4'096,     16'384,    65'536,     131'072,    262'144,    524'288,
      1 << 20, 2 << 20,   4 << 20,   8 << 20,   16 << 20,   32 << 20,   64 << 20,   128 << 20};
};

}  // namespace warren::runtime
