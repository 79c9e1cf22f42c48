// What one Match costs. Run by hand: bin/warren_routing_bench
#include <benchmark/benchmark.h>

#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/core/routing/matcher.h"

namespace warren::core {
namespace {

class Exchange {
 public:
  explicit Exchange(storage::ExchangeType type) : matcher_(MakeMatcher(type)) {}

  void Bind(std::string key, storage::Headers arguments = {}) {
    Binding& binding = bindings_.emplace_back();
    binding.id = storage::BindingId{bindings_.size()};
    binding.key = std::move(key);
    binding.arguments = std::move(arguments);
    matcher_->Add(&binding);
  }

  void Measure(benchmark::State& state, std::string_view key, const storage::Headers& headers) {
    std::vector<const Binding*> matches;
    for (auto _ : state) {
      matches.clear();
      matcher_->Match(key, headers, matches);
      benchmark::DoNotOptimize(matches.data());
    }
    state.counters["matches"] = static_cast<double>(matches.size());
  }

 private:
  std::deque<Binding> bindings_;
  std::unique_ptr<Matcher> matcher_;
};

constexpr std::string_view kKey = "orders.eu.created";

void Direct(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kDirect);
  exchange.Bind(std::string(kKey));
  for (int i = 0; i < state.range(0); ++i) exchange.Bind(absl::StrCat("orders.eu.", i));
  exchange.Measure(state, kKey, {});
}
BENCHMARK(Direct)->Arg(1'000)->Arg(100'000);

void Fanout(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kFanout);
  for (int i = 0; i < state.range(0); ++i) exchange.Bind("");
  exchange.Measure(state, kKey, {});
}
BENCHMARK(Fanout)->Arg(1)->Arg(10)->Arg(1'000);

// The argument counts bindings of all shapes that don't match.
void Topic(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kTopic);
  for (const auto* pattern : {"orders.eu.created", "orders.*.created", "#.created", "#.eu.#"}) {
    exchange.Bind(pattern);
  }
  for (int i = 0; i < state.range(0) / 5; ++i) {
    exchange.Bind(absl::StrCat("orders.eu.created", i));
    exchange.Bind(absl::StrCat("orders.region", i, ".*"));
    exchange.Bind(absl::StrCat("*.*.state", i));
    exchange.Bind(absl::StrCat("#.state", i));
    exchange.Bind(absl::StrCat("#.word", i, ".#"));
  }
  exchange.Measure(state, kKey, {});
}
BENCHMARK(Topic)->Arg(0)->Arg(1'000)->Arg(100'000);

void TopicWithoutHashes(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kTopic);
  exchange.Bind(std::string(kKey));
  for (int i = 0; i < state.range(0); ++i) exchange.Bind(absl::StrCat("orders.region", i, ".*"));
  exchange.Measure(state, kKey, {});
}
BENCHMARK(TopicWithoutHashes)->Arg(1'000)->Arg(100'000);

// A hostile key, and 120 patterns whose middles fit it at nearly every place and lead nowhere.
void TopicHostile(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kTopic);
  std::string stars;
  for (int i = 0; i < 120; ++i) {
    stars += "*.";
    exchange.Bind("#." + stars + "x.#");
  }
  exchange.Measure(state, std::string(255, '.'), {});
}
BENCHMARK(TopicHostile);

void Headers(benchmark::State& state) {
  Exchange exchange(storage::ExchangeType::kHeaders);
  for (int i = 0; i < state.range(0); ++i) {
    exchange.Bind("", {{"kind", storage::Value{std::string("order")}},
                       {"region", storage::Value{absl::StrCat("region", i)}}});
  }
  exchange.Measure(state, "",
                   {{"app", storage::Value{std::string("shop")}},
                    {"kind", storage::Value{std::string("order")}},
                    {"region", storage::Value{std::string("region7")}}});
}
BENCHMARK(Headers)->Arg(10)->Arg(1'000);

}  // namespace
}  // namespace warren::core
