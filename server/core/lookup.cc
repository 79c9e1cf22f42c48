// What is declared or set under a name: for who compares before they declare.
#include "server/core/broker_impl.h"

namespace warren::core {

VirtualHost* Broker::Impl::FindVirtualHost(const std::string& name) const {
  const auto found = virtual_hosts_.find(name);
  if (found == virtual_hosts_.end() || found->second->deleting) return nullptr;
  return found->second.get();
}

bool Broker::HasVirtualHost(const std::string& name) const {
  return impl_->FindVirtualHost(name) != nullptr;
}

const storage::VirtualHostLimits* Broker::LimitsOf(const std::string& virtual_host) const {
  const VirtualHost* host = impl_->FindVirtualHost(virtual_host);
  return host == nullptr ? nullptr : &host->limits;
}

const storage::ExchangeOptions* Broker::ExchangeOptionsOf(const std::string& virtual_host,
                                                          const std::string& name) const {
  const VirtualHost* host = impl_->FindVirtualHost(virtual_host);
  const Exchange* exchange = host == nullptr ? nullptr : host->FindExchange(name);
  return exchange == nullptr ? nullptr : &exchange->declared;
}

const storage::QueueOptions* Broker::QueueOptionsOf(const std::string& virtual_host,
                                                    const std::string& name) const {
  const VirtualHost* host = impl_->FindVirtualHost(virtual_host);
  const Queue* queue = host == nullptr ? nullptr : host->FindQueue(name);
  return queue == nullptr ? nullptr : &queue->declared;
}

const storage::Policy* Broker::PolicyOf(const std::string& virtual_host,
                                        const std::string& name) const {
  const VirtualHost* host = impl_->FindVirtualHost(virtual_host);
  return host == nullptr ? nullptr : host->policies.Find(name);
}

bool Broker::HasBinding(const std::string& virtual_host, const BindingSpec& binding) const {
  const VirtualHost* host = impl_->FindVirtualHost(virtual_host);
  if (host == nullptr) return false;
  Binding like;
  like.source = host->FindExchange(binding.source);
  const bool to_queue = binding.destination_kind == DestinationKind::kQueue;
  like.queue = to_queue ? host->FindQueue(binding.destination) : nullptr;
  like.exchange = to_queue ? nullptr : host->FindExchange(binding.destination);
  like.key = binding.key;
  like.arguments = binding.arguments;
  if (like.source == nullptr || (like.queue == nullptr && like.exchange == nullptr)) return false;
  return host->FindBinding(like) != nullptr;
}

}  // namespace warren::core
