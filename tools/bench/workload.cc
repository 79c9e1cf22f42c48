#include "tools/bench/workload.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tools/bench/arrivals.h"
#include "tools/bench/body.h"
#include "tools/bench/producer.h"
#include "tools/bench/receiver.h"

namespace warren::tools {
namespace {

using Clock = std::chrono::steady_clock;

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

// Waits until something has come about, and tells the rates of each second meanwhile: on a terminal
// in one line that changes, elsewhere in a line each.
class Watcher {
 public:
  Watcher(const Counters& counters, bool verbose)
      : counters_(counters), verbose_(verbose), last_(counters) {}
  ~Watcher() {
    if (open_line_) std::fputc('\n', stderr);
  }

  // Until `done`, or the time has come.
  template <typename Done>
  void Wait(Clock::time_point until, Done done) {
    while (Clock::now() < until && !done()) {
      std::this_thread::sleep_for(std::min<Clock::duration>(kLook, until - Clock::now()));
      if (verbose_ && Clock::now() - last_.at >= std::chrono::seconds(1)) Tell();
    }
  }

 private:
  void Tell() {
    const Snapshot now(counters_);
    Result rates;
    SetRates(last_, now, rates);
    open_line_ = terminal_;
    std::fprintf(stderr, "%s%4.0f s  published %8.0f/s  confirmed %8.0f/s  consumed %8.0f/s%s",
                 terminal_ ? "\r" : "", std::chrono::duration<double>(now.at - began_).count(),
                 rates.published_per_s, rates.confirmed_per_s, rates.consumed_per_s,
                 terminal_ ? "" : "\n");
    last_ = now;
  }

  const Counters& counters_;
  const bool verbose_;
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  const Clock::time_point began_ = Clock::now();
  bool open_line_ = false;
  Snapshot last_;
};

// What consumers should get in all.
uint64_t Expected(const Workload& workload, const Counters& counters) {
  return workload.producers == 0 ? workload.count : counters.confirmed * workload.copies();
}

// Until all that is expected has arrived, or nothing comes any more.
void DrainConsumers(const Workload& workload, const Counters& counters, Watcher& watcher) {
  uint64_t seen = counters.consumed;
  Clock::time_point last_news = Clock::now();
  watcher.Wait(Clock::time_point::max(), [&] {
    const uint64_t consumed = counters.consumed;
    if (consumed != seen) {
      seen = consumed;
      last_news = Clock::now();
    }
    return counters.arrived >= Expected(workload, counters) || Clock::now() - last_news > workload.patience;
  });
}

absl::Status DeclareBindings(Target& target, const Workload& workload, const std::string& queue) {
  const std::string exchange = workload.ExchangeName();
  if (workload.topology == Topology::kFanout) return target.Bind(exchange, queue, "");
  absl::Status status;
  for (int i = 0; i < workload.matching_bindings && status.ok(); ++i) {
    status = target.Bind(exchange, queue, MatchingPattern(queue, workload.matching_bindings, i));
  }
  for (int i = 0; i < workload.other_bindings && status.ok(); ++i) {
    status = target.Bind(exchange, queue, OtherPattern(queue, i));
  }
  return status;
}

absl::Status Declare(Target& target, const Workload& workload) {
  const bool direct = workload.topology == Topology::kDirect;
  absl::Status status;
  if (!direct) {
    status = target.DeclareExchange(workload.ExchangeName(), workload.topology, workload.persistent);
  }
  for (int i = 0; i < workload.queues && status.ok(); ++i) {
    const std::string queue = workload.QueueName(i);
    status = target.DeclareQueue(queue, workload.persistent);
    if (status.ok() && !direct) status = DeclareBindings(target, workload, queue);
  }
  return status;
}

absl::Status Delete(Target& target, const Workload& workload) {
  absl::Status status;
  for (int i = 0; i < workload.queues && status.ok(); ++i) {
    status = target.DeleteQueue(workload.QueueName(i));
  }
  if (status.ok() && workload.topology != Topology::kDirect) {
    status = target.DeleteExchange(workload.ExchangeName());
  }
  return status;
}

void SetTotals(const Workload& workload, const Counters& counters, Result& result) {
  result.published = counters.published;
  result.confirmed = counters.confirmed;
  result.refused = counters.refused;
  result.consumed = counters.consumed;
  result.redelivered = counters.redelivered;
  result.doubled = counters.doubled;
  result.out_of_order = counters.out_of_order;
  result.foreign = counters.foreign;
  const uint64_t arrived = counters.arrived;
  if (workload.consumers > 0) result.expected = Expected(workload, counters);
  if (result.expected > arrived) result.lost = result.expected - arrived;
  // A queue that is drained by count may hold more.
  const bool all_there = result.expected == 0 || workload.producers == 0
                             ? result.lost == 0
                             : result.expected == arrived;
  result.complete =
      all_there && result.refused == 0 && result.doubled == 0 && result.out_of_order == 0;
}

}  // namespace

std::string Workload::ExchangeName() const {
  return topology == Topology::kDirect ? "" : queue_prefix + std::string(NameOf(topology));
}

std::string Workload::RoutingKey(int queue_index) const {
  switch (topology) {
    case Topology::kDirect: return QueueName(queue_index);
    case Topology::kTopic: return TopicKey(QueueName(queue_index), matching_bindings);
    case Topology::kFanout: return "";
  }
  return "";
}

absl::StatusOr<Result> Run(Target& target, const Workload& workload, bool verbose) {
  if (absl::Status status = Declare(target, workload); !status.ok()) return status;

  const uint64_t run = std::random_device()() & ((uint64_t{1} << kRunBits) - 1);
  Counters counters;
  counters.measure_from_ns = INT64_MAX;
  Watcher watcher(counters, verbose);
  // A message arrives once, or once in each queue that gets a copy.
  std::deque<Arrivals> arrivals(workload.copies());
  std::vector<std::unique_ptr<Receiver>> receivers;
  for (int i = 0; i < workload.consumers; ++i) {
    receivers.push_back(std::make_unique<Receiver>(
        target, workload, workload.producers > 0 ? std::optional(run) : std::nullopt, i,
        arrivals[static_cast<size_t>(i) % arrivals.size()], counters));
    if (absl::Status status = receivers.back()->Start(); !status.ok()) return status;
  }
  const bool counted = workload.count != 0;
  if (counted) counters.measure_from_ns = 0;
  Snapshot from(counters);
  std::vector<std::unique_ptr<Producer>> producers;
  for (int i = 0; i < workload.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(target, workload, run, i, counters));
    if (absl::Status status = producers.back()->Start(); !status.ok()) return status;
  }

  Result result;
  if (!counted) {
    const auto never = [] { return false; };
    watcher.Wait(Clock::now() + workload.warmup, never);
    counters.measure_from_ns = NowNs();
    from = Snapshot(counters);
    watcher.Wait(Clock::now() + workload.duration, never);
    SetRates(from, Snapshot(counters), result);
    counters.stop = true;
  }
  // A broker that holds publishers for lack of memory might do so for ever.
  watcher.Wait(counted ? Clock::time_point::max() : Clock::now() + kHeldTooLong, [&] {
    return std::all_of(producers.begin(), producers.end(), [](const auto& p) { return p->done(); });
  });
  for (const auto& producer : producers) {
    if (absl::Status status = producer->Join(); !status.ok()) return status;
  }
  if (!receivers.empty()) DrainConsumers(workload, counters, watcher);
  if (counted) SetRates(from, Snapshot(counters), result);
  for (const auto& receiver : receivers) {
    if (absl::Status status = receiver->Stop(); !status.ok()) return status;
  }

  for (const auto& producer : producers) result.confirm_latency.Merge(producer->confirm_latency());
  for (const auto& receiver : receivers) {
    result.end_to_end_latency.Merge(receiver->end_to_end_latency());
  }
  SetTotals(workload, counters, result);
  if (!workload.keep_queues) {
    if (absl::Status status = Delete(target, workload); !status.ok()) return status;
  }
  return result;
}

}  // namespace warren::tools
