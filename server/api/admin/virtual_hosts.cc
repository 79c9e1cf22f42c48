// ListVirtualHosts, CreateVirtualHost, DeleteVirtualHost, SetVirtualHostLimits.
#include "server/api/admin/list.h"
#include "server/api/convert/virtual_host_limits.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"

namespace warren::api {
namespace {

class ListVirtualHosts : public PlainList {
 public:
  using Request = v1::ListVirtualHostsRequest;
  using Response = v1::ListVirtualHostsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListVirtualHosts;
  static constexpr std::string_view kName = "virtual_hosts";
  static constexpr size_t kNumbers = 0;

  void GoTo(PagePlace place) { after_ = std::move(place.text); }
  PagePlace Place() const { return {.numbers = {}, .text = after_}; }
  static absl::Status Begin(const Caller&, Request&) { return absl::OkStatus(); }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto part = caller.broker().WalkVirtualHosts(
        after_, limits,
        [&](const std::string& host) { return caller.access.Sees(host); });
    for (const core::VirtualHostFigures& host : part.items) {
      v1::VirtualHost& proto = *response.add_virtual_hosts();
      proto.set_name(host.name);
      proto.set_queues(host.queues);
      proto.set_exchanges(host.exchanges);
      proto.set_ready_messages(host.ready);
      proto.set_delayed_messages(host.delayed);
      proto.set_unsettled_messages(host.unsettled);
      proto.set_streams(host.streams);
      SetLimits(host.limits, proto.mutable_limits());
    }
    after_ = part.last;
    return part.done;
  }
  static int Size(const Response& response) { return response.virtual_hosts_size(); }

 private:
  std::string after_;
};

struct CreateVirtualHost : AnsweredEmpty {
  using Request = v1::CreateVirtualHostRequest;
  using Response = v1::CreateVirtualHostResponse;
  static constexpr auto kRequest = &RawAdminService::RequestCreateVirtualHost;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::DeclareVirtualHost{.request = id, .name = request.name()};
  }
};

struct DeleteVirtualHost : AnsweredEmpty {
  using Request = v1::DeleteVirtualHostRequest;
  using Response = v1::DeleteVirtualHostResponse;
  static constexpr auto kRequest = &RawAdminService::RequestDeleteVirtualHost;
  static constexpr auth::Tag kTag = auth::Tag::kAdministrator;

  static Audit ToAudit(const Request& request) {
    return {"virtual host deleted", request.name(), request.name()};
  }
  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::DeleteVirtualHost{.request = id, .name = request.name()};
  }
};

struct SetVirtualHostLimits : AnsweredEmpty {
  using Request = v1::SetVirtualHostLimitsRequest;
  using Response = v1::SetVirtualHostLimitsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestSetVirtualHostLimits;
  static constexpr auth::Tag kTag = auth::Tag::kAdministrator;

  static Audit ToAudit(const Request& request) {
    const std::string host = VirtualHostName(request.virtual_host());
    return {"virtual host limited", host, host};
  }
  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    return core::SetVirtualHostLimits{.request = id,
                                      .name = VirtualHostName(request.virtual_host()),
                                      .limits = ToLimits(request.limits())};
  }
};

}  // namespace

void ServeAdminVirtualHosts(Api& api) {
  ServeList<ListVirtualHosts>(api, "ListVirtualHosts");
  ServeUnary<CreateVirtualHost>(api, "CreateVirtualHost", v1::AdminService::service_full_name());
  ServeUnary<DeleteVirtualHost>(api, "DeleteVirtualHost", v1::AdminService::service_full_name());
  ServeUnary<SetVirtualHostLimits>(api, "SetVirtualHostLimits",
                                   v1::AdminService::service_full_name());
}

}  // namespace warren::api
