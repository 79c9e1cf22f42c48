// What a message costs in the core, step by step (publish, deliver, settle, expire, …) and on its
// whole way, as bindings, queues, consumers, backlog and timers grow. `make bench` runs it.
//
// One iteration is a frame of 100 messages of 100 bytes; commands are made beforehand and effects
// looked at afterwards, which isn't measured, nor is emptying the queues. The columns `time` and
// `allocations` are of one message.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "tests/bench/traffic.h"
#include "tests/support/allocation_counts.h"

namespace warren::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Sums up what the measured parts of an iteration take.
class Meter {
 public:
  // `messages` of an iteration.
  Meter(benchmark::State& state, int messages) : state_(state), messages_(messages) {}
  ~Meter() {
    const double all = static_cast<double>(state_.iterations()) * messages_;
    if (all == 0) return;
    state_.counters["time"] = benchmark::Counter(
        all, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state_.counters["allocations"] = static_cast<double>(allocations_) / all;
  }

  template <typename Part>
  void operator()(Part&& part) {
    const int64_t allocations_before = allocations;
    const Clock::time_point start = Clock::now();
    part();
    seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
    allocations_ += allocations - allocations_before;
  }

  void EndIteration() { state_.SetIterationTime(std::exchange(seconds_, 0)); }

 private:
  benchmark::State& state_;
  const int messages_;
  double seconds_ = 0;
  int64_t allocations_ = 0;
};

// ---- One step ----

constexpr int64_t kTtlMs = 10;

// A broker with queues "queue0" to "queueN" that nobody consumes unless the benchmark says so.
class Bed {
 public:
  explicit Bed(storage::QueueOptions options = {}, int queues = 1) {
    broker_.FinishRecovery(now_ms_);
    for (int i = 0; i < queues; ++i) {
      Step(core::DeclareQueue{{1}, "/", absl::StrCat("queue", i), options});
    }
    Step(core::OpenPublisher{{1}, "/", "", false});
    Store();
  }

  void Step(core::Command command) { broker_.Step(now_ms_, std::move(command), effects_); }
  void Store() {
    while (broker_.HasPendingRecords()) {
      const storage::Batch batch = broker_.TakeBatch();
      Step(core::Durable{batch.lsn});
    }
  }

  // Prepares a frame; for the queue itself, or by way of an exchange.
  core::Publish Frame(bool persistent = false, int64_t delay_ms = 0, const std::string& exchange = "",
                      const std::string& key = "queue0") {
    const storage::SharedString shared_exchange(exchange);
    const storage::SharedString shared_key(key);
    core::Publish publish{.publisher = {1}};
    for (int i = 0; i < Traffic::kFrame; ++i) {
      core::Publication& publication = publish.publications.emplace_back();
      publication.message = storage::MakeRef<storage::Message>();
      publication.message->exchange = shared_exchange;
      publication.message->routing_key = shared_key;
      publication.message->body = body_;
      publication.message->persistent = persistent;
      publication.delay_ms = delay_ms;
    }
    return publish;
  }

  // Now and then the broker notes something in the journal that consumers wait for.
  void PublishFrame() {
    Step(Frame());
    Store();
  }

  void Subscribe() {
    Step(core::Subscribe{.consumer = {1}, .virtual_host = "/", .queue = "queue0",
                         .prefetch = {.messages = Traffic::kFrame}});
  }

  // Empties all queues, and starts over with the effects.
  void Clear(int queues = 1) {
    for (int i = 0; i < queues; ++i) Step(core::PurgeQueue{{1}, "/", absl::StrCat("queue", i)});
    Store();
    effects_.clear();
  }

  // One step, so if much is due there is more to come.
  void PassTime(int64_t ms) {
    now_ms_ += ms;
    Step(core::Tick{});
  }
  bool overdue() const {
    const auto deadline = broker_.NextDeadline();
    return deadline && *deadline <= now_ms_;
  }
  const core::Usage& usage() const { return broker_.usage(); }

 private:
  core::Broker broker_{{}};
  int64_t now_ms_ = 1'000'000;
  core::Effects effects_;
  const storage::SharedString body_{std::string(Traffic::kBodyBytes, 'w')};
};

// A message that no queue gets: what routing costs, and the step around it.
void Route(benchmark::State& state, storage::ExchangeType type) {
  Bed bed;
  bed.Step(core::DeclareExchange{{1}, "/", "orders", storage::ExchangeOptions{.type = type}});
  for (int i = 0; i < state.range(0); ++i) {
    const char* const shapes[] = {"us.state", "*.*.state", "#.state"};
    const bool topic = type == storage::ExchangeType::kTopic;
    bed.Step(core::Bind{{1}, "/", {.source = "orders", .destination = "queue0",
                                   .key = absl::StrCat(shapes[topic ? i % 3 : 0], i)}});
  }
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    core::Publish frame = bed.Frame(false, 0, "orders", "eu.orders.created");
    meter([&] { bed.Step(std::move(frame)); });
    bed.Clear();
    meter.EndIteration();
  }
  WARREN_CHECK(bed.usage().enqueued_total == 0);
}
BENCHMARK_CAPTURE(Route, direct, storage::ExchangeType::kDirect)
    ->UseManualTime()->ArgName("bindings")->Arg(0)->Arg(1'000)->Arg(100'000);
BENCHMARK_CAPTURE(Route, topic, storage::ExchangeType::kTopic)
    ->UseManualTime()->ArgName("bindings")->Arg(0)->Arg(1'000)->Arg(100'000);

// Publish to one queue, without consumers; persistent: up to the confirm, with a journal that is
// done at once.
void Enqueue(benchmark::State& state, bool persistent) {
  Bed bed({.durable = persistent});
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    core::Publish frame = bed.Frame(persistent);
    meter([&] {
      bed.Step(std::move(frame));
      if (persistent) bed.Store();
    });
    WARREN_CHECK(bed.usage().ready_messages == Traffic::kFrame);
    bed.Clear();
    meter.EndIteration();
  }
}
BENCHMARK_CAPTURE(Enqueue, transient, false)->UseManualTime();
BENCHMARK_CAPTURE(Enqueue, persistent, true)->UseManualTime();

// Publish to many queues at once. A message here is a copy.
void Fanout(benchmark::State& state) {
  const auto queues = static_cast<int>(state.range(0));
  Bed bed({}, queues);
  bed.Step(core::DeclareExchange{
      {1}, "/", "all", storage::ExchangeOptions{.type = storage::ExchangeType::kFanout}});
  for (int i = 0; i < queues; ++i) {
    bed.Step(core::Bind{{1}, "/", {.source = "all", .destination = absl::StrCat("queue", i)}});
  }
  Meter meter(state, Traffic::kFrame * queues);
  for (auto _ : state) {
    core::Publish frame = bed.Frame(false, 0, "all");
    meter([&] { bed.Step(std::move(frame)); });
    WARREN_CHECK(bed.usage().ready_messages == static_cast<uint64_t>(Traffic::kFrame * queues));
    bed.Clear(queues);
    meter.EndIteration();
  }
}
BENCHMARK(Fanout)->UseManualTime()->ArgName("queues")->Arg(1)->Arg(10)->Arg(100);

// A frame that waits, to a consumer that comes.
void Deliver(benchmark::State& state) {
  Bed bed;
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    bed.PublishFrame();
    meter([&] { bed.Subscribe(); });
    WARREN_CHECK(bed.usage().unsettled_messages == Traffic::kFrame);
    bed.Step(core::CloseConsumer{{1}});
    bed.Clear();
    meter.EndIteration();
  }
}
BENCHMARK(Deliver)->UseManualTime();

// Acknowledged by one settlement up to the last, by one that names each, or by a step each.
enum class SettleBy { kUpTo, kTags, kSteps };

void Settle(benchmark::State& state, SettleBy by) {
  Bed bed;
  bed.Subscribe();
  uint64_t tag = 0;  // counts from 1
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    bed.PublishFrame();
    std::vector<core::Command> settles;
    core::Settle settle{.consumer = {1}};
    core::Settlement& settlement = settle.settlements.emplace_back();
    for (int i = 0; i < Traffic::kFrame; ++i) {
      ++tag;
      if (by == SettleBy::kUpTo) {
        settlement.up_to = {tag};
      } else {
        settlement.tags.push_back({tag});
      }
      if (by != SettleBy::kSteps) continue;
      settles.emplace_back(settle);
      settlement.tags.clear();
    }
    if (by != SettleBy::kSteps) settles.emplace_back(std::move(settle));
    meter([&] {
      for (core::Command& command : settles) bed.Step(std::move(command));
    });
    WARREN_CHECK(bed.usage().acked_total == tag);
    bed.Clear();
    meter.EndIteration();
  }
}
BENCHMARK_CAPTURE(Settle, up_to_the_last, SettleBy::kUpTo)->UseManualTime();
BENCHMARK_CAPTURE(Settle, tags_of_each, SettleBy::kTags)->UseManualTime();
BENCHMARK_CAPTURE(Settle, a_step_each, SettleBy::kSteps)->UseManualTime();

// What expires at once, with no dead-letter exchange.
void Expire(benchmark::State& state) {
  Bed bed({.message_ttl_ms = kTtlMs});
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    bed.PublishFrame();
    meter([&] {
      bed.PassTime(kTtlMs + 1);
      while (bed.overdue()) bed.PassTime(0);
    });
    WARREN_CHECK(bed.usage().ready_messages == 0);
    bed.Clear();
    meter.EndIteration();
  }
}
BENCHMARK(Expire)->UseManualTime();

// Published with a delay, and coming due, among others that wait for longer.
void Delay(benchmark::State& state) {
  constexpr int64_t kYearMs = int64_t{365} * 24 * 3600 * 1000;
  Bed bed({}, 2);
  for (int i = 0; i < state.range(0); i += Traffic::kFrame) {
    bed.Step(bed.Frame(false, kYearMs + i * 7919 % 1'000'003));
  }
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    bed.Subscribe();
    core::Publish frame = bed.Frame(false, kTtlMs);
    meter([&] {
      bed.Step(std::move(frame));
      bed.PassTime(kTtlMs);
      while (bed.overdue()) bed.PassTime(0);
    });
    WARREN_CHECK(bed.usage().unsettled_messages == Traffic::kFrame);
    bed.Step(core::Settle{.consumer = {1}, .settlements = {{.up_to = {Traffic::kFrame}}}});
    bed.Step(core::CloseConsumer{{1}});
    bed.Clear(0);
    meter.EndIteration();
  }
}
BENCHMARK(Delay)->UseManualTime()->ArgName("pending")->Arg(0)->Arg(10'000)->Arg(1'000'000);

// A policy is set for all queues, among others that match none of them; the journal is done at once.
// `time` is of a queue, `longest_step` what the broker's thread is held up at most.
void ChangePolicy(benchmark::State& state) {
  const int queues = static_cast<int>(state.range(0));
  Bed bed({.durable = true}, queues);
  const auto put = [&bed](std::string name, std::string pattern, uint64_t max_length) {
    bed.Step(core::PutPolicy{{2}, {.virtual_host = "/",
                                   .name = std::move(name),
                                   .pattern = std::move(pattern),
                                   .queue = {.max_length = max_length}}});
  };
  const auto finish = [&bed](auto measure) {
    while (bed.overdue()) measure([&] { bed.PassTime(0); });
    bed.Store();
  };
  for (int i = 0; i < state.range(1); ++i) {
    put(absl::StrCat("a", i), absl::StrCat("^other[0-9]+[.]", i, "$"), 1);
  }
  finish([](auto part) { part(); });
  Meter meter(state, queues);
  double longest_s = 0;
  uint64_t max_length = 1;
  for (auto _ : state) {
    const auto timed = [&](auto part) {
      const Clock::time_point start = Clock::now();
      meter(part);
      longest_s = std::max(longest_s, std::chrono::duration<double>(Clock::now() - start).count());
    };
    timed([&] { put("bounded", "^queue", ++max_length); });
    finish(timed);
    meter.EndIteration();
  }
  state.counters["longest_step"] = longest_s;
}
BENCHMARK(ChangePolicy)->UseManualTime()->ArgNames({"queues", "others"})
    ->Args({1'000, 0})->Args({100'000, 0})->Args({100'000, 255});

// ---- The whole way: publish, deliver, settle ----

void Pass(benchmark::State& state, const TrafficOptions& options) {
  Traffic traffic(options);
  Meter meter(state, Traffic::kFrame);
  for (auto _ : state) {
    traffic.Frame(meter);
    meter.EndIteration();
  }
  WARREN_CHECK(traffic.usage().acked_total == state.iterations() * uint64_t{Traffic::kFrame});
}

void PassJournal(benchmark::State& state, Journal journal) { Pass(state, {.journal = journal}); }
BENCHMARK_CAPTURE(PassJournal, transient, Journal::kNone)->UseManualTime();
BENCHMARK_CAPTURE(PassJournal, settled_before_stored, Journal::kTooLate)->UseManualTime();
BENCHMARK_CAPTURE(PassJournal, stored, Journal::kAtOnce)->UseManualTime();

void PassBindings(benchmark::State& state) {
  Pass(state, {.bindings = static_cast<int>(state.range(0))});
}
BENCHMARK(PassBindings)->UseManualTime()->ArgName("others")->Arg(1'000)->Arg(10'000)->Arg(100'000);

void PassQueues(benchmark::State& state) {
  Pass(state, {.queues = static_cast<int>(state.range(0)), .settle_each = true});
}
BENCHMARK(PassQueues)->UseManualTime()->ArgName("queues")->Arg(1)->Arg(100)->Arg(10'000);

void PassConsumers(benchmark::State& state) {
  Pass(state, {.consumers = static_cast<int>(state.range(0)), .settle_each = true});
}
BENCHMARK(PassConsumers)->UseManualTime()->ArgName("consumers")->Arg(1)->Arg(100)->Arg(10'000);

void PassBacklog(benchmark::State& state) {
  Pass(state, {.backlog = static_cast<int>(state.range(0))});
}
BENCHMARK(PassBacklog)->UseManualTime()->ArgName("ready")->Arg(0)->Arg(10'000)->Arg(1'000'000);

void PassDelayed(benchmark::State& state) {
  Pass(state, {.delayed = static_cast<int>(state.range(0))});
}
BENCHMARK(PassDelayed)->UseManualTime()->ArgName("pending")->Arg(0)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace warren::bench
