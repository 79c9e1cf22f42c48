// warren-bench: loads a broker and says how it fared.
#include "tools/bench/command_line.h"
#include "tools/bench/warren_target.h"
#include "tools/login/login_flags.h"
#include "warren/client/error.h"

namespace warren::tools {
namespace {

constexpr char kFooter[] = R"(What it does:
  It declares exchange, queues and bindings, connects consumers and producers (streams that
  share --connections), loads the broker for --duration, waits until all that was confirmed is consumed, and
  deletes what it declared. Figures are those of the measured time, after the warm-up.

  Latency counts from the time a message was due by --rate until its confirm, and until its delivery;
  so a stall shows in every message that it held up. Without --rate latency only says how long a full
  window takes to pass: look at the rates then.

  Each body says which message it is. The run fails if one is refused, lost, doubled or out of order
  (what is flagged as redelivered may come again, and at any time). Bodies below 24 bytes are counted,
  and not told apart.

Exit status:
  0 every message came through; 1 not so, or the broker refused something; 2 the flags make no sense;
  3 the broker can't be reached.

Examples:
  How much goes through one queue, written to disk before each confirm?
    warren-bench --persistent --ack-batch 100
  How long do messages take at 10,000 a second?
    warren-bench --persistent --rate 10000 --duration 30
  Ten queues with a producer each, mostly small messages and some large ones:
    warren-bench --queues 10 --producers 10 --consumers 10 --size 200:9,20000
  Each message to eight queues:
    warren-bench --topology fanout --queues 8 --consumers 8
  A topic exchange with 100,000 bindings that match nothing:
    warren-bench --topology topic --queues 10 --consumers 10 --bindings 10000
  Transactions of 100 messages, by four producers:
    warren-bench --persistent --producers 4 --transaction 100
  Fill a queue, and drain it later:
    warren-bench --persistent --consumers 0 --count 1000000 --keep
    warren-bench --persistent --producers 0 --count 1000000 --json)";

int Main(int argc, char** argv) {
  WarrenTarget::Options options;
  BenchProgram program{.name = "warren-bench",
                       .description = "warren-bench: load a Warren message broker",
                       .footer = kFooter,
                       .knows_exchanges = true,
                       .knows_transactions = true};
  LoginFlags login;
  program.add_flags = [&options, &login](CLI::App& app) {
    login.AddTo(app);
    app.add_option("--address", options.connection.address, "Broker, host:port")
        ->envname("WARRENCTL_ADDRESS")
        ->capture_default_str();
    app.add_option("--vhost", options.connection.virtual_host, "Virtual host")
        ->envname("WARRENCTL_VHOST")
        ->capture_default_str();
    app.add_option("--connections", options.connections,
                   "Connections that all producers and consumers share; more than one shows what "
                   "many client processes cost the broker")
        ->check(CLI::Range(1, 10'000).description(""))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--consumers-per-stream", options.consumers_per_stream,
                   "Consumers that share a stream; 0: each of up to 32 has its own, more share one "
                   "a connection. Transactions have their own")
        ->check(CLI::Range(0, 10'000).description(""))
        ->type_name("N")
        ->group("Consumers")
        ->capture_default_str();
    app.add_option("--ack-lag", options.ack_lag,
                   "Latest deliveries of a consumer that it leaves unsettled while more come; from "
                   "--window on, all that is settled was confirmed before")
        ->check(CLI::Range(0, 65'535).description(""))
        ->type_name("N")
        ->group("Consumers")
        ->capture_default_str();
  };
  program.check = [&options](const Workload& workload) -> absl::Status {
    if (options.ack_lag == 0) return absl::OkStatus();
    if (workload.transaction == 0 && workload.ack_batch > 1 &&
        options.ack_lag + workload.ack_batch <= workload.prefetch) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "--ack-lag needs an --ack-batch above 1 and a --prefetch of both together at least");
  };
  program.connect = [&options, &login]() -> absl::StatusOr<std::unique_ptr<Target>> {
    if (absl::Status wrong = login.Apply(options.connection); !wrong.ok()) return wrong;
    return WarrenTarget::Connect(options);
  };
  program.explain = [](const absl::Status& status) {
    return std::string(status.message()) + " (" + client::ErrorInfoOf(status).reason + ")";
  };
  return RunBenchProgram(program, argc, argv);
}

}  // namespace
}  // namespace warren::tools

int main(int argc, char** argv) { return warren::tools::Main(argc, argv); }
