// GetOverview, GetConfiguration, SetLogLevels, Drain.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/api/admin/peers.h"
#include "server/api/convert/limits.h"
#include "server/api/handlers.h"
#include "server/api/look.h"
#include "server/runtime/log.h"

namespace warren::api {
namespace {

constexpr int64_t kMillisPerSecond = 1000;

void SetUsage(const core::Usage& usage, v1::GetOverviewResponse& response) {
  response.set_ready_messages(usage.ready_messages);
  response.set_delayed_messages(usage.delayed_messages);
  response.set_unsettled_messages(usage.unsettled_messages);
  response.set_memory_used_bytes(usage.memory_bytes);
  response.set_queues(usage.queues);
  response.set_exchanges(usage.exchanges);
  response.set_bindings(usage.bindings);
  response.set_consumers(usage.consumers);
  response.set_publishers(usage.publishers);
  response.set_enqueued_total(usage.enqueued_total);
  response.set_delivered_total(usage.delivered_total);
  response.set_acked_total(usage.acked_total);
  response.set_redelivered_total(usage.redelivered_total);
  response.set_dead_lettered_total(usage.dead_lettered_total);
  response.set_storage_pending_records(usage.pending_records);
}

class GetOverview {
 public:
  using Request = v1::GetOverviewRequest;
  using Response = v1::GetOverviewResponse;
  static constexpr auto kRequest = &RawAdminService::RequestGetOverview;

  static absl::Status Begin(const Caller& caller, Request&, Response& response) {
    const Facts& facts = caller.api.facts;
    response.set_version(facts.version);
    response.set_revision(facts.revision);
    response.set_node(facts.node);
    response.set_storage_backend(facts.storage_backend);
    response.set_memory_limit_bytes(facts.memory_limit);
    SetTimestamp(caller.api.serving_since_ms, response.mutable_serving_since());
    if (const int64_t expires_at = caller.api.auth_stats.certificate_expires_at; expires_at != 0) {
      SetTimestamp(expires_at * kMillisPerSecond, response.mutable_certificate_expires_at());
    }
    return absl::OkStatus();
  }

  // Only the connections have to be counted; what else there is to tell is so at the end of that.
  absl::StatusOr<bool> Continue(const Caller& caller, Response& response) {
    if (!peers_.GoOn(caller)) return false;
    const runtime::Loop& loop = caller.api.loop;
    response.set_connections(peers_.peers().size());
    response.set_draining(!loop.shutdown().stopping().ok());
    response.set_storage_trouble(loop.flow().StorageTrouble());
    const runtime::Hold& hold = loop.flow().announced();
    if (hold.reason != runtime::HoldReason::kNone) {
      const std::string_view reason = runtime::HoldReasonName(hold.reason);
      response.mutable_alarm()->set_reason(reason.data(), reason.size());
      response.mutable_alarm()->set_message(hold.message);
    }
    SetUsage(caller.broker().usage(), response);
    return true;
  }

 private:
  PeerWalk peers_;
};

struct GetConfiguration {
  using Request = v1::GetConfigurationRequest;
  using Response = v1::GetConfigurationResponse;
  static constexpr auto kRequest = &RawAdminService::RequestGetConfiguration;

  static absl::Status Begin(const Caller& caller, Request&, Response& response) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kAdministrator); !s.ok()) return s;
    for (const ConfiguredOption& option : caller.api.facts.configuration) {
      v1::ConfiguredOption& proto = *response.add_options();
      proto.set_key(option.key);
      proto.set_value(option.value);
      proto.set_origin(option.origin);
    }
    return absl::OkStatus();
  }
};

struct SetLogLevels {
  using Request = v1::SetLogLevelsRequest;
  using Response = v1::SetLogLevelsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestSetLogLevels;

  static absl::Status Begin(const Caller& caller, Request& request, Response& response) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kAdministrator); !s.ok()) return s;
    runtime::LogLevels levels = runtime::LogLevelsNow();
    // "all" first, whatever the order of the map: a category's own level counts over it.
    if (const auto all = request.levels().find("all"); all != request.levels().end()) {
      runtime::LogLevel level;
      if (!runtime::ParseLogLevel(all->second, level)) return NoSuchLevel(all->second);
      levels.SetAll(level);
    }
    for (const auto& [name, level_name] : request.levels()) {
      runtime::LogCategory category;
      runtime::LogLevel level;
      if (name == "all") continue;
      if (!runtime::ParseLogCategory(name, category)) return NoSuchCategory(name);
      if (!runtime::ParseLogLevel(level_name, level)) return NoSuchLevel(level_name);
      levels.Set(category, level);
    }
    runtime::SetLogLevels(levels);
    std::string text;
    for (size_t i = 0; i < runtime::kLogCategories; ++i) {
      const auto category = static_cast<runtime::LogCategory>(i);
      const std::string name(runtime::LogCategoryName(category));
      const std::string level(runtime::LogLevelName(levels.Of(category)));
      (*response.mutable_levels())[name] = level;
      absl::StrAppend(&text, i == 0 ? "" : ",", name, "=", level);
    }
    runtime::Log(runtime::LogLevel::kWarning, "log levels changed",
                 {{"levels", text}, {"user", caller.access.user_name()}});
    return absl::OkStatus();
  }

  static absl::Status NoSuchLevel(const std::string& name) {
    return InvalidField("levels", "LOG_LEVEL_INVALID",
                        absl::StrCat("\"", name, "\" is none of debug, info, warning, error"));
  }
  static absl::Status NoSuchCategory(const std::string& name) {
    return InvalidField("levels", "LOG_CATEGORY_INVALID",
                        absl::StrCat("\"", name, "\" is none of the categories ",
                                     runtime::LogCategoryNames(), ", all"));
  }
};

struct Drain {
  using Request = v1::DrainRequest;
  using Response = v1::DrainResponse;
  static constexpr auto kRequest = &RawAdminService::RequestDrain;

  static absl::Status Begin(const Caller& caller, Request&, Response&) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kAdministrator); !s.ok()) return s;
    runtime::Log(runtime::LogLevel::kInfo, "asked to drain and stop",
                 {{"user", caller.access.user_name()},
                  {"connection", std::string(caller.session.View().peer)}});
    // That holds, and it begins at the end of this turn. Who waited for it might find the broker
    // over already.
    caller.api.loop.RequestStop();
    return absl::OkStatus();
  }
};

}  // namespace

void ServeAdminBroker(Api& api) {
  ServeLook<GetOverview>(api, "GetOverview");
  ServeLook<GetConfiguration>(api, "GetConfiguration");
  ServeLook<SetLogLevels>(api, "SetLogLevels");
  ServeLook<Drain>(api, "Drain");
}

void ServeAdmin(Api& api) {
  ServeAdminBroker(api);
  ServeAdminVirtualHosts(api);
  ServeAdminExchanges(api);
  ServeAdminQueues(api);
  ServeAdminBindings(api);
  ServeAdminMessages(api);
  ServeAdminConnections(api);
  ServeAdminConsumers(api);
  ServeAdminDefinitions(api);
  ServeAdminUsers(api);
  ServeAdminPolicies(api);
}

}  // namespace warren::api
