// /metrics/detailed: numbers queue by queue, for those that are asked for.
//
//   queue=REGEX   whole names, in RE2's syntax; absent: all
//   vhost=NAME    absent: all
//
// An answer has no more than kQueuesMax queues, those with the most messages, and says how many it
// left out. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/metrics/http_port.h"
#include "server/runtime/vitals.h"

namespace warren::metrics {

class Detailed {
 public:
  static constexpr size_t kQueuesMax = 1'000;
  static constexpr size_t kRegexBytesMax = 1'024;

  // `vitals` must outlive it.
  explicit Detailed(runtime::Vitals& vitals) : vitals_(vitals) {}

  // 400 for a regular expression that is none or too large, 503 if the loop doesn't answer.
  Page Serve(const Query& query);

 private:
  runtime::Vitals& vitals_;
  std::atomic<uint64_t> dropped_{0};  // queues, in all answers so far
};

}  // namespace warren::metrics
