// ListPolicies, PutPolicy, DeletePolicy.
#include <algorithm>
#include <utility>

#include "server/api/admin/list.h"
#include "server/api/convert/policy.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"

namespace warren::api {
namespace {

class ListPolicies : public PlainList {
 public:
  using Request = v1::ListPoliciesRequest;
  using Response = v1::ListPoliciesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListPolicies;
  static constexpr std::string_view kName = "policies";
  static constexpr size_t kNumbers = 1;

  // The number tells the two names apart.
  void GoTo(const PagePlace& place) {
    const size_t host_bytes = std::min<uint64_t>(place.numbers[0], place.text.size());
    after_ = {.virtual_host = place.text.substr(0, host_bytes),
              .name = place.text.substr(host_bytes)};
  }
  PagePlace Place() const {
    return {.numbers = {after_.virtual_host.size()}, .text = after_.virtual_host + after_.name};
  }

  absl::Status Begin(const Caller& caller, Request& request) {
    return hosts_.Choose(caller, request.virtual_host());
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    auto part = caller.broker().WalkPolicies(
        after_, limits, [&](const std::string& host, const std::string&) {
          return hosts_.Has(caller, host);
        });
    for (const storage::Policy& policy : part.items) SetPolicy(policy, response.add_policies());
    after_ = std::move(part.last);
    return part.done;
  }
  static int Size(const Response& response) { return response.policies_size(); }

 private:
  HostChoice hosts_;
  core::PolicyPlace after_;
};

struct PutPolicy : AnsweredEmpty {
  using Request = v1::PutPolicyRequest;
  using Response = v1::PutPolicyResponse;
  static constexpr auto kRequest = &RawAdminService::RequestPutPolicy;

  static Audit ToAudit(const Request& request) {
    return {"policy put", request.policy().name(),
            VirtualHostName(request.policy().virtual_host())};
  }
  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    auto policy = ToPolicy(request.policy());
    if (!policy.ok()) return policy.status();
    return core::PutPolicy{.request = id, .policy = *std::move(policy)};
  }
};

struct DeletePolicy : AnsweredEmpty {
  using Request = v1::DeletePolicyRequest;
  using Response = v1::DeletePolicyResponse;
  static constexpr auto kRequest = &RawAdminService::RequestDeletePolicy;

  static Audit ToAudit(const Request& request) {
    return {"policy deleted", request.name(), VirtualHostName(request.virtual_host())};
  }
  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("name", request.name()); !s.ok()) return s;
    return core::DeletePolicy{.request = id,
                              .virtual_host = VirtualHostName(request.virtual_host()),
                              .name = request.name()};
  }
};

}  // namespace

void ServeAdminPolicies(Api& api) {
  const auto service = v1::AdminService::service_full_name();
  ServeList<ListPolicies>(api, "ListPolicies");
  ServeUnary<PutPolicy>(api, "PutPolicy", service);
  ServeUnary<DeletePolicy>(api, "DeletePolicy", service);
}

}  // namespace warren::api
