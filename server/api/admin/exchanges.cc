// ListExchanges, ExplainRoute.
#include <string>
#include <utility>

#include "server/api/admin/list.h"
#include "server/api/convert/headers.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

// The default exchanges come first, one a virtual host; they are nowhere in the core.
class ListExchanges : public PlainList {
 public:
  using Request = v1::ListExchangesRequest;
  using Response = v1::ListExchangesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListExchanges;
  static constexpr std::string_view kName = "exchanges";
  static constexpr size_t kNumbers = 2;

  void GoTo(PagePlace place) {
    default_done_ = place.numbers[0] != 0;
    after_ = {place.numbers[1]};
    after_host_ = std::move(place.text);
  }
  PagePlace Place() const {
    return {.numbers = {default_done_ ? uint64_t{1} : 0, after_.value}, .text = after_host_};
  }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = hosts_.Choose(caller, request.virtual_host()); !s.ok()) return s;
    return names_.Choose(request.name_pattern());
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    if (!default_done_) {
      WalkDefault(caller, limits, response);
      return false;
    }
    auto part = caller.broker().WalkExchanges(
        after_, limits, [&](const std::string& host, const std::string& name) {
          return hosts_.Has(caller, host) && names_.Has(name);
        });
    for (const core::ExchangeView& exchange : part.items) {
      v1::Exchange& proto = *response.add_exchanges();
      proto.set_virtual_host(exchange.virtual_host);
      proto.set_name(exchange.name);
      SetExchangeOptions(exchange.options, proto.mutable_options());
      if (exchange.effective) {
        SetExchangeOptions(*exchange.effective, proto.mutable_effective_options());
      }
      proto.set_policy(exchange.policy);
      proto.set_bindings(exchange.bindings);
    }
    after_ = part.last;
    return part.done;
  }
  static int Size(const Response& response) { return response.exchanges_size(); }

 private:
  void WalkDefault(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto part = caller.broker().WalkVirtualHosts(
        after_host_, limits,
        [&](const std::string& host) { return hosts_.Has(caller, host) && names_.Has(""); });
    for (const core::VirtualHostFigures& host : part.items) {
      v1::Exchange& proto = *response.add_exchanges();
      proto.set_virtual_host(host.name);
      SetExchangeOptions({.type = storage::ExchangeType::kDirect, .durable = true},
                         proto.mutable_options());
    }
    after_host_ = part.last;
    default_done_ = part.done;
    if (default_done_) after_host_.clear();
  }

  HostChoice hosts_;
  NameChoice names_;
  bool default_done_ = false;
  std::string after_host_;
  storage::ExchangeId after_;
};

struct ExplainRoute {
  using Request = v1::ExplainRouteRequest;
  using Response = v1::ExplainRouteResponse;
  static constexpr auto kRequest = &RawAdminService::RequestExplainRoute;

  static absl::Status Begin(const Caller& caller, Request& request, Response& response) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("exchange", request.exchange()); !s.ok()) return s;
    if (absl::Status s = CheckName("routing_key", request.routing_key()); !s.ok()) return s;
    const auto headers = TakeHeaders(*request.mutable_headers());
    if (!headers.ok()) return headers.status();
    const std::string host = VirtualHostName(request.virtual_host());
    absl::Status permitted = caller.access.MayAsOperator(auth::Permission::kRead,
                                                         {"exchange", request.exchange(), host});
    if (!permitted.ok()) return permitted;
    const auto explained =
        caller.broker().ExplainRoute(host, request.exchange(), request.routing_key(), *headers);
    if (!explained.ok()) return explained.status();
    for (const core::Route& route : explained->routes) Set(route, *response.add_routes());
    response.set_queues(explained->queues);
    response.set_unroutable(explained->unroutable);
    return absl::OkStatus();
  }

  static void Set(const core::Route& route, v1::Route& proto) {
    proto.set_queue(route.queue);
    const auto refusal = route.refusal.message();
    proto.set_refusal(refusal.data(), refusal.size());
    for (const core::RouteStep& step : route.steps) {
      v1::RouteStep& to = *proto.add_steps();
      if (step.binding) {
        SetBinding(*step.binding, to.mutable_binding());
      } else {
        to.set_alternate_exchange(step.alternate_exchange);
      }
    }
  }
};

}  // namespace

void ServeAdminExchanges(Api& api) {
  ServeList<ListExchanges>(api, "ListExchanges");
  ServeLook<ExplainRoute>(api, "ExplainRoute");
}

}  // namespace warren::api
