#include "tests/contract/records.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

#include "storage/codec/record_codec.h"

namespace warren::storage {
namespace {

// Lengths around one, two and three bytes of varint; mostly short.
std::string Text(Random& random) {
  static constexpr size_t kLengths[] = {0, 1, 2, 3, 5, 8, 13, 21, 127, 128, 255, 300};
  std::string text(kLengths[random() % std::size(kLengths)], '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// Of any magnitude.
uint64_t Number(Random& random) { return random() >> (random() % 64); }
int64_t Signed(Random& random) { return static_cast<int64_t>(random()) >> (random() % 64); }
bool Coin(Random& random) { return random() % 2 == 0; }

VirtualHostLimits RandomLimits(Random& random) {
  const auto maybe = [&random] {
    return Coin(random) ? std::optional(Number(random)) : std::nullopt;
  };
  return {.max_queues = maybe(), .max_streams = maybe(), .max_message_bytes = maybe()};
}

std::optional<int64_t> MaybeSigned(Random& random) {
  return Coin(random) ? std::optional(Signed(random)) : std::nullopt;
}
std::optional<std::string> MaybeText(Random& random) {
  return Coin(random) ? std::optional(Text(random)) : std::nullopt;
}

template <typename E>
E OneOf(Random& random, E last) {
  return static_cast<E>(1 + random() % static_cast<uint64_t>(last));
}

Value RandomValue(Random& random, int depth) {
  switch (random() % (depth < kMaxValueDepth ? 9 : 7)) {
    case 0: return {};
    case 1: return {Text(random)};
    case 2: return {Signed(random)};
    case 3: return {static_cast<double>(Signed(random)) / 3};
    case 4: return {Coin(random)};
    case 5: return {Bytes{Text(random)}};
    case 6: return {Timestamp{Signed(random)}};
    case 7: {
      Value::List list(random() % 3);
      for (Value& item : list) item = RandomValue(random, depth + 1);
      return {std::move(list)};
    }
    default: return {RandomHeaders(random, depth + 1)};
  }
}

EntryFacts RandomFacts(Random& random, QueueId queue) {
  return {.queue = queue,
          .expires_at_ms = Signed(random),
          .due_at_ms = Signed(random),
          .delivery_count = static_cast<uint32_t>(Number(random))};
}

// Anywhere up to the last of all sequences.
std::vector<SequenceRun> RandomRuns(Random& random) {
  std::vector<SequenceRun> runs;
  uint64_t first = Number(random);
  for (uint64_t i = random() % 5; i > 0; --i) {
    const uint64_t last = first + std::min(Number(random), UINT64_MAX - first);
    runs.push_back({first, last});
    if (last >= UINT64_MAX - 1) break;
    first = last + 2 + std::min(Number(random), UINT64_MAX - (last + 2));
  }
  return runs;
}

DeathHistory RandomDeaths(Random& random) {
  DeathHistory history{.first_death_queue = Text(random),
                       .first_death_exchange = Text(random),
                       .first_death_reason = OneOf(random, DeathReason::kDeliveryLimit)};
  for (uint64_t i = random() % 3; i > 0; --i) {
    history.deaths.push_back({.queue = Text(random),
                              .reason = OneOf(random, DeathReason::kDeliveryLimit),
                              .count = Number(random),
                              .first_at_ms = Signed(random),
                              .exchange = Text(random),
                              .routing_keys = {Text(random), Text(random)},
                              .original_expiration_ms = MaybeSigned(random)});
  }
  return history;
}

Properties RandomProperties(Random& random) {
  return {.message_id = Text(random),
          .correlation_id = Text(random),
          .reply_to = Text(random),
          .type = Text(random),
          .app_id = Text(random),
          .user_id = Text(random),
          .content_type = Text(random),
          .content_encoding = Text(random),
          .timestamp_ms = MaybeSigned(random),
          .headers = RandomHeaders(random, 0)};
}

ExchangeOptions RandomExchangeOptions(Random& random) {
  return {.type = OneOf(random, ExchangeType::kHeaders),
          .durable = Coin(random),
          .auto_delete = Coin(random),
          .internal = Coin(random),
          .delayed = Coin(random),
          .alternate_exchange = Text(random),
          .deduplication_window_ms = Signed(random)};
}

QueueOptions RandomQueueOptions(Random& random) {
  QueueOptions options{.durable = Coin(random),
                       .exclusive = Coin(random),
                       .auto_delete = Coin(random),
                       .expires_ms = MaybeSigned(random),
                       .message_ttl_ms = MaybeSigned(random),
                       .max_length = Number(random),
                       .max_length_bytes = Number(random),
                       .overflow = OneOf(random, OverflowPolicy::kRejectPublishDlx),
                       .dead_letter_exchange = MaybeText(random),
                       .dead_letter_routing_key = MaybeText(random),
                       .max_priority = static_cast<uint8_t>(random()),
                       .delivery_limit = static_cast<uint32_t>(Number(random)),
                       .deduplication_window_ms = Signed(random)};
  if (Coin(random)) {
    options.retry = RetryPolicy{.max_attempts = static_cast<uint32_t>(Number(random)),
                                .initial_backoff_ms = Signed(random),
                                .multiplier = 1.5,
                                .max_backoff_ms = Signed(random),
                                .jitter = 0.25};
  }
  return options;
}

User RandomUser(Random& random, std::string name) {
  User user{.name = std::move(name),
            .password_hash = Text(random),
            .certificates = {},
            .tags = {},
            .permissions = {}};
  for (uint64_t i = random() % 3; i > 0; --i) {
    user.certificates.push_back(Text(random));
    user.tags.push_back(Text(random));
    user.permissions.push_back({Text(random), Text(random), Text(random), Text(random)});
  }
  return user;
}

Policy RandomPolicy(Random& random, std::string name) {
  return {.virtual_host = Text(random),
          .name = std::move(name),
          .pattern = Text(random),
          .target = OneOf(random, PolicyTarget::kExchanges),
          .priority = static_cast<int32_t>(random()),
          .queue = RandomQueueOptions(random),
          .alternate_exchange = Text(random)};
}

}  // namespace

uint64_t TestSeed() {
  const char* seed = std::getenv("WARREN_TEST_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : std::random_device()();
}

std::string SeedTrace(uint64_t seed) {
  return "run it again with WARREN_TEST_SEED=" + std::to_string(seed);
}

Headers RandomHeaders(Random& random, int depth) {
  Headers headers;
  for (uint64_t i = random() % 4; i > 0; --i) {
    headers.push_back({Text(random), RandomValue(random, depth)});
  }
  SortHeaders(headers);
  return headers;
}

MessagePtr RandomMessage(Random& random) {
  auto message = MakeRef<Message>();
  message->exchange = SharedString(Text(random));
  message->routing_key = SharedString(Text(random));
  message->body = SharedString(Text(random));
  message->published_at_ms = Signed(random);
  message->expiration_ms = MaybeSigned(random);
  if (Coin(random)) {
    message->properties = std::make_unique<Properties>(RandomProperties(random));
  }
  if (Coin(random)) message->deaths = std::make_unique<DeathHistory>(RandomDeaths(random));
  message->priority = static_cast<uint8_t>(random());
  message->persistent = Coin(random);
  return message;
}

MessagePtr MessageWithBody(std::string body) {
  auto message = MakeRef<Message>();
  message->body = SharedString(std::move(body));
  message->persistent = true;
  return message;
}

Record RandomRecord(Random& random, size_t kind) {
  const auto id = [&random] { return Number(random); };
  switch (kind) {
    case 0: return IdsReserved{id()};
    case 1: return VirtualHostDeclared{Text(random), Coin(random), RandomLimits(random)};
    case 2:
      return ExchangeDeclared{{id()}, Text(random), Text(random), RandomExchangeOptions(random)};
    case 3: return ExchangeDeleted{{id()}};
    case 4: return QueueDeclared{{id()}, Text(random), Text(random), RandomQueueOptions(random)};
    case 5: return QueueDeleted{{id()}};
    case 6:
      return BindingAdded{
          {id()}, {id()}, {id()}, {id()}, Text(random), RandomHeaders(random, 0)};
    case 7: return BindingRemoved{{id()}};
    case 8: return QueueServing{{id()}, Coin(random), {id()}};
    case 9: {
      MessagePublished published{{id()}, RandomMessage(random), {}};
      for (uint64_t i = random() % 5; i > 0; --i) {
        published.entries.push_back(RandomFacts(random, {id()}));
      }
      return published;
    }
    case 10: return EntryRemoved{{id()}, {id()}, Coin(random)};
    case 11: return EntryUpdated{{id()}, RandomFacts(random, {id()})};
    case 12:
      return ProducerAdvanced{Text(random), Text(random), id(), Signed(random), RandomRuns(random)};
    case 13: return ProducerForgotten{Text(random), Text(random)};
    case 14: return MessageIdSeen{{id()}, {id()}, Text(random), Signed(random)};
    case 15: return MessageIdForgotten{{id()}, {id()}, Text(random)};
    case 16: return VirtualHostDeleted{Text(random)};
    case 17: return UserPut{RandomUser(random, Text(random))};
    case 18: return UserDeleted{Text(random)};
    case 19: return PolicyPut{RandomPolicy(random, Text(random))};
    default: return PolicyDeleted{Text(random), Text(random)};
  }
}

Batch History::Next() {
  out_.clear();
  for (uint64_t decisions = Below(21); decisions > 0; --decisions) Decide();
  return Batch{.lsn = lsn_ = Lsn{lsn_.value + 1}, .records = std::move(out_)};
}

void History::Decide() {
  const uint64_t dice = Below(100);
  if (queues_.empty() || dice < 10) return DeclareSomething();
  if (dice < 14) return DeleteSomething();
  if (dice < 50) return Publish();
  if (dice < 75) return Settle();
  if (dice < 88) return Requeue();
  TouchWindowsAndProducers();
}

void History::DeclareSomething() {
  switch (Below(5)) {
    case 0:
      out_.push_back(VirtualHostDeclared{"host-" + std::to_string(Below(5)), Below(4) == 0,
                                         RandomLimits(random_)});
      break;
    case 1: {
      exchanges_.push_back({NextId()});
      out_.push_back(ExchangeDeclared{exchanges_.back(), "/", "exchange",
                                      RandomExchangeOptions(random_)});
      break;
    }
    case 2: {
      if (exchanges_.empty() || queues_.empty()) return;
      const BindingAdded binding{.id = {NextId()},
                                 .source = exchanges_[Below(exchanges_.size())],
                                 .queue = queues_[Below(queues_.size())],
                                 .key = "a.*",
                                 .arguments = RandomHeaders(random_, 0)};
      bindings_[binding.id] = binding;
      out_.push_back(binding);
      break;
    }
    default:
      queues_.push_back({NextId()});
      out_.push_back(QueueDeclared{queues_.back(), "/", "queue", RandomQueueOptions(random_)});
  }
  out_.push_back(IdsReserved{last_id_ + 1});
}

void History::DeleteSomething() {
  if (Below(2) == 0 && !exchanges_.empty()) {
    const ExchangeId exchange = exchanges_.back();
    exchanges_.pop_back();
    for (auto b = bindings_.begin(); b != bindings_.end();) {
      if (b->second.source != exchange) {
        ++b;
        continue;
      }
      out_.push_back(BindingRemoved{b->first});
      b = bindings_.erase(b);
    }
    out_.push_back(ExchangeDeleted{exchange});
    return;
  }
  const size_t which = Below(queues_.size());
  const QueueId queue = queues_[which];
  queues_.erase(queues_.begin() + static_cast<ptrdiff_t>(which));
  for (auto b = bindings_.begin(); b != bindings_.end();) {
    if (b->second.queue != queue) {
      ++b;
      continue;
    }
    out_.push_back(BindingRemoved{b->first});
    b = bindings_.erase(b);
  }
  std::vector<MessageId> held;
  for (const auto& [message, queues] : messages_) {
    if (std::count(queues.begin(), queues.end(), queue) > 0) held.push_back(message);
  }
  for (const MessageId message : held) RemoveEntryOf(message, queue);
  out_.push_back(QueueDeleted{queue});
}

void History::Publish() {
  MessagePublished published{.id = {NextId()}, .message = RandomMessage(random_), .entries = {}};
  for (const QueueId queue : queues_) {
    if (Below(3) == 0) published.entries.push_back(RandomFacts(random_, queue));
  }
  if (published.entries.empty()) published.entries.push_back(RandomFacts(random_, queues_[0]));
  for (const EntryFacts& entry : published.entries) {
    messages_[published.id].push_back(entry.queue);
  }
  out_.push_back(std::move(published));
}

void History::Settle() {
  if (messages_.empty()) return;
  const auto message = std::next(messages_.begin(), static_cast<ptrdiff_t>(Below(messages_.size())));
  RemoveEntryOf(message->first, message->second[Below(message->second.size())]);
}

void History::RemoveEntryOf(MessageId message, QueueId queue) {
  std::vector<QueueId>& queues = messages_[message];
  std::erase(queues, queue);
  out_.push_back(EntryRemoved{message, queue, queues.empty()});
  if (queues.empty()) messages_.erase(message);
}

void History::Requeue() {
  if (messages_.empty()) return;
  const auto message = std::next(messages_.begin(), static_cast<ptrdiff_t>(Below(messages_.size())));
  const QueueId queue = message->second[Below(message->second.size())];
  out_.push_back(EntryUpdated{message->first, RandomFacts(random_, queue)});
}

void History::TouchWindowsAndProducers() {
  const QueueId queue = queues_[Below(queues_.size())];
  const std::string name(1, static_cast<char>('a' + Below(8)));
  const auto policy = [this, &name] {
    Policy made = RandomPolicy(random_, name);
    made.virtual_host = "host-" + std::to_string(Below(3));
    return made;
  };
  switch (Below(11)) {
    case 6: return out_.push_back(VirtualHostDeleted{"host-" + std::to_string(Below(5))});
    case 7: return out_.push_back(UserPut{RandomUser(random_, name)});
    case 8: return out_.push_back(UserDeleted{name});
    case 9: return out_.push_back(PolicyPut{policy()});
    case 10: return out_.push_back(PolicyDeleted{policy().virtual_host, name});
    case 0: return out_.push_back(QueueServing{queue, Below(2) == 0, {last_id_}});
    case 1: return out_.push_back(ProducerAdvanced{"/", name, Number(random_), Signed(random_),
                                                     RandomRuns(random_)});
    case 2: return out_.push_back(ProducerForgotten{"/", name});
    case 3: return out_.push_back(MessageIdSeen{{}, queue, name, Signed(random_)});
    case 4: return out_.push_back(MessageIdForgotten{{}, queue, name});
    default:
      if (exchanges_.empty()) return;
      out_.push_back(MessageIdSeen{exchanges_.back(), {}, name, Signed(random_)});
  }
}

std::vector<Record> Recovered(Journal& journal) {
  std::vector<Record> records;
  const absl::Status status = journal.Recover([&records](Record record) {
    records.push_back(std::move(record));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return records;
}

std::vector<Record> Emitted(const LiveState& state) {
  std::vector<Record> records;
  const absl::Status status = state.Emit([&records](Record record) {
    records.push_back(std::move(record));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return records;
}

namespace {

// (place of the kind, id); 0 for kinds without an id.
struct Place {
  using P = std::pair<int, uint64_t>;
  P operator()(const IdsReserved&) { return {0, 0}; }
  P operator()(const VirtualHostDeclared&) { return {1, 0}; }
  P operator()(const ExchangeDeclared& r) { return {2, r.id.value}; }
  P operator()(const QueueDeclared& r) { return {3, r.id.value}; }
  P operator()(const BindingAdded& r) { return {4, r.id.value}; }
  P operator()(const QueueServing& r) { return {5, r.queue.value}; }
  P operator()(const ProducerAdvanced&) { return {6, 0}; }
  P operator()(const MessageIdSeen&) { return {7, 0}; }
  P operator()(const UserPut&) { return {8, 0}; }
  P operator()(const PolicyPut&) { return {9, 0}; }
  P operator()(const MessagePublished& r) { return {10, r.id.value}; }
  P operator()(const auto& /*not live*/) { return {-1, 0}; }
};

void SortByBytes(std::vector<Record>& records) {
  std::vector<std::pair<std::string, Record>> keyed;
  for (Record& record : records) {
    std::string bytes;
    bytes.append(EncodeRecord(record, bytes).value());
    keyed.emplace_back(std::move(bytes), std::move(record));
  }
  std::sort(keyed.begin(), keyed.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  records.clear();
  for (auto& [bytes, record] : keyed) records.push_back(std::move(record));
}

}  // namespace

::testing::AssertionResult InPromisedOrder(const std::vector<Record>& records) {
  std::pair<int, uint64_t> last = {0, 0};
  for (size_t i = 0; i < records.size(); ++i) {
    const auto place = std::visit(Place(), records[i]);
    const bool ascends = place > last || (place == last && place.second == 0);
    if (place.first < 0 || !ascends) {
      return ::testing::AssertionFailure()
             << "record " << i << " (kind " << records[i].index() << ", id " << place.second
             << ") must not follow place " << last.first << ", id " << last.second;
    }
    last = place;
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult SameState(std::vector<Record> actual, std::vector<Record> expected) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure()
           << actual.size() << " records instead of " << expected.size();
  }
  SortByBytes(actual);
  SortByBytes(expected);
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!SameRecord(actual[i], expected[i])) {
      return ::testing::AssertionFailure()
             << "sorted record " << i << " of kind " << actual[i].index()
             << " differs from the expected one of kind " << expected[i].index();
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace warren::storage
