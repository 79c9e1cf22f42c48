#include "server/core/dead_letter.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace warren::core {

storage::MessagePtr MakeDeadLetter(const Queue& queue, const storage::Message& message,
                                   storage::DeathReason reason, int64_t now_ms) {
  storage::DeathHistory history = message.deaths ? *message.deaths : storage::DeathHistory();
  if (history.deaths.empty()) {
    history.first_death_queue = queue.name;
    history.first_death_exchange = message.exchange.str();
    history.first_death_reason = reason;
  }
  auto& deaths = history.deaths;
  auto death = std::find_if(deaths.begin(), deaths.end(), [&](const storage::Death& d) {
    return d.queue == queue.name && d.reason == reason;
  });
  if (death == deaths.end()) {
    deaths.insert(deaths.begin(), {.queue = queue.name,
                                   .reason = reason,
                                   .count = 0,
                                   .first_at_ms = now_ms,
                                   .exchange = message.exchange.str(),
                                   .routing_keys = {message.routing_key.str()},
                                   .original_expiration_ms = message.expiration_ms});
  } else {
    std::rotate(deaths.begin(), death, death + 1);
  }
  ++deaths.front().count;

  auto dead = storage::MakeRef<storage::Message>();
  dead->exchange = storage::SharedString(*queue.options().dead_letter_exchange);
  dead->routing_key = queue.options().dead_letter_routing_key
                          ? storage::SharedString(*queue.options().dead_letter_routing_key)
                          : message.routing_key;
  dead->body = message.body;
  dead->published_at_ms = now_ms;
  if (message.properties) {
    dead->properties = std::make_unique<storage::Properties>(*message.properties);
  }
  dead->deaths = std::make_unique<storage::DeathHistory>(std::move(history));
  dead->priority = message.priority;
  dead->persistent = message.persistent;
  return dead;
}

bool ClosesCycle(const storage::Message& message, std::string_view queue) {
  if (!message.deaths) return false;
  for (const storage::Death& death : message.deaths->deaths) {
    if (death.reason == storage::DeathReason::kRejected) return false;
    if (death.queue == queue) return true;
  }
  return false;
}

}  // namespace warren::core
