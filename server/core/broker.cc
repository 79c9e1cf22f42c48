#include "server/core/broker.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

// Ids reserved at a time. One record a million ids costs nothing.
constexpr uint64_t kIdBlock = uint64_t{1} << 20;

// Of random letters in a name that the broker makes: 132 bits.
constexpr int kLettersPerName = 22;

}  // namespace

Broker::Broker(BrokerOptions options) : impl_(std::make_unique<Impl>(options)) {}
Broker::~Broker() = default;

absl::Status Broker::Restore(storage::Record record, int64_t now_ms) {
  return impl_->Restore(std::move(record), now_ms);
}
void Broker::FinishRecovery(int64_t now_ms) { impl_->FinishRecovery(now_ms); }
void Broker::Step(int64_t now_ms, Command command, Effects& effects) {
  impl_->Step(now_ms, std::move(command), effects);
}
std::optional<int64_t> Broker::NextDeadline() const { return impl_->NextDeadline(); }
bool Broker::HasPendingRecords() const { return impl_->ledger().HasPending(); }
storage::Batch Broker::TakeBatch() { return impl_->ledger().Take(); }
bool Broker::HasPageWork() const { return impl_->HasPageWork(); }
PageWork Broker::TakePageWork() { return impl_->TakePageWork(); }
const std::map<std::string, storage::User>& Broker::users() const { return impl_->users(); }
const Usage& Broker::usage() const { return impl_->usage(); }
std::vector<QueueFigures> Broker::MeasureQueues(storage::QueueId after, size_t max) const {
  return impl_->MeasureQueues(after, max);
}
void Broker::Survey(QueueSurvey& survey, size_t max) const { impl_->Survey(survey, max); }
Part<VirtualHostFigures, std::string> Broker::WalkVirtualHosts(const std::string& after,
                                                              PartLimits limits,
                                                              const HostFilter& filter) const {
  return impl_->WalkVirtualHosts(after, limits, filter);
}
Part<ExchangeView, storage::ExchangeId> Broker::WalkExchanges(storage::ExchangeId after,
                                                              PartLimits limits,
                                                              const NameFilter& filter) const {
  return impl_->WalkExchanges(after, limits, filter);
}
Part<QueueDetails, storage::QueueId> Broker::WalkQueues(storage::QueueId after, PartLimits limits,
                                                        const NameFilter& filter) const {
  return impl_->WalkQueues(after, limits, filter);
}
Part<BindingView, BindingPlace> Broker::WalkBindings(BindingPlace after, PartLimits limits,
                                                     const BindingFilter& filter) const {
  return impl_->WalkBindings(after, limits, filter);
}
Part<storage::Policy, PolicyPlace> Broker::WalkPolicies(PolicyPlace after, PartLimits limits,
                                                        const NameFilter& filter) const {
  return impl_->WalkPolicies(std::move(after), limits, filter);
}
Part<ConsumerView, ConsumerId> Broker::WalkConsumers(ConsumerId after, PartLimits limits,
                                                     const NameFilter& filter) const {
  return impl_->WalkConsumers(after, limits, filter);
}
absl::StatusOr<storage::QueueId> Broker::FindQueue(const std::string& virtual_host,
                                                   const std::string& queue) const {
  return impl_->FindQueueId(virtual_host, queue);
}
Part<EntryView, EntryMark> Broker::Peek(storage::QueueId queue, EntryMark after,
                                        std::optional<EntryPlace> only, size_t max) const {
  return impl_->Peek(queue, after, only, max);
}
absl::StatusOr<RouteExplanation> Broker::ExplainRoute(const std::string& virtual_host,
                                                      const std::string& exchange,
                                                      std::string_view routing_key,
                                                      const storage::Headers& headers) const {
  return impl_->ExplainRoute(virtual_host, exchange, routing_key, headers);
}
std::vector<QueueView> Broker::ListQueues() const { return impl_->ListQueues(); }
std::vector<EntryView> Broker::ListEntries(storage::QueueId queue) const {
  return impl_->ListEntries(queue);
}
void Broker::CheckInvariants() const { impl_->CheckInvariants(); }

// The slabs want back what they gave out: entries, and with them the messages.
Broker::Impl::~Impl() {
  const auto free_all = [this](EntryList& list) {
    while (Entry* entry = list.front()) {
      list.Remove(entry);
      Free(*entry);
    }
  };
  for (const auto& [id, consumer] : consumers_) free_all(consumer->unsettled);
  for (const auto& [id, queue] : queues_) {
    free_all(queue->leased);
    for (Entry* entry : queue->TakeHeld(queue->held_count())) Free(*entry);
    while (Entry* entry = queue->TakeDying()) Free(*entry);
    while (Entry* entry = queue->ready().head()) {
      queue->Take(*entry);
      Free(*entry);
    }
    while (!queue->deadlines().empty()) {  // delayed ones: the ready ones are gone
      Entry* entry = queue->deadlines().front();
      queue->Take(*entry);
      Free(*entry);
    }
  }
}

void Broker::Impl::Step(int64_t now_ms, Command command, Effects& effects) {
  now_ms_ = std::max(now_ms_, now_ms);
  timed_budget_ = options_.timed_per_step;
  out_ = &effects;
  std::visit([this](auto& c) { Handle(c); }, command);
  RunTimers();
  FinishStep();
  Sweep();
  out_ = nullptr;
#ifndef NDEBUG
  CheckInvariants();
#endif
}

void Broker::Impl::FinishStep() {
  for (;;) {
    while (!dead_letters_.empty()) {
      DeadLetterOnItsWay dead = std::move(dead_letters_.front());
      dead_letters_.pop_front();
      RouteDeadLetter(*dead.host, dead.message);
    }
    RemoveIdleExchanges();
    ledger_.EndStep();
    std::vector<Waiting> released = ledger_.TakeReleased();
    if (released.empty()) break;
    for (Waiting& waiting : released) CarryOut(std::move(waiting));
  }
  FlushConfirms();
}

void Broker::Impl::RemoveIdleExchanges() {
  while (!idle_exchanges_.empty()) {
    const auto it = exchanges_.find(idle_exchanges_.back());
    idle_exchanges_.pop_back();
    if (it != exchanges_.end() && it->second->bindings.empty()) RemoveExchange(*it->second);
  }
}

void Broker::Impl::CarryOut(Waiting waiting) {
  if (auto* effect = std::get_if<Effect>(&waiting)) {
    if (const auto* confirmed = std::get_if<Confirmed>(effect)) {
      Confirm(confirmed->publisher, confirmed->first_sequence, confirmed->last_sequence,
              confirmed->outcome);
    } else if (HasReceiver(*effect)) {
      Emit(std::move(*effect));
    }
  } else if (const auto* release = std::get_if<ReleaseHeld>(&waiting)) {
    const auto it = queues_.find(release->queue);
    if (it == queues_.end()) return;  // deleted meanwhile, and its entries with it
    for (Entry* entry : it->second->TakeHeld(release->count)) {
      --usage_.held_messages;
      // It joins the queue only now: a consumer that is ready gets it even if its time to live is 0.
      if (entry->expires_at_ms != 0) entry->expires_at_ms = std::max(entry->expires_at_ms, now_ms_);
      JoinQueue(*it->second, *entry);
    }
  } else if (const auto* start = std::get_if<StartServing>(&waiting)) {
    const auto it = queues_.find(start->queue);
    if (it == queues_.end()) return;
    Queue& queue = *it->second;
    if (queue.serving != Serving::kAsked || queue.serving_asks != start->ask) return;
    queue.serving = Serving::kYes;
    Dispatch(queue);
  } else if (const auto* open = std::get_if<OpenConsumer>(&waiting)) {
    const auto it = consumers_.find(open->consumer);
    if (it == consumers_.end()) return;
    it->second->open = true;
    it->second->queue->look_ahead_in = 0;
    it->second->queue->available.Update(*it->second, /*served=*/false);
    Dispatch(*it->second->queue);
  } else {
    auto& resume = std::get<ResumeGet>(waiting);
    const auto it = queues_.find(resume.queue);
    if (it == queues_.end()) return RefuseGet(resume.get);
    --it->second->gets_held_up;
    Handle(resume.get);
  }
}

bool Broker::Impl::HasReceiver(const Effect& effect) const {
  if (const auto* opened = std::get_if<PublisherOpened>(&effect)) {
    return publishers_.contains(opened->publisher);
  }
  if (const auto* subscribed = std::get_if<Subscribed>(&effect)) {
    return consumers_.contains(subscribed->consumer);
  }
  if (const auto* answered = std::get_if<SettleAnswered>(&effect)) {
    return answered->shared || consumers_.contains(answered->consumer);
  }
  return true;
}

void Broker::Impl::Confirm(PublisherId publisher, uint64_t first, uint64_t last, Outcome outcome) {
  if (!publishers_.contains(publisher)) return;
  if (confirms_ && confirms_->publisher == publisher && confirms_->outcome == outcome &&
      confirms_->last_sequence + 1 == first) {
    confirms_->last_sequence = last;
    return;
  }
  FlushConfirms();
  confirms_ = Confirmed{.publisher = publisher,
                        .first_sequence = first,
                        .last_sequence = last,
                        .outcome = outcome,
                        .error = {}};
}

void Broker::Impl::FlushConfirms() {
  if (!confirms_) return;
  Emit(*std::move(confirms_));
  confirms_.reset();
}

void Broker::Impl::Reply(RequestId request, absl::Status status,
                         decltype(Replied::result) result) {
  Replied replied{.request = request, .status = std::move(status), .result = std::move(result)};
  if (replied.status.ok()) {
    ledger_.Wait(Effect(std::move(replied)));
  } else {
    Emit(std::move(replied));
  }
}

uint64_t Broker::Impl::NextId() {
  if (next_id_ == reserved_ids_) {
    reserved_ids_ += kIdBlock;
    ledger_.Append(storage::IdsReserved{reserved_ids_});
  }
  return next_id_++;
}

std::string Broker::Impl::MakeName(std::string_view prefix) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string name(prefix);
  for (int i = 0; i < kLettersPerName; ++i) name += kAlphabet[random_() % kAlphabet.size()];
  return name;
}

// ---- Time ----

void Broker::Impl::RunTimers() {
  while (timed_budget_ > 0) {
    const std::optional<Timers::Fired> due = timers_.Due(now_ms_);
    if (!due) return;
    --timed_budget_;
    switch (due->kind) {
      case TimerKind::kQueue:
        RunQueueTimer(*queues_.at({due->id}));
        break;
      case TimerKind::kExchange:
        RunExchangeTimer(*exchanges_.at({due->id}));
        break;
      case TimerKind::kLease:
        EndLease(due->id);
        break;
      case TimerKind::kProducers:
        RunProducersTimer();
        break;
      case TimerKind::kDeletions:
        RunDeletionsTimer();
        break;
      case TimerKind::kPolicies:
        RunPoliciesTimer();
        break;
    }
  }
}

void Broker::Impl::RunQueueTimer(Queue& queue) {
  timers_.Stop(queue.timer, TimerKind::kQueue, queue.id.value);
  for (; timed_budget_ > 0 && queue.seen && queue.seen->oldest() != nullptr; --timed_budget_) {
    if (queue.seen->oldest()->until_ms > now_ms_) break;
    const std::string message_id = queue.seen->oldest()->message_id;
    if (queue.seen->ForgetOldest() && queue.durable()) {
      ledger_.Append(storage::MessageIdForgotten{
          .exchange = {}, .queue = queue.id, .message_id = message_id});
    }
  }
  const auto& expires = queue.options().expires_ms;
  if (expires && queue.consumers.empty() && queue.last_used_ms + *expires <= now_ms_) {
    RemoveQueue(queue, "expired");
    return;
  }
  ExpireDue(queue);
  SetQueueTimer(queue);
}

void Broker::Impl::SetQueueTimer(Queue& queue) {
  int64_t at_ms = TimerState::kOff;
  if (!queue.deadlines().empty() && !HasManyDying(queue)) at_ms = queue.deadlines().front_ms();
  if (queue.options().expires_ms && queue.consumers.empty()) {
    at_ms = std::min(at_ms, queue.last_used_ms + *queue.options().expires_ms);
  }
  if (queue.seen && queue.seen->oldest() != nullptr) {
    at_ms = std::min(at_ms, queue.seen->oldest()->until_ms);
  }
  if (at_ms != TimerState::kOff) {
    timers_.GoOffBy(queue.timer, TimerKind::kQueue, queue.id.value, at_ms);
  }
}

void Broker::Impl::RunExchangeTimer(Exchange& exchange) {
  timers_.Stop(exchange.timer, TimerKind::kExchange, exchange.id.value);
  for (; timed_budget_ > 0 && exchange.seen->oldest() != nullptr; --timed_budget_) {
    if (exchange.seen->oldest()->until_ms > now_ms_) break;
    const std::string message_id = exchange.seen->oldest()->message_id;
    if (exchange.seen->ForgetOldest() && exchange.declared.durable) {
      ledger_.Append(storage::MessageIdForgotten{
          .exchange = exchange.id, .queue = {}, .message_id = message_id});
    }
  }
  if (exchange.seen->oldest() != nullptr) {
    timers_.GoOffBy(exchange.timer, TimerKind::kExchange, exchange.id.value,
                    exchange.seen->oldest()->until_ms);
  }
}

void Broker::Impl::RunProducersTimer() {
  timers_.Stop(producers_timer_, TimerKind::kProducers, 0);
  for (; timed_budget_ > 0; --timed_budget_) {
    Producer* oldest = producers_.oldest();
    if (oldest == nullptr) return;
    if (oldest->last_used_ms + options_.producer_expiry_ms > now_ms_) break;
    if (oldest->publishers > 0) {
      producers_.Touch(*oldest, now_ms_);  // in use, if silent
      continue;
    }
    ledger_.ForgetProducer(*oldest);
    producers_.Erase(*oldest);
  }
  // The last one may have gone with the last of the budget.
  if (const Producer* oldest = producers_.oldest()) {
    timers_.GoOffBy(producers_timer_, TimerKind::kProducers, 0,
                    oldest->last_used_ms + options_.producer_expiry_ms);
  }
}

// ---- Shutdown ----

void Broker::Impl::Handle(BeginShutdown&) {
  stopping_ = true;
  for (const auto& [id, consumer] : consumers_) {
    if (!std::exchange(consumer->draining, true)) {
      consumer->queue->available.Remove(*consumer);
      Emit(Drained{id});
    }
  }
}

void Broker::Impl::Handle(FinishShutdown&) {
  stopping_ = true;
  while (!consumers_.empty()) {
    Consumer& consumer = *consumers_.begin()->second;
    Emit(Cancelled{.consumer = consumer.id,
                   .reason = CancelReason::kShuttingDown,
                   .message = "the broker is shutting down"});
    RemoveConsumer(consumer);
  }
  while (!leases_.empty()) EndLease(leases_.begin()->first);
  for (const auto& [id, queue] : queues_) StopServing(*queue);
}

const Usage& Broker::Impl::usage() {
  usage_.pending_records = ledger_.pending_records();
  usage_.pending_messages = ledger_.pending_messages();
  usage_.pending_body_bytes = ledger_.pending_bytes();
  usage_.in_flight_batches = ledger_.in_flight();
  usage_.queues = queues_.size();
  usage_.exchanges = exchanges_.size();
  usage_.consumers = consumers_.size();
  usage_.publishers = publishers_.size();
  return usage_;
}

}  // namespace warren::core
