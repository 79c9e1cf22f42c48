#include "tools/bench/command_line.h"

#include <iostream>
#include <map>
#include <type_traits>

#include "tools/bench/report.h"
#include "tools/bench/workload.h"

namespace warren::tools {
namespace {

// What stands on the command line, beside the workload itself.
struct Flags {
  Workload workload;
  std::string size = "1024";
  std::string topology = "direct";
  double warmup_s = 1;
  double duration_s = 10;
  double patience_s = 5;
  bool auto_ack = false;
  bool json = false;
  bool quiet = false;
};

const std::map<std::string, Topology> kTopologies = {
    {"direct", Topology::kDirect}, {"topic", Topology::kTopic}, {"fanout", Topology::kFanout}};

// Limits are told by those who break them; in the help they would hide what matters.
CLI::Validator Quiet(CLI::Validator validator) { return validator.description(""); }

CLI::Validator Within(int64_t least, int64_t most) { return Quiet(CLI::Range(least, most)); }

template <typename Value>
CLI::Option* Add(CLI::App& app, const char* group, const char* name, Value& value,
                 const char* help) {
  return app.add_option(name, value, help)
      ->capture_default_str()
      ->group(group)
      ->type_name(std::is_arithmetic_v<Value> ? "N" : "TEXT");
}

void AddRoutingFlags(CLI::App& app, Flags& flags) {
  constexpr char kGroup[] = "Queues and ways to them";
  Workload& workload = flags.workload;
  Add(app, kGroup, "--queues", workload.queues, "Queues")->check(Within(1, 100'000));
  Add(app, kGroup, "--queue-prefix", workload.queue_prefix, "Their names, followed by a number");
  Add(app, kGroup, "--topology", flags.topology,
      "direct: by the default exchange, to the queues in turn; topic: the same by a topic exchange; "
      "fanout: each message to every queue")
      ->check(Quiet(CLI::IsMember(kTopologies)))
      ->type_name("direct|topic|fanout");
  Add(app, kGroup, "--bindings", workload.other_bindings,
      "Bindings of each queue that match no message; with --topology topic")
      ->check(Within(0, 10'000'000));
  Add(app, kGroup, "--matching", workload.matching_bindings,
      "Bindings of each queue that match its messages; with --topology topic")
      ->check(Within(1, kMostMatchingBindings));
  app.add_flag("--keep", workload.keep_queues, "Delete nothing at the end")->group(kGroup);
}

void AddProducerFlags(CLI::App& app, Flags& flags) {
  constexpr char kGroup[] = "Producers";
  Workload& workload = flags.workload;
  Add(app, kGroup, "--producers", workload.producers, "Producers; 0: only consume, see --count")
      ->check(Within(0, 10'000));
  Add(app, kGroup, "--size", flags.size,
      "Bytes of a body, at least 8; or a mix, each size with its share: 100,1024:3,65536")
      ->type_name("SIZE[:SHARE],...");
  Add(app, kGroup, "--rate", workload.rate,
      "Messages a second, all producers together; 0: as fast as confirms come")
      ->check(Quiet(CLI::NonNegativeNumber));
  Add(app, kGroup, "--window", workload.window, "Most messages of a producer without confirm")
      ->check(Within(1, 10'000'000));
  app.add_flag("--persistent", workload.persistent, "Durable queues, persistent messages")
      ->group(kGroup);
}

void AddConsumerFlags(CLI::App& app, Flags& flags) {
  constexpr char kGroup[] = "Consumers";
  Workload& workload = flags.workload;
  Add(app, kGroup, "--consumers", workload.consumers,
      "Consumers, spread over the queues; 0: only publish")
      ->check(Within(0, 10'000));
  Add(app, kGroup, "--prefetch", workload.prefetch, "Most unsettled messages of a consumer")
      ->check(Within(1, 65'535));
  Add(app, kGroup, "--ack-batch", workload.ack_batch, "Messages that one acknowledgement settles")
      ->check(Within(1, 65'535));
  app.add_flag("--auto-ack", flags.auto_ack, "The broker settles messages as it sends them")
      ->group(kGroup)
      ->excludes("--ack-batch");
}

void AddRunFlags(CLI::App& app, Flags& flags) {
  constexpr char kGroup[] = "The run";
  Workload& workload = flags.workload;
  Add(app, kGroup, "--transaction", workload.transaction,
      "Publishes of a producer in one transaction, and deliveries of a consumer that one settles; "
      "one transaction of each is under way at a time. 0: no transactions")
      ->check(Within(0, 10'000))
      ->excludes("--ack-batch")
      ->excludes("--auto-ack");
  Add(app, kGroup, "--warmup", flags.warmup_s, "Seconds before anything is measured")
      ->check(Quiet(CLI::NonNegativeNumber));
  Add(app, kGroup, "--duration", flags.duration_s, "Seconds to measure")
      ->check(Quiet(CLI::PositiveNumber));
  Add(app, kGroup, "--count", workload.count,
      "Messages in all, measured without warm-up; without producers: to consume; 0: by time");
  Add(app, kGroup, "--patience", flags.patience_s,
      "Seconds without any delivery, at the end, after which what is missing counts as lost")
      ->check(Quiet(CLI::PositiveNumber));
  app.add_flag("--json", flags.json, "Print the result as JSON")->group(kGroup);
  app.add_flag("--quiet", flags.quiet, "Don't show the rates while it runs")->group(kGroup);
}

// Which flags don't go together. Throws CLI::ValidationError.
void CheckTogether(const BenchProgram& program, const Workload& workload) {
  const auto refuse = [](const char* flag, const std::string& why) {
    throw CLI::ValidationError(flag, why);
  };
  if (workload.topology != Topology::kDirect && !program.knows_exchanges) {
    refuse("--topology", program.name + " knows direct alone");
  }
  if (workload.transaction > 0 && !program.knows_transactions) {
    refuse("--transaction", program.name + " knows no transactions");
  }
  if (workload.topology != Topology::kTopic &&
      (workload.other_bindings != 0 || workload.matching_bindings != 1)) {
    refuse("--bindings and --matching", "they need --topology topic");
  }
  if (workload.producers == 0 && workload.consumers == 0) {
    refuse("--producers", "no producers and no consumers: nothing to do");
  }
  if (workload.consumers > 0 && workload.consumers < workload.queues) {
    refuse("--consumers", "fewer than --queues: messages in the others would wait for ever");
  }
  if (workload.ack_batch > workload.prefetch) {
    refuse("--ack-batch", "more than --prefetch: no message would follow");
  }
  if (workload.transaction > workload.prefetch) {
    refuse("--transaction", "more than --prefetch: no message would follow");
  }
  if (program.check == nullptr) return;
  const absl::Status checked = program.check(workload);
  if (!checked.ok()) throw CLI::ValidationError(std::string(checked.message()));
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1e3));
}

}  // namespace

int RunBenchProgram(const BenchProgram& program, int argc, char** argv) {
  Flags flags;
  Workload& workload = flags.workload;
  CLI::App app(program.description, program.name);
  app.footer(program.footer);
  AddRoutingFlags(app, flags);
  AddProducerFlags(app, flags);
  AddConsumerFlags(app, flags);
  AddRunFlags(app, flags);
  program.add_flags(app);
  try {
    app.parse(argc, argv);
    workload.topology = kTopologies.at(flags.topology);
    const auto sizes = SizeMix::Parse(flags.size);
    if (!sizes.ok()) throw CLI::ValidationError("--size", std::string(sizes.status().message()));
    workload.sizes = *sizes;
    CheckTogether(program, workload);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (flags.auto_ack) workload.ack_batch = 0;
  workload.duration = Milliseconds(flags.duration_s);
  workload.warmup = Milliseconds(flags.warmup_s);
  workload.patience = Milliseconds(flags.patience_s);

  const auto target = program.connect();
  const auto result = target.ok() ? Run(**target, workload, !flags.quiet) : target.status();
  if (!result.ok()) {
    std::cerr << program.name << ": " << program.explain(result.status()) << '\n';
    return absl::IsUnavailable(result.status()) ? 3 : 1;
  }
  if (flags.json) {
    std::cout << ToJson(workload, *result) << '\n';
  } else {
    PrintTable(*result);
  }
  return result->complete ? 0 : 1;
}

}  // namespace warren::tools
