// What kind of world a seed makes: its exchanges, queues and bindings, and which of the broker's
// features are in play. Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/core/broker.h"
#include "tests/sim/random.h"

namespace warren::sim {

inline constexpr char kHost[] = "/";
inline constexpr char kDead[] = "dead";  // the queue that most dead letters come to

struct QueueSetting {
  std::string name;
  storage::QueueOptions options;
  // What was confirmed need not come out of it: it isn't durable, or lets messages die to nowhere.
  bool loses = false;
  // It doesn't keep the order of publishing: priorities, retries, other queues' dead letters.
  bool reorders = false;
};

struct ExchangeSetting {
  std::string name;
  storage::ExchangeOptions options;
};

struct Settings {
  // Messages leave memory. Deliveries then wait for the spill, so the reference, which knows no
  // memory, isn't compared; see world.h.
  bool paging = false;
  // Clients declare, delete, purge, bind and unbind as they go.
  bool changes = false;
  core::BrokerOptions broker;
  std::vector<ExchangeSetting> exchanges;
  std::vector<QueueSetting> queues;
  std::vector<core::BindingSpec> bindings;
};

Settings MakeSettings(uint64_t seed);

// Random parts that clients use later, too: drawn from so few that they meet.
storage::QueueOptions RandomQueueOptions(Random& random, bool paging);
storage::ExchangeOptions RandomExchangeOptions(Random& random);
core::BindingSpec RandomBinding(Random& random, const Settings& settings);
std::string RandomKey(Random& random);
storage::Headers RandomHeaders(Random& random);

}  // namespace warren::sim
