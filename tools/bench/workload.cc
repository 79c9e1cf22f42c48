#include "tools/bench/workload.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "tools/bench/producer.h"
#include "tools/bench/receiver.h"

namespace warren::tools {
namespace {

using Clock = std::chrono::steady_clock;

// How long consumers may bring nothing new before what is missing is given up.
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kLook{20};
// How long producers may wait for room in their window after the end.
constexpr std::chrono::seconds kHeldTooLong{10};

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The totals at one moment.
struct Snapshot {
  explicit Snapshot(const Counters& counters)
      : published(counters.published), confirmed(counters.confirmed), consumed(counters.consumed) {}

  Clock::time_point at = Clock::now();
  double cpu_seconds = CpuSeconds();
  uint64_t published;
  uint64_t confirmed;
  uint64_t consumed;
};

void SetRates(const Snapshot& from, const Snapshot& to, Result& result) {
  result.seconds = std::chrono::duration<double>(to.at - from.at).count();
  const auto rate = [&](uint64_t a, uint64_t b) {
    return static_cast<double>(b - a) / result.seconds;
  };
  result.published_per_s = rate(from.published, to.published);
  result.confirmed_per_s = rate(from.confirmed, to.confirmed);
  result.consumed_per_s = rate(from.consumed, to.consumed);
  result.cpu_cores = (to.cpu_seconds - from.cpu_seconds) / result.seconds;
}

// Waits until `done` or the time has come, and tells the rates of each second meanwhile.
template <typename Done>
void Watch(const Counters& counters, bool verbose, Clock::time_point until, Done done) {
  Snapshot last(counters);
  while (Clock::now() < until && !done()) {
    std::this_thread::sleep_for(std::min<Clock::duration>(kLook, until - Clock::now()));
    if (!verbose || Clock::now() - last.at < std::chrono::seconds(1)) continue;
    const Snapshot now(counters);
    Result rates;
    SetRates(last, now, rates);
    std::fprintf(stderr, "published %8.0f/s  confirmed %8.0f/s  consumed %8.0f/s\n",
                 rates.published_per_s, rates.confirmed_per_s, rates.consumed_per_s);
    last = now;
  }
}

// What consumers should get in all.
uint64_t Expected(const Workload& workload, const Counters& counters) {
  return workload.producers == 0 ? workload.count : counters.confirmed.load();
}

// Until all that is expected is consumed, or nothing comes any more.
void DrainConsumers(const Workload& workload, const Counters& counters, bool verbose) {
  uint64_t seen = counters.consumed;
  Clock::time_point last_news = Clock::now();
  Watch(counters, verbose, Clock::time_point::max(), [&] {
    const uint64_t consumed = counters.consumed;
    if (consumed != seen) {
      seen = consumed;
      last_news = Clock::now();
    }
    return consumed >= Expected(workload, counters) || Clock::now() - last_news > kPatience;
  });
}

}  // namespace

absl::StatusOr<Result> Run(Target& target, const Workload& workload, bool verbose) {
  for (int i = 0; i < workload.queues; ++i) {
    absl::Status status = target.DeclareQueue(workload.QueueName(i), workload.persistent);
    if (!status.ok()) return status;
  }

  Counters counters;
  counters.measure_from_ns = INT64_MAX;
  std::vector<std::unique_ptr<Receiver>> receivers;
  for (int i = 0; i < workload.consumers; ++i) {
    receivers.push_back(std::make_unique<Receiver>(target, workload, i, counters));
    if (absl::Status status = receivers.back()->Start(); !status.ok()) return status;
  }
  const bool counted = workload.count != 0;
  if (counted) counters.measure_from_ns = 0;
  Snapshot from(counters);
  std::vector<std::unique_ptr<Producer>> producers;
  for (int i = 0; i < workload.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(target, workload, i, counters));
    if (absl::Status status = producers.back()->Start(); !status.ok()) return status;
  }

  Result result;
  if (!counted) {
    const auto never = [] { return false; };
    Watch(counters, verbose, Clock::now() + workload.warmup, never);
    counters.measure_from_ns = NowNs();
    from = Snapshot(counters);
    Watch(counters, verbose, Clock::now() + workload.duration, never);
    SetRates(from, Snapshot(counters), result);
    counters.stop = true;
  }
  // A broker that holds publishers for lack of memory might do so for ever.
  Watch(counters, verbose, counted ? Clock::time_point::max() : Clock::now() + kHeldTooLong, [&] {
    return std::all_of(producers.begin(), producers.end(), [](const auto& p) { return p->done(); });
  });
  for (const auto& producer : producers) {
    if (absl::Status status = producer->Join(); !status.ok()) return status;
  }
  if (!receivers.empty()) DrainConsumers(workload, counters, verbose);
  if (counted) SetRates(from, Snapshot(counters), result);
  for (const auto& receiver : receivers) {
    if (absl::Status status = receiver->Stop(); !status.ok()) return status;
  }

  for (const auto& producer : producers) result.confirm_latency.Merge(producer->confirm_latency());
  for (const auto& receiver : receivers) {
    result.end_to_end_latency.Merge(receiver->end_to_end_latency());
  }
  result.published = counters.published;
  result.confirmed = counters.confirmed;
  result.refused = counters.refused;
  result.consumed = counters.consumed;
  result.redelivered = counters.redelivered;
  result.out_of_order = counters.out_of_order;
  const bool counts = workload.consumers > 0 && (workload.producers > 0 || counted);
  result.complete =
      result.refused == 0 && (!counts || result.consumed == Expected(workload, counters));
  for (int i = 0; i < workload.queues && !workload.keep_queues; ++i) {
    absl::Status status = target.DeleteQueue(workload.QueueName(i));
    if (!status.ok()) return status;
  }
  return result;
}

}  // namespace warren::tools
