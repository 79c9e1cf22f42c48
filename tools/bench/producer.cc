#include "tools/bench/producer.h"

#include <algorithm>
#include <bit>
#include <random>
#include <string>

#include "tools/bench/body.h"

namespace warren::tools {
namespace {

// How many of `total` one of `parts` does; all parts together do `total`.
uint64_t Share(uint64_t total, int parts, int index) {
  const auto n = static_cast<uint64_t>(parts);
  return total / n + (static_cast<uint64_t>(index) < total % n ? 1 : 0);
}

}  // namespace

Producer::Producer(Target& target, const Workload& workload, uint64_t run, int index,
                   Counters& counters)
    : workload_(workload),
      run_(run),
      index_(index),
      counters_(counters),
      due_ns_(std::bit_ceil(std::max<size_t>(workload.window, workload.transaction) + 1)),
      link_(target.NewPublishLink(workload)) {}

Producer::~Producer() {
  counters_.stop = true;
  link_->Close();
  if (thread_.joinable()) thread_.join();
}

absl::Status Producer::Start() {
  absl::Status opened = link_->Open(
      [this](uint64_t first, uint64_t last, bool taken) { OnConfirm(first, last, taken); });
  if (!opened.ok()) return opened;
  thread_ = std::thread([this] {
    status_ = Publish();
    done_ = true;
  });
  return absl::OkStatus();
}

absl::Status Producer::Join() {
  if (!done_) link_->Close();
  thread_.join();
  if (!status_.ok()) return status_;
  return link_->Flush();
}

absl::Status Producer::Publish() {
  std::vector<std::string> bodies;
  for (const size_t bytes : workload_.sizes.sizes()) bodies.emplace_back(bytes, 'w');
  std::mt19937_64 random(static_cast<uint64_t>(index_));
  std::vector<std::string> keys;
  const int ways = workload_.queues / static_cast<int>(workload_.copies());
  for (int i = 0; i < ways; ++i) keys.push_back(workload_.RoutingKey((i + index_) % ways));

  const uint64_t limit = workload_.count == 0
                             ? UINT64_MAX
                             : Share(workload_.count, workload_.producers, index_);
  const double interval_ns = workload_.rate > 0 ? 1e9 * workload_.producers / workload_.rate : 0;
  const uint64_t source = SourceOf(run_, static_cast<uint64_t>(index_));
  const int64_t start_ns = NowNs();
  for (uint64_t i = 0; i < limit && !counters_.stop.load(std::memory_order_relaxed); ++i) {
    int64_t due_ns = NowNs();
    if (interval_ns > 0) {
      const int64_t now_ns = due_ns;
      due_ns = start_ns + static_cast<int64_t>(static_cast<double>(i) * interval_ns);
      if (due_ns > now_ns) link_->PassTime(std::chrono::nanoseconds(due_ns - now_ns));
    }
    std::string& body = bodies[workload_.sizes.Draw(random)];
    WriteStamp({.due_ns = due_ns, .source = source, .number = i}, body);
    due_ns_[(i + 1) & (due_ns_.size() - 1)].store(due_ns, std::memory_order_relaxed);
    absl::Status published = link_->Publish(keys[i % keys.size()], body);
    if (!published.ok()) return published;
    counters_.published.fetch_add(1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

void Producer::OnConfirm(uint64_t first, uint64_t last, bool taken) {
  (taken ? counters_.confirmed : counters_.refused) += last - first + 1;
  const int64_t now_ns = NowNs();
  const int64_t from_ns = counters_.measure_from_ns.load(std::memory_order_relaxed);
  for (uint64_t i = first; i <= last; ++i) {
    const int64_t due_ns = due_ns_[i & (due_ns_.size() - 1)].load(std::memory_order_relaxed);
    if (due_ns >= from_ns) latency_.Record(now_ns - due_ns);
  }
}

}  // namespace warren::tools
