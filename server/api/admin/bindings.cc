// ListBindings.
#include <string>
#include <utility>

#include "server/api/admin/list.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"

namespace warren::api {
namespace {

class ListBindings : public PlainList {
 public:
  using Request = v1::ListBindingsRequest;
  using Response = v1::ListBindingsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListBindings;
  static constexpr std::string_view kName = "bindings";
  static constexpr size_t kNumbers = 2;

  void GoTo(const PagePlace& place) {
    after_ = {.source = {place.numbers[0]}, .binding = {place.numbers[1]}};
  }
  PagePlace Place() const {
    return {.numbers = {after_.source.value, after_.binding.value}, .text = {}};
  }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = CheckName("source", request.source()); !s.ok()) return s;
    if (absl::Status s = CheckName("destination", request.destination()); !s.ok()) return s;
    source_ = request.source();
    destination_ = request.destination();
    return hosts_.Choose(caller, request.virtual_host());
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    auto part = caller.broker().WalkBindings(
        after_, limits,
        [&](const std::string& host, const std::string& source, const std::string& destination) {
          return (source_.empty() || source == source_) &&
                 (destination_.empty() || destination == destination_) &&
                 hosts_.Has(caller, host);
        });
    for (const core::BindingView& binding : part.items) {
      v1::HostBinding& proto = *response.add_bindings();
      proto.set_virtual_host(binding.virtual_host);
      SetBinding(binding.binding, proto.mutable_binding());
    }
    after_ = part.last;
    return part.done;
  }
  static int Size(const Response& response) { return response.bindings_size(); }

 private:
  HostChoice hosts_;
  std::string source_;
  std::string destination_;
  core::BindingPlace after_;
};

}  // namespace

void ServeAdminBindings(Api& api) { ServeList<ListBindings>(api, "ListBindings"); }

}  // namespace warren::api
