// warrenctl check alive | ready | alarms | storage | cert | queue, for Nagios and what speaks its
// language: a line, and the exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
#include <grpcpp/channel.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;

enum Severity { kOk = 0, kWarning = 1, kCritical = 2, kUnknown = 3 };

struct Finding {
  Severity severity = kOk;
  std::string text;
  std::string figures;  // NAME=VALUE…, as Nagios reads them; "" for none
};

std::string_view NameOf(Severity severity) {
  switch (severity) {
    case kOk:
      return "OK";
    case kWarning:
      return "WARNING";
    case kCritical:
      return "CRITICAL";
    case kUnknown:
      break;
  }
  return "UNKNOWN";
}

// Prints it, and makes its exit code warrenctl's.
void Tell(Context& context, const Finding& finding) {
  std::string line = absl::StrFormat("%s - %s", NameOf(finding.severity), finding.text);
  if (!finding.figures.empty()) line += " | " + finding.figures;
  PrintLine(std::cout, context.format, line,
            Json{{"status", NameOf(finding.severity)},
                 {"text", finding.text},
                 {"figures", finding.figures}});
  context.exit_code = finding.severity;
}

// A verb whose `look` gives a Finding, or the reason why that can't be told.
template <typename Look>
void OnCheck(CLI::App* verb, Context& context, Look look) {
  context.OnChosen(verb, [&context, look](client::Connection& connection) {
    absl::StatusOr<Finding> finding = look(connection);
    if (!finding.ok()) {
      finding = Finding{.severity = kUnknown,
                        .text = std::string(finding.status().message()),
                        .figures = {}};
    }
    Tell(context, *finding);
    return absl::OkStatus();
  });
}

void AddAlive(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("alive", "It answers");
  OnCheck(verb, context, [](client::Connection&) -> absl::StatusOr<Finding> {
    // That there is a connection says so.
    return Finding{.severity = kOk, .text = "the broker answers", .figures = {}};
  });
}

void AddReady(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("ready", "It serves: its store is there, and it doesn't drain");
  OnCheck(verb, context, [](client::Connection& connection) -> absl::StatusOr<Finding> {
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + connection.options().call_timeout);
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status = grpc::health::v1::Health::Stub(connection.channel())
                                    .Check(&call, grpc::health::v1::HealthCheckRequest(), &response);
    if (!status.ok()) {
      return Finding{.severity = kCritical, .text = status.error_message(), .figures = {}};
    }
    const bool serving =
        response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
    return Finding{.severity = serving ? kOk : kCritical,
                   .text = serving ? "the broker serves" : "the broker doesn't serve for now",
                   .figures = {}};
  });
}

void AddAlarms(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("alarms", "Publishers aren't held");
  OnCheck(verb, context, [](client::Connection& connection) -> absl::StatusOr<Finding> {
    auto overview = GetOverview(connection);
    if (!overview.ok()) return overview.status();
    const std::string figures =
        absl::StrFormat("memory=%dB;;;0;%d", overview->memory_used_bytes(),
                        overview->memory_limit_bytes());
    if (!overview->has_alarm()) {
      return Finding{.severity = kOk, .text = "no alarm", .figures = figures};
    }
    const v1::Alarm& alarm = overview->alarm();
    // What is over in a moment is no reason to wake anybody.
    return Finding{.severity = alarm.reason() == "JOURNAL_BUSY" ? kWarning : kCritical,
                   .text = alarm.reason() + ": " + alarm.message(),
                   .figures = figures};
  });
}

struct Thresholds {
  uint64_t warning = 0;
  uint64_t critical = 0;

  // Above them; 0: none.
  Severity Of(uint64_t value) const {
    if (critical != 0 && value > critical) return kCritical;
    return warning != 0 && value > warning ? kWarning : kOk;
  }
};

void AddThresholds(CLI::App* verb, const std::string& prefix, const std::string& of_what,
                   Thresholds& thresholds) {
  verb->add_option("--" + prefix + "warning", thresholds.warning,
                   "WARNING above so many " + of_what + "; 0: never")
      ->capture_default_str();
  verb->add_option("--" + prefix + "critical", thresholds.critical,
                   "CRITICAL above so many " + of_what + "; 0: never")
      ->capture_default_str();
}

void AddStorage(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("storage", "The store takes what it is given, in time");
  auto thresholds = std::make_shared<Thresholds>(Thresholds{.warning = 50'000, .critical = 150'000});
  AddThresholds(verb, "", "records that wait", *thresholds);
  OnCheck(verb, context, [thresholds](client::Connection& connection) -> absl::StatusOr<Finding> {
    auto overview = GetOverview(connection);
    if (!overview.ok()) return overview.status();
    const uint64_t pending = overview->storage_pending_records();
    const std::string figures = absl::StrFormat("pending=%d;%d;%d;0", pending, thresholds->warning,
                                                thresholds->critical);
    if (!overview->storage_trouble().empty()) {
      return Finding{
          .severity = kCritical, .text = overview->storage_trouble(), .figures = figures};
    }
    return Finding{.severity = thresholds->Of(pending),
                   .text = absl::StrFormat("%s, %d records wait", overview->storage_backend(), pending),
                   .figures = figures};
  });
}

void AddCertificate(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("cert", "The broker's certificate counts for a while yet");
  struct Days {
    uint64_t warning = 14;
    uint64_t critical = 3;
  };
  auto days = std::make_shared<Days>();
  verb->add_option("--warning", days->warning, "WARNING below so many days")->capture_default_str();
  verb->add_option("--critical", days->critical, "CRITICAL below so many days")
      ->capture_default_str();
  OnCheck(verb, context, [days](client::Connection& connection) -> absl::StatusOr<Finding> {
    auto overview = GetOverview(connection);
    if (!overview.ok()) return overview.status();
    if (!overview->has_certificate_expires_at()) {
      return Finding{.severity = kOk, .text = "the broker has no certificate", .figures = {}};
    }
    const absl::Duration left =
        absl::FromUnixSeconds(overview->certificate_expires_at().seconds()) - absl::Now();
    const auto whole_days = left / absl::Hours(24);
    Severity severity = kOk;
    if (left < absl::Hours(24) * days->warning) severity = kWarning;
    if (left < absl::Hours(24) * days->critical) severity = kCritical;
    return Finding{
        .severity = severity,
        .text = absl::StrFormat("the certificate ends in %d days", whole_days),
        .figures = absl::StrFormat("days=%d;%d:;%d:", whole_days, days->warning, days->critical)};
  });
}

void AddQueue(CLI::App* noun, Context& context) {
  CLI::App* verb = noun->add_subcommand("queue", "A queue is emptied in time, and somebody consumes it");
  struct Options {
    std::string name;
    Thresholds ready;
    Thresholds age_s;
    uint64_t consumers = 0;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("NAME", options->name, "The queue")->required();
  AddThresholds(verb, "", "ready messages", options->ready);
  AddThresholds(verb, "age-", "seconds that the next one has waited", options->age_s);
  verb->add_option("--min-consumers", options->consumers, "CRITICAL below so many consumers")
      ->capture_default_str();
  verb->footer(
      "\nExample:\n"
      "  warrenctl check queue orders --warning 1000 --critical 10000 --age-critical 600 "
      "--min-consumers 1");
  OnCheck(verb, context,
          [&context, options](client::Connection& connection) -> absl::StatusOr<Finding> {
    auto queue = FindQueue(connection, context.virtual_host, options->name);
    if (!queue.ok()) return queue.status();
    const int64_t since = queue->head_ready_since().seconds();
    const auto age = static_cast<uint64_t>(
        since == 0 ? 0 : std::max<int64_t>(0, absl::ToUnixSeconds(absl::Now()) - since));
    Severity severity =
        std::max(options->ready.Of(queue->ready_messages()), options->age_s.Of(age));
    if (queue->consumers() < options->consumers) severity = kCritical;
    return Finding{
        .severity = severity,
        .text = absl::StrFormat("%s: %d ready, the next one for %d s, %d consumers", options->name,
                                queue->ready_messages(), age, queue->consumers()),
        .figures = absl::StrFormat("ready=%d;%d;%d;0 age=%ds;%d;%d;0 consumers=%d",
                                   queue->ready_messages(), options->ready.warning,
                                   options->ready.critical, age, options->age_s.warning,
                                   options->age_s.critical, queue->consumers())};
  });
}

}  // namespace

void AddCheckCommands(CLI::App& app, Context& context) {
  CLI::App* noun = app.add_subcommand("check", "Check one thing; for Nagios and scripts");
  noun->require_subcommand(1);
  noun->footer("\nExit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; no broker at all is CRITICAL.");
  noun->preparse_callback([&context](size_t) { context.unreachable_exit_code = kCritical; });
  AddAlive(noun, context);
  AddReady(noun, context);
  AddAlarms(noun, context);
  AddStorage(noun, context);
  AddCertificate(noun, context);
  AddQueue(noun, context);
}

}  // namespace warren::tools
