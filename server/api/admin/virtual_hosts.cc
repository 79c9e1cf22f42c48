// CreateVirtualHost.
#include "server/api/convert/limits.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"

namespace warren::api {
namespace {

struct CreateVirtualHost {
  using Request = v1::CreateVirtualHostRequest;
  using Response = v1::CreateVirtualHostResponse;
  static constexpr auto kRequest = &RawAdminService::RequestCreateVirtualHost;
  static constexpr bool kHeld = false;
  static constexpr bool kDelivers = false;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::DeclareVirtualHost{.request = id, .name = request.name()};
  }
  static void SetResponse(core::Replied&, Response&) {}
};

}  // namespace

void ServeAdminVirtualHosts(Api& api) {
  ServeUnary<CreateVirtualHost>(api, "CreateVirtualHost", v1::AdminService::service_full_name());
}

}  // namespace warren::api
