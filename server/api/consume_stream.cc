// Consume: queues' messages, and their settlement. Steps 8 and 9 of a message's life.
//
// A stream has one subscription without a number, and ends with it; or it is shared: it has many,
// numbered by the client, which come and go. To the broker each is a consumer. All of them fill one
// outbox, so that a frame holds what fell due for any of them, and they leave in that order: before
// a subscription's delivery are at most the prefetches of the others.
//
// Invariants of a shared stream:
// 1. Each number is used once; it has at most one last frame, `cancelled` or `subscription_ended`.
// 2. Settlements take effect in their order on the wire, whichever subscriptions they are of.
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/api/convert/delivery.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/settlement.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"
#include "server/api/stream.h"
#include "server/base/error.h"

namespace warren::api {
namespace {

// A frame of deliveries holds up to this much; one larger message has a frame of its own.
constexpr size_t kMaxDeliveriesInFrame = 4096;
constexpr size_t kMaxFrameBytes = size_t{1} << 20;
// A scratch frame that grew larger is given back.
constexpr size_t kMaxScratchBytes = size_t{4} << 20;
// A consumer that doesn't read its answers isn't read from either.
constexpr size_t kMaxAnswersInOutbox = 1024;
constexpr size_t kMaxFailuresInOutbox = 65'536;
constexpr size_t kMaxNoticesInOutbox = 1024;
constexpr size_t kMaxSubscriptions = 10'000;

class ConsumeStream final : public Stream, public runtime::SharedStreamSink {
 public:
  ConsumeStream(Api& api, runtime::RpcCells& rpc) : Stream(api, rpc) {}

  static runtime::Task Serve(Api& api) {
    return ServeWith<ConsumeStream>(api, &RawBrokerService::RequestConsume,
                                    CountersOf(api, runtime::RpcType::kBidiStream, "Consume"));
  }

 private:
  class Subscription final : public runtime::ConsumerSink {
   public:
    Subscription(ConsumeStream& stream, uint32_t number, const core::Subscribe& command)
        : number(number),
          virtual_host(command.virtual_host),
          queue(command.queue),
          auto_ack(command.auto_ack),
          stream_(stream) {}

    // ---- runtime::ConsumerSink ----
    const runtime::Session& session() const override { return stream_; }
    void OnSubscribed(core::Subscribed subscribed) override { stream_.Took(*this, subscribed); }
    void OnDelivered(core::Delivery delivery) override {
      ++in_outbox;
      stream_.deliveries_.push_back({this, std::move(delivery)});
      stream_.Filled();
    }
    void OnSettleAnswered(core::SettleAnswered answer) override {
      stream_.Answer(std::move(answer));
    }
    void OnDrained() override {
      v1::ConsumeResponse notice;
      notice.mutable_drained()->set_subscription(number);
      stream_.Notify(std::move(notice));
    }
    void OnCancelled(core::Cancelled cancelled) override { stream_.Cancel(*this, cancelled); }
    void OnClosed(const absl::Status& status) override { stream_.Refuse(*this, status); }

    const uint32_t number;  // 0: the stream's only one
    const std::string virtual_host;
    std::string queue;  // the client's until subscribed, then the one in use
    const bool auto_ack;
    core::ConsumerId consumer;  // 0 once it has ended
    size_t in_outbox = 0;       // deliveries
    bool dropped = false;       // they are no longer wanted

   private:
    ConsumeStream& stream_;
  };

  struct Outgoing {
    Subscription* subscription;
    core::Delivery delivery;
  };

  // Anything but deliveries and answers; leaves after the deliveries that came before it.
  struct Notice {
    uint64_t after;  // deliveries taken out of the outbox
    v1::ConsumeResponse frame;
  };

  // What the transport takes with the frame that is being written, of those that settle themselves.
  struct HandedOver {
    uint32_t subscription;
    core::DeliveryTag up_to;
  };

  // ---- Stream ----

  absl::Status Take(grpc::ByteBuffer& frame) override {
    v1::ConsumeRequest request;
    if (absl::Status s = Parse(frame, request); !s.ok()) return s;
    if (request.frame_case() == v1::ConsumeRequest::kSubscribe) {
      return Subscribe(*request.mutable_subscribe());
    }
    if (!begun_) return ProtocolFault("the first frame must be subscribe");
    switch (request.frame_case()) {
      case v1::ConsumeRequest::kSettle:
        return Settle(request.settle());
      case v1::ConsumeRequest::kSetPrefetch:
        return SetPrefetch(request.set_prefetch());
      case v1::ConsumeRequest::kDrain:
        return Drain(request.drain());
      case v1::ConsumeRequest::kUnsubscribe:
        return Unsubscribe(request.unsubscribe());
      default:
        return ProtocolFault(
            "a frame is empty; each carries subscribe, settle, set_prefetch, drain or unsubscribe");
    }
  }

  absl::Status Subscribe(v1::Subscribe& proto) {
    const uint32_t number = proto.subscription();
    if (begun_ && (!shared() || number == 0)) {
      return ProtocolFault("subscribe came twice; only subscriptions with numbers share a stream");
    }
    if (begun_ && number <= last_number_) {
      return ProtocolFault(absl::StrCat("subscription ", number, " comes after ", last_number_,
                                        "; each needs a higher number than all before it"));
    }
    begun_ = true;
    last_number_ = number;
    if (shared() && !id_) id_ = loop().registry().AddShared(*this);
    auto command = ToSubscribe(proto);
    if (!command.ok()) {
      if (!shared()) return command.status();
      NotifyEnd(number, command.status());
      return absl::OkStatus();
    }
    auto owned = std::make_unique<Subscription>(*this, number, *command);
    owned->consumer = loop().registry().Add(*owned);
    command->consumer = owned->consumer;
    subscriptions_.emplace(number, std::move(owned));
    loop().Submit(*std::move(command));
    return absl::OkStatus();
  }

  absl::StatusOr<core::Subscribe> ToSubscribe(v1::Subscribe& proto) {
    if (subscriptions_.size() >= kMaxSubscriptions) {
      const std::string limit = absl::StrCat(kMaxSubscriptions);
      return WithMetadata(
          Error(absl::StatusCode::kResourceExhausted, "SUBSCRIPTION_LIMIT", {"stream", "", ""},
                absl::StrCat("the stream has ", subscriptions_.size(), " subscriptions, its limit "
                             "is ", limit, "; open another stream")),
          "limit", limit);
    }
    if (absl::Status s = CheckName("virtual_host", proto.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("consumer", proto.consumer()); !s.ok()) return s;
    const absl::Status name = proto.has_declare() ? CheckName("queue", proto.queue())
                                                  : CheckRequiredName("queue", proto.queue());
    if (!name.ok()) return name;
    const auto prefetch = ToPrefetch(proto.prefetch_messages(), proto.prefetch_bytes());
    if (!prefetch.ok()) return prefetch.status();
    core::Subscribe command{.virtual_host = VirtualHostName(proto.virtual_host()),
                            .queue = proto.queue(),
                            .consumer_name = proto.consumer(),
                            .prefetch = *prefetch,
                            .auto_ack = proto.auto_ack(),
                            .exclusive = proto.exclusive(),
                            .owner = owner(),
                            .stream = id_};
    if (proto.has_declare()) {
      const auto options = ToQueueOptions(proto.declare());
      if (!options.ok()) return options.status();
      command.declare = *options;
    } else if (!proto.bindings().empty()) {
      return InvalidField("bindings", "OPTION_INVALID",
                          "bindings need declare; set it, or call Bind");
    }
    for (v1::Binding& binding : *proto.mutable_bindings()) {
      auto spec = TakeBindingTo(proto.queue(), binding);
      if (!spec.ok()) return spec.status();
      command.bindings.push_back(*std::move(spec));
    }
    if (absl::Status s = Permit(command); !s.ok()) return s;
    return command;
  }

  absl::Status Settle(const v1::Settle& proto) {
    auto settlements = ToSettlements(proto.settlements());
    if (!settlements.ok()) return settlements.status();
    core::Settle command{.consumer = id_,
                         .settle_id = proto.settle_id(),
                         .settlements = *std::move(settlements),
                         .shared = shared()};
    for (core::Settlement& settlement : command.settlements) {
      if (absl::Status s = CheckKnown(settlement.subscription); !s.ok()) return s;
      if (Subscription* s = Find(settlement.subscription)) settlement.consumer = s->consumer;
    }
    if (!shared()) {
      const Subscription* alone = Find(0);
      if (alone == nullptr) return absl::OkStatus();  // it is about to be told why
      command.consumer = alone->consumer;
    }
    loop().Submit(std::move(command));
    return absl::OkStatus();
  }

  absl::Status SetPrefetch(const v1::SetPrefetch& proto) {
    if (absl::Status s = CheckKnown(proto.subscription()); !s.ok()) return s;
    const auto prefetch = ToPrefetch(proto.prefetch_messages(), proto.prefetch_bytes());
    if (!prefetch.ok()) return prefetch.status();
    if (const Subscription* subscription = Find(proto.subscription())) {
      loop().Submit(core::SetPrefetch{subscription->consumer, *prefetch});
    }
    return absl::OkStatus();
  }

  absl::Status Drain(const v1::Drain& proto) {
    if (absl::Status s = CheckKnown(proto.subscription()); !s.ok()) return s;
    if (const Subscription* subscription = Find(proto.subscription())) {
      loop().Submit(core::DrainConsumer{subscription->consumer});
    }
    return absl::OkStatus();
  }

  absl::Status Unsubscribe(const v1::Unsubscribe& proto) {
    if (!shared()) {
      return ProtocolFault("unsubscribe is for subscriptions with numbers; end the stream instead");
    }
    if (absl::Status s = CheckKnown(proto.subscription()); !s.ok()) return s;
    // One that has ended by itself has been told so, or is about to be.
    if (Subscription* subscription = Find(proto.subscription())) {
      Drop(*subscription, absl::OkStatus());
    }
    return absl::OkStatus();
  }

  // What a number may name: a subscription of this stream, whether or not it has ended.
  absl::Status CheckKnown(uint32_t number) const {
    if (shared() ? number != 0 && number <= last_number_ : number == 0) return absl::OkStatus();
    return ProtocolFault(absl::StrCat("subscription ", number, " was never subscribed on this "
                                      "stream"));
  }

  // Null if it has ended.
  Subscription* Find(uint32_t number) const {
    const auto it = subscriptions_.find(number);
    return it == subscriptions_.end() || !it->second->consumer ? nullptr : it->second.get();
  }

  bool shared() const { return last_number_ != 0; }

  void OnAccessChanged() override {
    Stream::OnAccessChanged();
    if (!denied().ok() || ending()) return;
    std::vector<uint32_t> numbers;
    numbers.reserve(subscriptions_.size());
    for (const auto& [number, subscription] : subscriptions_) numbers.push_back(number);
    for (const uint32_t number : numbers) {
      Subscription* subscription = Find(number);
      if (subscription == nullptr) continue;
      const absl::Status s = Permit(core::Get{.virtual_host = subscription->virtual_host,
                                              .queue = subscription->queue});
      if (s.ok()) continue;
      if (!shared()) return End(s);
      Drop(*subscription, s);
    }
  }

  bool MayTake() const override {
    return answers_.size() < kMaxAnswersInOutbox && failures_ < kMaxFailuresInOutbox &&
           notices_.size() < kMaxNoticesInOutbox;
  }

  // Deliveries go on; the client settles with Ack.
  void HalfClosed() override {
    half_closed_ = true;
    if (!begun_) return End(ProtocolFault("the stream was closed before it subscribed"));
    EndIfUseless();
  }

  runtime::SessionKind kind() const override { return runtime::SessionKind::kConsumer; }

  // ---- Out of the outbox ----

  bool FillFrame(grpc::ByteBuffer& frame) override {
    while (HasDeliveriesNow() && deliveries_.front().subscription->dropped) PopDelivery();
    // Answers and the rest take turns, so that neither waits for the other's end.
    if (HasDeliveriesNow() && (answers_.empty() || answered_last_)) {
      answered_last_ = false;
      frame = FillDeliveries(api().scratch.deliveries);
      return true;
    }
    if (HasNoticeNow() && NoticeMayGo()) {
      answered_last_ = false;
      frame = Serialize(notices_.front().frame);
      notices_.pop_front();
      return true;
    }
    if (answers_.empty()) return false;
    answered_last_ = true;
    v1::ConsumeResponse response;
    FillAnswer(*response.mutable_settle_results());
    frame = Serialize(response);
    return true;
  }

  bool HasNoticeNow() const { return !notices_.empty() && notices_.front().after == taken_; }
  bool HasDeliveriesNow() const { return !deliveries_.empty() && !HasNoticeNow(); }
  // A stream that ends with its subscription says so when all else has been said.
  bool NoticeMayGo() const {
    return answers_.empty() || notices_.front().frame.has_subscribed() ||
           (shared() && answered_last_);
  }

  void FillAnswer(v1::SettleResults& results) {
    const core::SettleAnswered& answer = answers_.front();
    results.set_settle_id(answer.settle_id);
    SetFailures(answer.failures, results.mutable_failures());
    failures_ -= answer.failures.size();
    answers_.pop_front();
  }

  grpc::ByteBuffer FillDeliveries(v1::ConsumeResponse& response) {
    v1::Deliveries& frame = *response.mutable_deliveries();
    frame.clear_deliveries();
    size_t bytes = 0;
    size_t count = 0;
    while (HasDeliveriesNow() && count < kMaxDeliveriesInFrame) {
      const auto& [subscription, delivery] = deliveries_.front();
      if (count > 0 && bytes + delivery.message->body.size() > kMaxFrameBytes) break;
      if (!subscription->dropped) {
        v1::Delivery& proto = *frame.add_deliveries();
        bytes += SetDelivery(delivery, &proto);
        if (subscription->number != 0) proto.set_subscription(subscription->number);
        if (subscription->auto_ack) NoteHandingOver(*subscription, delivery.tag);
        ++count;
      }
      PopDelivery();
    }
    grpc::ByteBuffer buffer = Serialize(response);
    if (bytes > kMaxScratchBytes) response.Clear();
    return buffer;
  }

  void PopDelivery() {
    Subscription& subscription = *deliveries_.front().subscription;
    deliveries_.pop_front();
    ++taken_;
    --subscription.in_outbox;
    Forget(subscription);
  }

  void NoteHandingOver(const Subscription& subscription, core::DeliveryTag tag) {
    if (handing_over_.empty() || handing_over_.back().subscription != subscription.number) {
      handing_over_.push_back({.subscription = subscription.number, .up_to = tag});
    } else {
      handing_over_.back().up_to = tag;
    }
  }

  void Written() override {
    for (const HandedOver& taken : handing_over_) {
      const Subscription* subscription = Find(taken.subscription);
      if (subscription == nullptr) continue;
      loop().Submit(core::HandedOver{subscription->consumer, taken.up_to});
    }
    handing_over_.clear();
  }

  // ---- Into the outbox ----

  void Took(Subscription& subscription, core::Subscribed& subscribed) {
    v1::ConsumeResponse notice;
    notice.mutable_subscribed()->set_consumer(subscribed.consumer_name);
    notice.mutable_subscribed()->set_queue(subscribed.queue);
    notice.mutable_subscribed()->set_message_count(subscribed.message_count);
    notice.mutable_subscribed()->set_subscription(subscription.number);
    subscription.queue = std::move(subscribed.queue);
    Notify(std::move(notice));
  }

  void Answer(core::SettleAnswered answer) {
    failures_ += answer.failures.size();
    answers_.push_back(std::move(answer));
    Filled();
  }

  void Notify(v1::ConsumeResponse notice) {
    notices_.push_back({taken_ + deliveries_.size(), std::move(notice)});
    Filled();
  }

  // `why` OK: it was asked for.
  void NotifyEnd(uint32_t number, const absl::Status& why) {
    v1::ConsumeResponse notice;
    notice.mutable_subscription_ended()->set_subscription(number);
    if (!why.ok()) SetError(why, notice.mutable_subscription_ended()->mutable_error());
    Notify(std::move(notice));
  }

  void OnSharedSettleAnswered(core::SettleAnswered answer) override { Answer(std::move(answer)); }

  // ---- The end of a subscription, and of the stream ----

  void Cancel(Subscription& subscription, const core::Cancelled& cancelled) {
    v1::ConsumeResponse notice;
    notice.mutable_cancelled()->set_reason(static_cast<v1::CancelReason>(cancelled.reason));
    notice.mutable_cancelled()->set_message(cancelled.message);
    notice.mutable_cancelled()->set_subscription(subscription.number);
    Notify(std::move(notice));
    if (shared()) return Ended(subscription);
    End(absl::OkStatus());
  }

  // The broker wouldn't have it.
  void Refuse(Subscription& subscription, const absl::Status& why) {
    if (!shared()) return End(why);
    NotifyEnd(subscription.number, why);
    Ended(subscription);
  }

  // Of a shared stream. The broker is told; deliveries that haven't left aren't sent.
  void Drop(Subscription& subscription, const absl::Status& why) {
    subscription.dropped = true;
    loop().Close(subscription.consumer);
    NotifyEnd(subscription.number, why);
    Ended(subscription);
  }

  // The broker has it no more. The subscription may be gone afterwards.
  void Ended(Subscription& subscription) {
    loop().registry().Remove(subscription.consumer);
    subscription.consumer = {};
    Forget(subscription);
    EndIfUseless();
  }

  void Forget(const Subscription& subscription) {
    if (!subscription.consumer && subscription.in_outbox == 0) {
      subscriptions_.erase(subscription.number);
    }
  }

  // Nothing is to come, and nothing can be asked for.
  void EndIfUseless() {
    if (!half_closed_ || !shared()) return;
    for (const auto& [number, subscription] : subscriptions_) {
      if (subscription->consumer) return;
    }
    End(absl::OkStatus());
  }

  void Leave() override {
    std::vector<core::ConsumerId> consumers;
    for (const auto& [number, subscription] : subscriptions_) {
      if (subscription->consumer) consumers.push_back(subscription->consumer);
    }
    // First, so that none is given what another returns.
    if (consumers.size() > 1) {
      for (const core::ConsumerId c : consumers) loop().Submit(core::DrainConsumer{c});
    }
    for (const core::ConsumerId c : consumers) loop().Close(c);
    for (const auto& [number, subscription] : subscriptions_) subscription->consumer = {};
    if (id_) loop().registry().RemoveShared(id_);
  }

  bool begun_ = false;
  bool half_closed_ = false;
  uint32_t last_number_ = 0;  // not 0: shared
  core::ConsumerId id_;       // if shared
  absl::flat_hash_map<uint32_t, std::unique_ptr<Subscription>> subscriptions_;
  std::vector<HandedOver> handing_over_;

  // Outbox; deliveries are bounded by the prefetches.
  std::deque<Outgoing> deliveries_;
  uint64_t taken_ = 0;  // deliveries, from the stream's begin
  std::deque<Notice> notices_;
  std::deque<core::SettleAnswered> answers_;
  size_t failures_ = 0;  // of answers_
  bool answered_last_ = false;
};

}  // namespace

void ServeConsume(Api& api) { ConsumeStream::Serve(api).Detach(); }

}  // namespace warren::api
