// An exchange: its bindings, and the matcher that picks among them. Broker thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/core/deduplication.h"
#include "server/core/policies.h"
#include "server/core/routing/binding.h"
#include "server/core/routing/matcher.h"
#include "server/core/timers.h"
#include "storage/options.h"

namespace warren::core {

class VirtualHost;

class Exchange {
 public:
  Exchange(storage::ExchangeId exchange_id, VirtualHost& host, std::string exchange_name,
           storage::ExchangeOptions exchange_options)
      : id(exchange_id),
        virtual_host(host),
        name(std::move(exchange_name)),
        declared(std::move(exchange_options)),
        matcher(MakeMatcher(declared.type)) {
    if (declared.deduplication_window_ms > 0) seen.emplace(declared.deduplication_window_ms);
  }

  const storage::ExchangeId id;
  VirtualHost& virtual_host;
  const std::string name;
  const storage::ExchangeOptions declared;

  // "" is none. The one that was declared, else the policy's.
  const std::string& alternate_exchange() const {
    return policy == nullptr || !declared.alternate_exchange.empty() ? declared.alternate_exchange
                                                                     : policy->alternate_exchange;
  }
  PolicyPtr policy;  // the one that counts here; null: none does

  const std::unique_ptr<Matcher> matcher;                            // over `bindings`
  std::map<storage::BindingId, std::unique_ptr<Binding>> bindings;  // as source
  std::map<storage::BindingId, Binding*> incoming;                  // as destination

  std::optional<MessageIdWindow> seen;
  TimerState timer;

  uint64_t route_mark = 0;  // the router's; see there
};

}  // namespace warren::core
