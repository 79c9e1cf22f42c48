// warren-bench: loads a broker and says how it fared.
#include "tools/bench/command_line.h"
#include "tools/bench/warren_target.h"
#include "warren/client/error.h"

namespace warren::tools {
namespace {

constexpr char kFooter[] = R"(
Each producer and consumer has a connection of its own. Messages go through the default exchange to
the queues in turn. Latency counts from the time a message was due, so with --rate a stall shows in
every message that it held up. Rates are those of the measured time, after the warm-up.

Examples:
  warren-bench --persistent --duration 30
  warren-bench --rate 20000 --window 2000 --queues 10 --consumers 10 --json)";

int Main(int argc, char** argv) {
  WarrenTarget::Options options;
  BenchProgram program{.name = "warren-bench",
                       .description = "warren-bench: load a Warren message broker",
                       .footer = kFooter};
  program.add_flags = [&options](CLI::App& app) {
    app.add_option("--address", options.connection.address, "Broker, host:port")
        ->envname("WARRENCTL_ADDRESS")
        ->capture_default_str();
    app.add_option("--vhost", options.connection.virtual_host, "Virtual host")
        ->envname("WARRENCTL_VHOST")
        ->capture_default_str();
    app.add_option("--ack-lag", options.ack_lag,
                   "Latest deliveries of a consumer that it leaves unsettled while more come; from "
                   "--window on, all that is settled was confirmed before")
        ->check(CLI::Range(0, 65'535))
        ->capture_default_str();
  };
  program.connect = [&options] { return WarrenTarget::Connect(options); };
  program.explain = [](const absl::Status& status) {
    return std::string(status.message()) + " (" + client::ErrorInfoOf(status).reason + ")";
  };
  return RunBenchProgram(program, argc, argv);
}

}  // namespace
}  // namespace warren::tools

int main(int argc, char** argv) { return warren::tools::Main(argc, argv); }
