// warren-bench: loads a broker and says how it fared.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/bench/workload.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double> kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

Json LatencyToJson(const Histogram& histogram) {
  Json json;
  for (const auto& [name, quantile] : kQuantiles) {
    json[std::string(name) + "_ms"] = static_cast<double>(histogram.Quantile(quantile)) / 1e6;
  }
  json["max_ms"] = static_cast<double>(histogram.max_ns()) / 1e6;
  json["count"] = histogram.count();
  return json;
}

Json ToJson(const Result& result) {
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
                   {"redelivered", result.redelivered}};
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

void PrintTable(const Result& result) {
  std::printf("%-12s  %10.0f msg/s\n", "published", result.published_per_s);
  std::printf("%-12s  %10.0f msg/s\n", "confirmed", result.confirmed_per_s);
  std::printf("%-12s  %10.0f msg/s\n", "consumed", result.consumed_per_s);
  PrintLatency("confirm", result.confirm_latency);
  PrintLatency("end to end", result.end_to_end_latency);
  std::printf("%-12s  %llu published, %llu confirmed, %llu refused, %llu consumed, "
              "%llu redelivered\n",
              "in all", static_cast<unsigned long long>(result.published),
              static_cast<unsigned long long>(result.confirmed),
              static_cast<unsigned long long>(result.refused),
              static_cast<unsigned long long>(result.consumed),
              static_cast<unsigned long long>(result.redelivered));
  std::printf("%-12s  %.2f cores over %.1f s\n", "this process", result.cpu_cores, result.seconds);
}

constexpr char kFooter[] = R"(
Each producer and consumer has a connection of its own. Messages go through the default exchange to
the queues in turn. Latency counts from the time a message was due, so with --rate a stall shows in
every message that it held up. Rates are those of the measured time, after the warm-up.

Examples:
  warren-bench --persistent --duration 30
  warren-bench --rate 20000 --window 2000 --queues 10 --consumers 10 --json)";

int Main(int argc, char** argv) {
  Workload workload;
  bool json = false;
  bool auto_ack = false;
  bool quiet = false;
  double duration_s = 10;
  double warmup_s = 1;
  CLI::App app("warren-bench: load a Warren message broker", "warren-bench");
  app.footer(kFooter);
  const auto add = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  add("--address", workload.connection.address, "Broker, host:port")->envname("WARRENCTL_ADDRESS");
  add("--vhost", workload.connection.virtual_host, "Virtual host")->envname("WARRENCTL_VHOST");
  add("--producers", workload.producers, "Producers")->check(CLI::Range(0, 10'000));
  add("--consumers", workload.consumers, "Consumers")->check(CLI::Range(0, 10'000));
  add("--queues", workload.queues, "Queues")->check(CLI::Range(1, 100'000));
  add("--queue-prefix", workload.queue_prefix, "Their names, followed by a number");
  add("--size", workload.size_bytes, "Bytes of a body; at least 8")->check(CLI::Range(8, 1 << 30));
  add("--rate", workload.rate, "Messages a second, all producers together; 0: no limit")
      ->check(CLI::NonNegativeNumber);
  add("--window", workload.window, "Most messages of a producer without confirm")
      ->check(CLI::Range(1, 10'000'000));
  app.add_flag("--persistent", workload.persistent, "Durable queues, persistent messages");
  add("--prefetch", workload.prefetch, "Most unsettled messages of a consumer")
      ->check(CLI::Range(1, 65'535));
  add("--ack-batch", workload.ack_batch, "Messages that one acknowledgement settles")
      ->check(CLI::Range(1, 65'535));
  app.add_flag("--auto-ack", auto_ack, "The broker settles messages as it sends them");
  add("--count", workload.count, "Messages in all, measured without warm-up; 0: by time");
  add("--duration", duration_s, "Seconds to measure")->check(CLI::PositiveNumber);
  add("--warmup", warmup_s, "Seconds before that")->check(CLI::NonNegativeNumber);
  app.add_flag("--keep", workload.keep_queues, "Don't delete the queues at the end");
  app.add_flag("--json", json, "Print the result as JSON");
  app.add_flag("--quiet", quiet, "No line a second");
  try {
    app.parse(argc, argv);
    if (workload.ack_batch > workload.prefetch) {
      throw CLI::ValidationError("--ack-batch", "more than --prefetch: no message would follow");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (auto_ack) workload.ack_batch = 0;
  const auto milliseconds = [](double s) {
    return std::chrono::milliseconds(static_cast<int64_t>(s * 1e3));
  };
  workload.duration = milliseconds(duration_s);
  workload.warmup = milliseconds(warmup_s);

  const auto result = Run(workload, !quiet);
  if (!result.ok()) {
    const client::ErrorInfo info = client::ErrorInfoOf(result.status());
    std::cerr << "warren-bench: " << result.status().message() << " (" << info.reason << ")\n";
    return info.reason == client::kUnavailable ? 3 : 1;
  }
  if (json) {
    std::cout << ToJson(*result).dump(2) << '\n';
  } else {
    PrintTable(*result);
  }
  const bool complete = result->confirmed == result->consumed || workload.consumers == 0;
  return complete && result->refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace warren::tools

int main(int argc, char** argv) { return warren::tools::Main(argc, argv); }
