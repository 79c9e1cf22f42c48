#include "tools/bench/report.h"

#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double> kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}};

Json LatencyToJson(const Histogram& histogram) {
  Json json;
  for (const auto& [name, quantile] : kQuantiles) {
    json[std::string(name) + "_ms"] = static_cast<double>(histogram.Quantile(quantile)) / 1e6;
  }
  json["max_ms"] = static_cast<double>(histogram.max_ns()) / 1e6;
  json["count"] = histogram.count();
  return json;
}

Json LoadToJson(const Workload& workload) {
  Json json;
  json["producers"] = workload.producers;
  json["consumers"] = workload.consumers;
  json["queues"] = workload.queues;
  json["topology"] = NameOf(workload.topology);
  if (workload.topology == Topology::kTopic) {
    json["matching_bindings"] = workload.matching_bindings;
    json["other_bindings"] = workload.other_bindings;
  }
  json["mean_bytes"] = workload.sizes.mean_bytes();
  json["rate"] = workload.rate;
  json["window"] = workload.window;
  json["persistent"] = workload.persistent;
  json["transaction"] = workload.transaction;
  json["prefetch"] = workload.prefetch;
  json["ack_batch"] = workload.ack_batch;
  return json;
}

Json ResultToJson(const Result& result) {
  Json json;
  json["seconds"] = result.seconds;
  json["published_per_s"] = result.published_per_s;
  json["confirmed_per_s"] = result.confirmed_per_s;
  json["consumed_per_s"] = result.consumed_per_s;
  json["cpu_cores"] = result.cpu_cores;
  json["confirm_latency"] = LatencyToJson(result.confirm_latency);
  json["end_to_end_latency"] = LatencyToJson(result.end_to_end_latency);
  json["total"] = {{"published", result.published},
                   {"confirmed", result.confirmed},
                   {"refused", result.refused},
                   {"consumed", result.consumed},
                   {"redelivered", result.redelivered},
                   {"expected", result.expected},
                   {"lost", result.lost},
                   {"doubled", result.doubled},
                   {"out_of_order", result.out_of_order},
                   {"foreign", result.foreign}};
  json["complete"] = result.complete;
  return json;
}

void PrintLatency(const char* name, const Histogram& histogram) {
  if (histogram.count() == 0) return;
  std::printf("%-12s", name);
  for (const auto& [label, quantile] : kQuantiles) {
    std::printf("  %s %9.3f ms", label, static_cast<double>(histogram.Quantile(quantile)) / 1e6);
  }
  std::printf("  max %9.3f ms\n", static_cast<double>(histogram.max_ns()) / 1e6);
}

void PrintRate(const char* name, double per_s) {
  std::printf("%-12s  %10.0f msg/s\n", name, per_s);
}

void PrintCount(const char* name, uint64_t count, bool fault) {
  if (count != 0) std::printf(", %s%" PRIu64 " %s", fault ? "!! " : "", count, name);
}

}  // namespace

std::string ToJson(const Workload& workload, const Result& result) {
  Json json = ResultToJson(result);
  json["load"] = LoadToJson(workload);
  return json.dump(2);
}

void PrintTable(const Result& result) {
  PrintRate("published", result.published_per_s);
  PrintRate("confirmed", result.confirmed_per_s);
  PrintRate("consumed", result.consumed_per_s);
  PrintLatency("confirm", result.confirm_latency);
  PrintLatency("end to end", result.end_to_end_latency);
  std::printf("%-12s  %" PRIu64 " published, %" PRIu64 " confirmed, %" PRIu64 " consumed",
              "in all", result.published, result.confirmed, result.consumed);
  PrintCount("redelivered", result.redelivered, false);
  PrintCount("of another run", result.foreign, false);
  PrintCount("refused", result.refused, true);
  PrintCount("lost", result.lost, true);
  PrintCount("doubled", result.doubled, true);
  PrintCount("out of order", result.out_of_order, true);
  std::printf("\n%-12s  %.2f cores over %.1f s\n", "this process", result.cpu_cores, result.seconds);
}

}  // namespace warren::tools
