// warrenctl status | ping | top
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tools/warrenctl/listing.h"

namespace warren::tools {
namespace {

using Json = nlohmann::ordered_json;
using Overview = v1::GetOverviewResponse;

// What is wrong, in a line; "" if nothing is.
std::string Trouble(const Overview& overview) {
  if (!overview.storage_trouble().empty()) return "the store: " + overview.storage_trouble();
  if (overview.draining()) return "it drains, and stops then";
  if (overview.has_alarm()) {
    return "publishers are held, " + overview.alarm().reason() + ": " + overview.alarm().message();
  }
  return "";
}

Json ForPeople(const Overview& o) {
  Json object;
  const std::string trouble = Trouble(o);
  object["health"] = trouble.empty() ? "good" : trouble;
  object["broker"] = o.node() + ", version " + o.version() + " (" + o.revision() + ")";
  object["serving for"] = Age(o.serving_since());
  object["messages"] = absl::StrFormat("%d ready, %d unsettled, %d delayed", o.ready_messages(),
                                       o.unsettled_messages(), o.delayed_messages());
  object["memory"] = absl::StrFormat("%s of %s", Size(o.memory_used_bytes()),
                                     Size(o.memory_limit_bytes()));
  object["store"] = absl::StrFormat("%s, %d records wait", o.storage_backend(),
                                    o.storage_pending_records());
  object["topology"] = absl::StrFormat("%d queues, %d exchanges, %d bindings", o.queues(),
                                       o.exchanges(), o.bindings());
  object["clients"] = absl::StrFormat("%d connections, %d publishers, %d consumers",
                                      o.connections(), o.publishers(), o.consumers());
  object["since its start"] = absl::StrFormat(
      "%d in, %d delivered (%d again), %d acknowledged, %d dead-lettered", o.enqueued_total(),
      o.delivered_total(), o.redelivered_total(), o.acked_total(), o.dead_lettered_total());
  if (o.has_certificate_expires_at()) {
    object["certificate"] = "ends in " + TimeLeft(o.certificate_expires_at());
  }
  return object;
}

void AddStatus(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("status", "Show how the broker is doing");
  context.OnChosen(verb, [&context](client::Connection& connection) {
    auto overview = GetOverview(connection);
    if (!overview.ok()) return overview.status();
    PrintObject(std::cout, context.format,
                context.format == OutputFormat::kTable ? ForPeople(*overview)
                                                       : MessageToJson(*overview));
    return absl::OkStatus();
  });
}

void AddPing(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("ping", "Measure how long the broker takes to answer");
  auto count = std::make_shared<int>(5);
  verb->add_option("--count", *count, "How often")->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  context.OnChosen(verb, [&context, count](client::Connection& connection) {
    std::vector<double> ms;
    for (int i = 0; i < *count; ++i) {
      const absl::Time begun = absl::Now();
      if (auto overview = GetOverview(connection); !overview.ok()) return overview.status();
      ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begun));
    }
    std::sort(ms.begin(), ms.end());
    const double middle = ms[ms.size() / 2];
    PrintLine(std::cout, context.format,
              absl::StrFormat("%d answers: shortest %.2f, median %.2f, longest %.2f ms", ms.size(),
                              ms.front(), middle, ms.back()),
              Json{{"count", ms.size()},
                   {"min_ms", ms.front()},
                   {"median_ms", middle},
                   {"max_ms", ms.back()}});
    return absl::OkStatus();
  });
}

// ---- top ----

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int) { interrupted = 1; }

struct TopOptions {
  double interval_s = 2;
  uint64_t rounds = 0;
  int queues = 20;
};

// One look at the broker.
struct Look {
  absl::Time at;
  Overview overview;
  std::map<std::pair<std::string, std::string>, v1::Queue> queues;
};

absl::StatusOr<Look> LookAt(client::Connection& connection, const std::string& virtual_host) {
  Look look{.at = absl::Now(), .overview = {}, .queues = {}};
  auto overview = GetOverview(connection);
  if (!overview.ok()) return overview.status();
  look.overview = *std::move(overview);
  v1::ListQueuesRequest request;
  request.set_virtual_host(virtual_host);
  request.set_page_size(kPageSize);
  client::Admin admin(connection);
  const absl::Status status = admin.ForEachPage(
      &client::Admin::Stub::ListQueues, request, [&](v1::ListQueuesResponse page) {
        for (v1::Queue& queue : *page.mutable_queues()) {
          look.queues[{queue.virtual_host(), queue.name()}] = std::move(queue);
        }
      });
  if (!status.ok()) return status;
  return look;
}

double Rate(uint64_t now, uint64_t before, absl::Duration span) {
  // A queue made anew, or a broker that was started again, counts from zero.
  return now < before ? 0 : static_cast<double>(now - before) / absl::ToDoubleSeconds(span);
}

struct BusyQueue {
  const v1::Queue* queue;
  double in = 0;
  double out = 0;
  double acked = 0;
};

std::vector<BusyQueue> BusiestFirst(const Look& now, const Look& before) {
  std::vector<BusyQueue> queues;
  const absl::Duration span = now.at - before.at;
  for (const auto& [key, queue] : now.queues) {
    const auto old = before.queues.find(key);
    const v1::Queue& then = old == before.queues.end() ? queue : old->second;
    queues.push_back({.queue = &queue,
                      .in = Rate(queue.published_total(), then.published_total(), span),
                      .out = Rate(queue.delivered_total(), then.delivered_total(), span),
                      .acked = Rate(queue.acked_total(), then.acked_total(), span)});
  }
  std::stable_sort(queues.begin(), queues.end(), [](const BusyQueue& a, const BusyQueue& b) {
    const auto weight = [](const BusyQueue& q) { return q.in + q.out; };
    if (weight(a) != weight(b)) return weight(a) > weight(b);
    return a.queue->ready_messages() > b.queue->ready_messages();
  });
  return queues;
}

Json RateRow(const BusyQueue& busy, bool for_people) {
  const auto rate = [for_people](double value) {
    return for_people ? Json(static_cast<uint64_t>(value + 0.5)) : Json(value);
  };
  Json row;
  row["vhost"] = busy.queue->virtual_host();
  row["queue"] = busy.queue->name();
  row["in/s"] = rate(busy.in);
  row["out/s"] = rate(busy.out);
  row["ack/s"] = rate(busy.acked);
  row["ready"] = busy.queue->ready_messages();
  row["unsettled"] = busy.queue->unsettled_messages();
  row["consumers"] = busy.queue->consumers();
  row["oldest"] = Age(busy.queue->head_ready_since());
  return row;
}

void ShowTop(const Context& context, const Look& now, const Look& before, int most) {
  const absl::Duration span = now.at - before.at;
  const Overview& o = now.overview;
  const Overview& old = before.overview;
  const bool for_people = context.format == OutputFormat::kTable;
  Json rows = Json::array();
  for (const BusyQueue& busy : BusiestFirst(now, before)) {
    if (rows.size() == static_cast<size_t>(most)) break;
    rows.push_back(RateRow(busy, for_people));
  }
  const double in = Rate(o.enqueued_total(), old.enqueued_total(), span);
  const double out = Rate(o.delivered_total(), old.delivered_total(), span);
  const double again = Rate(o.redelivered_total(), old.redelivered_total(), span);
  const double acked = Rate(o.acked_total(), old.acked_total(), span);
  if (!for_people) {
    const Json line = {{"in_per_s", in},         {"out_per_s", out}, {"redelivered_per_s", again},
                       {"acked_per_s", acked},   {"overview", MessageToJson(o)},
                       {"queues", std::move(rows)}};
    PrintLine(std::cout, context.format, "", line);
    return;
  }
  const std::string trouble = Trouble(o);
  // To the upper left corner of an empty screen.
  if (isatty(STDOUT_FILENO) == 1) std::cout << "\033[H\033[2J";
  std::cout << absl::StrFormat(
      "%s, serving for %s: %s\n"
      "in %.0f/s, out %.0f/s (%.0f/s again), acknowledged %.0f/s\n"
      "%d ready, %d unsettled, %d delayed; memory %s of %s; %d connections, %d consumers\n\n",
      o.node(), Age(o.serving_since()), trouble.empty() ? "good" : trouble, in, out, again, acked,
      o.ready_messages(), o.unsettled_messages(), o.delayed_messages(),
      Size(o.memory_used_bytes()), Size(o.memory_limit_bytes()), o.connections(), o.consumers());
  PrintRows(std::cout, context.format, rows);
  std::cout << std::flush;
}

absl::Status Top(const Context& context, client::Connection& connection, const TopOptions& options,
                 const std::string& virtual_host) {
  std::signal(SIGINT, OnInterrupt);
  std::signal(SIGTERM, OnInterrupt);
  auto before = LookAt(connection, virtual_host);
  if (!before.ok()) return before.status();
  for (uint64_t round = 0; options.rounds == 0 || round < options.rounds; ++round) {
    const absl::Time next = before->at + absl::Seconds(options.interval_s);
    while (interrupted == 0 && absl::Now() < next) {
      absl::SleepFor(std::min(next - absl::Now(), absl::Milliseconds(100)));
    }
    if (interrupted != 0) break;
    auto now = LookAt(connection, virtual_host);
    if (!now.ok()) return now.status();
    ShowTop(context, *now, *before, options.queues);
    before = std::move(now);
  }
  return absl::OkStatus();
}

void AddTop(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("top", "Watch rates and the busiest queues, until interrupted");
  auto options = std::make_shared<TopOptions>();
  verb->add_option("--interval", options->interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds, "End after so many; 0: never")
      ->capture_default_str();
  verb->add_option("--queues", options->queues, "Most queues that are shown")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  const auto flags = AddListFlags(verb, false);
  context.OnChosen(verb, [&context, options, flags](client::Connection& connection) {
    return Top(context, connection, *options, flags->virtual_host(context));
  });
}

}  // namespace

void AddStatusCommands(CLI::App& app, Context& context) {
  AddStatus(app, context);
  AddPing(app, context);
  AddTop(app, context);
}

}  // namespace warren::tools
