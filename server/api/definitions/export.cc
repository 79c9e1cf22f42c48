#include "server/api/definitions/export.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "server/api/convert/policy.h"
#include "server/api/convert/topology.h"
#include "server/api/convert/virtual_host_limits.h"

namespace warren::api {
namespace {

bool IsPredeclared(std::string_view exchange) { return exchange.substr(0, 4) == "amq."; }

template <typename List>
void SortByHostAndName(List& list) {
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return std::tie(a.virtual_host(), a.name()) < std::tie(b.virtual_host(), b.name());
  });
}

std::tuple<std::string, std::string, std::string, std::string> Place(const v1::BindRequest& bind) {
  const v1::Binding& b = bind.binding();
  return {bind.virtual_host(), b.source(), b.has_queue() ? "q" + b.queue() : "x" + b.exchange(),
          b.routing_key()};
}

}  // namespace

bool Export::GoOn(const core::Broker& broker) {
  if (kind_ != Kind::kDone) Part(broker);
  return kind_ == Kind::kDone;
}

void Export::Part(const core::Broker& broker) {
  const core::PartLimits limits;
  const auto wants = [this](const std::string& host) { return Wants(host); };
  const auto wants_in = [this](const std::string& host, const std::string&) { return Wants(host); };
  switch (kind_) {
    case Kind::kVirtualHosts: {
      auto part = broker.WalkVirtualHosts(after_host_, limits, wants);
      for (const core::VirtualHostFigures& host : part.items) {
        definitions_.add_virtual_hosts(host.name);
        if (host.limits == storage::VirtualHostLimits()) continue;
        v1::SetVirtualHostLimitsRequest& set = *definitions_.add_virtual_host_limits();
        set.set_virtual_host(host.name);
        SetLimits(host.limits, set.mutable_limits());
      }
      after_host_ = part.last;
      return Next(part.done, Kind::kExchanges);
    }
    case Kind::kExchanges: {
      auto part = broker.WalkExchanges(after_exchange_, limits, wants_in);
      for (const core::ExchangeView& exchange : part.items) {
        if (IsPredeclared(exchange.name)) continue;
        v1::DeclareExchangeRequest& declare = *definitions_.add_exchanges();
        declare.set_virtual_host(exchange.virtual_host);
        declare.set_name(exchange.name);
        SetExchangeOptions(exchange.options, declare.mutable_options());
      }
      after_exchange_ = part.last;
      return Next(part.done, Kind::kQueues);
    }
    case Kind::kQueues: {
      auto part = broker.WalkQueues(after_queue_, limits, wants_in);
      for (const core::QueueDetails& queue : part.items) {
        if (queue.options.exclusive) continue;
        v1::DeclareQueueRequest& declare = *definitions_.add_queues();
        declare.set_virtual_host(queue.figures.virtual_host);
        declare.set_name(queue.figures.name);
        SetQueueOptions(queue.options, declare.mutable_options());
      }
      after_queue_ = part.last;
      return Next(part.done, Kind::kBindings);
    }
    case Kind::kBindings: {
      auto part = broker.WalkBindings(
          after_binding_, limits,
          [this](const std::string& host, const auto&...) { return Wants(host); });
      for (const core::BindingView& binding : part.items) {
        const bool to_queue = binding.binding.destination_kind == core::DestinationKind::kQueue;
        const storage::QueueOptions* queue =
            to_queue ? broker.QueueOptionsOf(binding.virtual_host, binding.binding.destination)
                     : nullptr;
        if (queue != nullptr && queue->exclusive) continue;
        v1::BindRequest& bind = *definitions_.add_bindings();
        bind.set_virtual_host(binding.virtual_host);
        SetBinding(binding.binding, bind.mutable_binding());
      }
      after_binding_ = part.last;
      return Next(part.done, Kind::kPolicies);
    }
    case Kind::kPolicies: {
      auto part = broker.WalkPolicies(after_policy_, limits, wants_in);
      for (const storage::Policy& policy : part.items) {
        SetPolicy(policy, definitions_.add_policies());
      }
      after_policy_ = part.last;
      return Next(part.done, Kind::kUsers);
    }
    case Kind::kUsers:
      if (only_.empty()) Users(broker);
      return Next(true, Kind::kDone);
    case Kind::kDone:
      return;
  }
}

void Export::Users(const core::Broker& broker) {
  for (const auto& [name, user] : broker.users()) {
    v1::PutUserRequest& put = *definitions_.add_users();
    put.set_name(name);
    put.set_password_hash(user.password_hash);
    for (const std::string& tag : user.tags) put.add_tags(tag);
    for (const std::string& certificate : user.certificates) put.add_certificates(certificate);
    for (const storage::UserPermissions& may : user.permissions) {
      v1::SetPermissionsRequest& set = *definitions_.add_permissions();
      set.set_user(name);
      set.set_virtual_host(may.virtual_host);
      set.mutable_permissions()->set_configure(may.configure);
      set.mutable_permissions()->set_write(may.write);
      set.mutable_permissions()->set_read(may.read);
    }
  }
}

v1::Definitions Export::TakeDefinitions() {
  SortByHostAndName(*definitions_.mutable_exchanges());
  SortByHostAndName(*definitions_.mutable_queues());
  std::stable_sort(
      definitions_.mutable_bindings()->begin(), definitions_.mutable_bindings()->end(),
      [](const auto& a, const auto& b) { return Place(a) < Place(b); });
  return std::move(definitions_);
}

}  // namespace warren::api
