#include "tests/sim/settings.h"

#include <algorithm>
#include <utility>

namespace warren::sim {
namespace {

std::string QueueName(uint64_t number) { return "q" + std::to_string(number); }
std::string ExchangeName(uint64_t number) { return "x" + std::to_string(number); }

constexpr uint64_t kQueuesMax = 7;
constexpr uint64_t kExchangesMax = 4;

// Whether a message may leave the queue by itself, without a consumer's word.
bool LetsDie(const storage::QueueOptions& options) {
  const bool drops = (options.max_length != 0 || options.max_length_bytes != 0) &&
                     options.overflow == storage::OverflowPolicy::kDropHead;
  return drops || options.message_ttl_ms || options.delivery_limit != 0 || options.retry ||
         options.deduplication_window_ms != 0;
}

QueueSetting Characterised(std::string name, storage::QueueOptions options) {
  const bool reaches_dead = options.dead_letter_exchange == "" &&
                            options.dead_letter_routing_key == kDead;
  const bool loses = !options.durable || options.exclusive || options.auto_delete ||
                     options.expires_ms || (LetsDie(options) && !reaches_dead);
  const bool reorders = options.max_priority > 0 || options.retry || name == kDead;
  return {.name = std::move(name),
          .options = std::move(options),
          .loses = loses,
          .reorders = reorders};
}

void AddLimits(Random& random, storage::QueueOptions& options) {
  if (random.Chance(20)) options.message_ttl_ms = random.From(0, 60);
  if (random.Chance(20)) options.max_length = static_cast<uint64_t>(random.From(1, 5));
  if (random.Chance(10)) options.max_length_bytes = static_cast<uint64_t>(random.From(5, 60));
  options.overflow = static_cast<storage::OverflowPolicy>(random.From(1, 3));
  if (random.Chance(20)) options.max_priority = static_cast<uint8_t>(random.From(1, 4));
  const uint64_t dice = random.Below(100);
  if (dice < 20) options.delivery_limit = static_cast<uint32_t>(random.From(1, 3));
  if (dice >= 80) {
    options.retry = storage::RetryPolicy{
        .max_attempts = static_cast<uint32_t>(random.From(1, 4)),
        .initial_backoff_ms = random.From(0, 8),
        .multiplier = random.Chance(50) ? 2 : 1.5,
        .max_backoff_ms = 30};
  }
}

}  // namespace

std::string RandomKey(Random& random) {
  static const std::string kKeys[] = {"", "a", "b", "a.b", "b.a", "a.b.a", "a.", "."};
  return kKeys[random.Below(std::size(kKeys))];
}

storage::Headers RandomHeaders(Random& random) {
  storage::Headers headers;
  for (const char* name : {"h", "i", "x-j"}) {
    if (random.Chance(50)) headers.push_back({name, {random.From(1, 2)}});
  }
  return headers;
}

storage::QueueOptions RandomQueueOptions(Random& random, bool paging) {
  storage::QueueOptions options;
  options.durable = random.Chance(75);
  AddLimits(random, options);
  // Paged worlds are judged by what clients see alone, which knows no more than that it is random.
  if (options.retry && paging && random.Chance(50)) options.retry->jitter = 0.5;
  const uint64_t dice = random.Below(100);
  if (dice < 60) {
    options.dead_letter_exchange = "";
    options.dead_letter_routing_key = kDead;
  } else if (dice < 75) {
    options.dead_letter_exchange = ExchangeName(random.Below(kExchangesMax));
    if (random.Chance(50)) options.dead_letter_routing_key = RandomKey(random);
  } else if (dice < 85) {
    options.dead_letter_exchange = "";
    options.dead_letter_routing_key = QueueName(random.Below(kQueuesMax));
  }
  if (random.Chance(20)) options.deduplication_window_ms = random.From(5, 100);
  return options;
}

storage::ExchangeOptions RandomExchangeOptions(Random& random) {
  storage::ExchangeOptions options;
  options.type = static_cast<storage::ExchangeType>(random.From(1, 4));
  options.durable = random.Chance(75);
  options.delayed = random.Chance(15);
  if (random.Chance(30)) options.alternate_exchange = ExchangeName(random.Below(kExchangesMax));
  if (random.Chance(25)) options.deduplication_window_ms = random.From(5, 100);
  return options;
}

core::BindingSpec RandomBinding(Random& random, const Settings& settings) {
  static const std::string kPatterns[] = {"#", "*", "a.*", "#.a", "a.#", "*.b", "#.b.#", "."};
  core::BindingSpec binding;
  const ExchangeSetting& source = settings.exchanges[random.Below(settings.exchanges.size())];
  binding.source = source.name;
  if (random.Chance(20)) {
    binding.destination_kind = core::DestinationKind::kExchange;
    binding.destination = settings.exchanges[random.Below(settings.exchanges.size())].name;
  } else {
    binding.destination = settings.queues[random.Below(settings.queues.size())].name;
  }
  binding.key = RandomKey(random);
  if (source.options.type == storage::ExchangeType::kTopic && random.Chance(60)) {
    binding.key = kPatterns[random.Below(std::size(kPatterns))];
  }
  if (source.options.type == storage::ExchangeType::kHeaders) {
    binding.arguments = RandomHeaders(random);
    static const std::string kModes[] = {"all", "any", "all-with-x", "any-with-x"};
    if (random.Chance(70)) {
      binding.arguments.push_back({"match", {kModes[random.Below(std::size(kModes))]}});
    }
    storage::SortHeaders(binding.arguments);
  }
  return binding;
}

Settings MakeSettings(uint64_t seed) {
  Random random = Random::Fork(seed, 100);
  Settings settings;
  settings.paging = random.Chance(35);
  settings.changes = random.Chance(50);
  settings.broker.seed = random.Next();
  if (settings.paging) {
    settings.broker.page_out_above_bytes = 1 + random.Below(4'000);
    settings.broker.page_window_messages = static_cast<uint32_t>(random.From(1, 6));
    // The reference knows nothing of what is left for the next step. A timer itself costs one.
    Random budget = Random::Fork(seed, 101);
    if (budget.Chance(50)) settings.broker.timed_per_step = static_cast<int>(budget.From(2, 12));
  }
  for (uint64_t i = 0, n = 1 + random.Below(kExchangesMax); i < n; ++i) {
    ExchangeSetting exchange{ExchangeName(i), RandomExchangeOptions(random)};
    if (settings.changes) {
      exchange.options.auto_delete = random.Chance(20);
      exchange.options.internal = random.Chance(10);
    }
    settings.exchanges.push_back(std::move(exchange));
  }
  settings.queues.push_back(Characterised(kDead, {.durable = true}));
  settings.queues.push_back(Characterised(QueueName(0), {.durable = true}));
  for (uint64_t i = 1, n = 2 + random.Below(kQueuesMax - 1); i < n; ++i) {
    storage::QueueOptions options = RandomQueueOptions(random, settings.paging);
    if (settings.changes) {
      options.auto_delete = random.Chance(10);
      if (random.Chance(10)) options.expires_ms = random.From(20, 100);
    }
    settings.queues.push_back(Characterised(QueueName(i), std::move(options)));
  }
  for (uint64_t n = random.Below(8); n > 0; --n) {
    settings.bindings.push_back(RandomBinding(random, settings));
  }
  return settings;
}

}  // namespace warren::sim
