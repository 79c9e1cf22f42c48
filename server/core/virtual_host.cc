#include "server/core/virtual_host.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/check.h"

namespace warren::core {
namespace {

// Equal for bindings that can only differ in their arguments.
std::string BindingKey(const Binding& binding) {
  return absl::StrCat(binding.source->id.value, binding.queue != nullptr ? "q" : "x",
                      binding.queue != nullptr ? binding.queue->id.value
                                               : binding.exchange->id.value,
                      ":", binding.key);
}

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace

Exchange* VirtualHost::FindExchange(std::string_view exchange) const {
  const auto it = exchanges_.find(Absl(exchange));
  return it == exchanges_.end() ? nullptr : it->second.get();
}

Queue* VirtualHost::FindQueue(std::string_view queue) const {
  const auto it = queues_.find(Absl(queue));
  return it == queues_.end() ? nullptr : it->second.get();
}

Binding* VirtualHost::FindBinding(const Binding& like) const {
  const auto it = bindings_.find(BindingKey(like));
  if (it == bindings_.end()) return nullptr;
  for (Binding* binding : it->second) {
    if (binding->arguments == like.arguments) return binding;
  }
  return nullptr;
}

void VirtualHost::Add(std::unique_ptr<Exchange> exchange) {
  WARREN_CHECK(exchanges_.emplace(exchange->name, std::move(exchange)).second);
}

void VirtualHost::Add(std::unique_ptr<Queue> queue) {
  WARREN_CHECK(queues_.emplace(queue->name, std::move(queue)).second);
}

Binding& VirtualHost::Add(std::unique_ptr<Binding> owned) {
  Binding& binding = *owned;
  bindings_[BindingKey(binding)].push_back(&binding);
  if (binding.queue != nullptr) {
    binding.queue->bindings.emplace(binding.id, &binding);
  } else {
    binding.exchange->incoming.emplace(binding.id, &binding);
  }
  binding.source->matcher->Add(&binding);
  binding.source->bindings.emplace(binding.id, std::move(owned));
  return binding;
}

void VirtualHost::Remove(Exchange& exchange) {
  WARREN_CHECK(exchange.bindings.empty() && exchange.incoming.empty());
  exchanges_.erase(exchange.name);
}

void VirtualHost::Remove(Queue& queue) {
  WARREN_CHECK(queue.bindings.empty() && queue.consumers.empty());
  queues_.erase(queue.name);
}

void VirtualHost::Remove(Binding& binding) {
  const auto it = bindings_.find(BindingKey(binding));
  WARREN_CHECK(it != bindings_.end());
  std::erase(it->second, &binding);
  if (it->second.empty()) bindings_.erase(it);
  if (binding.queue != nullptr) {
    binding.queue->bindings.erase(binding.id);
  } else {
    binding.exchange->incoming.erase(binding.id);
  }
  binding.source->matcher->Remove(&binding);
  binding.source->bindings.erase(binding.id);  // and with it the binding
}

}  // namespace warren::core
