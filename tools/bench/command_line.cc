#include "tools/bench/command_line.h"

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

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
                   {"redelivered", result.redelivered},
                   {"out_of_order", result.out_of_order}};
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
              "%llu redelivered, %llu out of order\n",
              "in all", static_cast<unsigned long long>(result.published),
              static_cast<unsigned long long>(result.confirmed),
              static_cast<unsigned long long>(result.refused),
              static_cast<unsigned long long>(result.consumed),
              static_cast<unsigned long long>(result.redelivered),
              static_cast<unsigned long long>(result.out_of_order));
  std::printf("%-12s  %.2f cores over %.1f s\n", "this process", result.cpu_cores, result.seconds);
}

}  // namespace

int RunBenchProgram(const BenchProgram& program, int argc, char** argv) {
  Workload workload;
  bool json = false;
  bool auto_ack = false;
  bool quiet = false;
  double duration_s = 10;
  double warmup_s = 1;
  CLI::App app(program.description, program.name);
  app.footer(program.footer);
  program.add_flags(app);
  const auto add = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
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
  add("--count", workload.count,
      "Messages in all, measured without warm-up; without producers: to consume; 0: by time");
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

  const auto target = program.connect();
  const auto result = target.ok() ? Run(**target, workload, !quiet) : target.status();
  if (!result.ok()) {
    std::cerr << program.name << ": " << program.explain(result.status()) << '\n';
    return absl::IsUnavailable(result.status()) ? 3 : 1;
  }
  if (json) {
    std::cout << ToJson(*result).dump(2) << '\n';
  } else {
    PrintTable(*result);
  }
  return result->complete ? 0 : 1;
}

}  // namespace warren::tools
