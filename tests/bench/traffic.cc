#include "tests/bench/traffic.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace warren::bench {
namespace {

constexpr core::RequestId kRequest{1};
constexpr core::PublisherId kPublisher{1};
constexpr int64_t kYearMs = int64_t{365} * 24 * 3600 * 1000;
constexpr char kExchange[] = "orders";

std::string QueueName(int index) { return absl::StrCat("queue", index); }

}  // namespace

Traffic::Traffic(const TrafficOptions& options)
    : options_(options),
      broker_({}),
      body_(std::string(kBodyBytes, 'w')) {
  broker_.FinishRecovery(kNowMs);
  storage::QueueOptions queue_options;
  queue_options.durable = options.journal != Journal::kNone;
  if (options.bindings > 0) {
    exchange_ = storage::SharedString(std::string(kExchange));
    Step(core::DeclareExchange{
        kRequest, "/", kExchange,
        storage::ExchangeOptions{.type = storage::ExchangeType::kTopic,
                                 .durable = queue_options.durable}});
  }
  for (int i = 0; i < options.queues; ++i) {
    const std::string queue = QueueName(i);
    Step(core::DeclareQueue{kRequest, "/", queue, queue_options});
    keys_.emplace_back(options.bindings > 0 ? absl::StrCat("eu.", queue, ".created") : queue);
    if (options.bindings == 0) continue;
    Step(core::Bind{kRequest, "/", {.source = kExchange, .destination = queue,
                                    .key = absl::StrCat("eu.", queue, ".*")}});
  }
  for (int i = 0; i < options.bindings; ++i) {
    const char* const shapes[] = {"us.state", "*.*.state", "#.state"};
    Step(core::Bind{kRequest, "/", {.source = kExchange, .destination = QueueName(0),
                                    .key = absl::StrCat(shapes[i % 3], i)}});
  }
  Fill();
  for (const core::Effect& effect : effects_) {
    const auto* replied = std::get_if<core::Replied>(&effect);
    WARREN_CHECK(replied == nullptr || replied->status.ok());
  }
  CollectDeliveries();
}

void Traffic::Fill() {
  Step(core::OpenPublisher{kPublisher, "/", "", false});
  for (int left = options_.delayed; left > 0; left -= kFrame) {
    published_ = 0;  // all for the first queue
    core::Publish publish = NextPublish(1, kYearMs + left);
    for (int i = 1; i < std::min(left, kFrame); ++i) {
      published_ = 0;
      publish.publications.push_back(
          std::move(NextPublish(1, kYearMs + left - i).publications.front()));
    }
    Step(std::move(publish));
  }
  for (int left = options_.backlog; left > 0; left -= kFrame) {
    Step(NextPublish(std::min(left, kFrame)));
    if (options_.journal != Journal::kNone) Store();
  }
  uint64_t consumer = 0;
  for (int i = 0; i < options_.queues * options_.consumers; ++i) {
    Step(core::Subscribe{.consumer = {++consumer}, .virtual_host = "/",
                         .queue = QueueName(i % options_.queues), .prefetch = {.messages = kFrame}});
  }
  // What was declared counts, and queues deliver, once the journal knows.
  Store();
}

void Traffic::Store() {
  while (broker_.HasPendingRecords()) {
    const storage::Batch batch = broker_.TakeBatch();
    Step(core::Durable{batch.lsn});
  }
}

core::Publish Traffic::NextPublish(int messages, int64_t delay_ms) {
  core::Publish publish{.publisher = kPublisher, .first_sequence = 1};
  publish.publications.reserve(static_cast<size_t>(messages));
  for (int i = 0; i < messages; ++i) {
    core::Publication& publication = publish.publications.emplace_back();
    publication.message = storage::MakeRef<storage::Message>();
    publication.message->exchange = exchange_;
    publication.message->routing_key = keys_[published_++ % keys_.size()];
    publication.message->body = body_;
    publication.message->persistent = options_.journal != Journal::kNone;
    publication.delay_ms = delay_ms;
  }
  return publish;
}

std::vector<core::Settle> Traffic::NextSettles() {
  CollectDeliveries();
  std::vector<core::Settle> settles;
  for (const auto& [consumer, tag] : unsettled_) {
    const bool another = settles.empty() || options_.settle_each ||
                         settles.back().consumer != consumer;
    if (another) {
      core::Settle& settle = settles.emplace_back();
      settle.consumer = consumer;
      settle.settlements.emplace_back();
    }
    core::Settlement& settlement = settles.back().settlements.front();
    if (options_.settle_each) {
      settlement.tags = {tag};
    } else {
      settlement.up_to = tag;
    }
  }
  unsettled_.clear();
  return settles;
}

void Traffic::CollectDeliveries() {
  for (const core::Effect& effect : effects_) {
    if (const auto* delivered = std::get_if<core::Delivered>(&effect)) {
      unsettled_.emplace_back(delivered->consumer, delivered->delivery.tag);
    }
  }
  effects_.clear();
}

}  // namespace warren::bench
