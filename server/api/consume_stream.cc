// Consume: a queue's messages, and their settlement. Steps 8 and 9 of a message's life.
#include <deque>
#include <optional>
#include <utility>

#include "server/api/convert/delivery.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/settlement.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"
#include "server/api/stream.h"

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

class ConsumeStream final : public Stream, public runtime::ConsumerSink {
 public:
  ConsumeStream(Api& api, runtime::RpcCells& rpc) : Stream(api, rpc) {}

  static runtime::Task Serve(Api& api) {
    return ServeWith<ConsumeStream>(api, &RawBrokerService::RequestConsume,
                                    CountersOf(api, runtime::RpcType::kBidiStream, "Consume"));
  }

 private:
  // ---- Stream ----

  absl::Status Take(grpc::ByteBuffer& frame) override {
    v1::ConsumeRequest request;
    if (absl::Status s = Parse(frame, request); !s.ok()) return s;
    if (request.frame_case() == v1::ConsumeRequest::kSubscribe) {
      return Subscribe(*request.mutable_subscribe());
    }
    if (!consumer_) return ProtocolFault("the first frame must be subscribe");
    switch (request.frame_case()) {
      case v1::ConsumeRequest::kSettle:
        return Settle(request.settle());
      case v1::ConsumeRequest::kSetPrefetch:
        return SetPrefetch(request.set_prefetch());
      case v1::ConsumeRequest::kDrain:
        loop().Submit(core::DrainConsumer{consumer_});
        return absl::OkStatus();
      default:
        return ProtocolFault(
            "a frame is empty; each carries subscribe, settle, set_prefetch or drain");
    }
  }

  absl::Status Subscribe(v1::Subscribe& proto) {
    if (consumer_) return ProtocolFault("subscribe came twice; only the first frame is one");
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
                            .exclusive = proto.exclusive()};
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
    reads_ = {command.virtual_host, command.queue};
    auto_ack_ = proto.auto_ack();
    consumer_ = loop().registry().Add(*this);
    command.consumer = consumer_;
    command.owner = owner();
    loop().Submit(std::move(command));
    return absl::OkStatus();
  }

  absl::Status Settle(const v1::Settle& proto) {
    auto settlements = ToSettlements(proto.settlements());
    if (!settlements.ok()) return settlements.status();
    loop().Submit(core::Settle{.consumer = consumer_,
                               .settle_id = proto.settle_id(),
                               .settlements = *std::move(settlements)});
    return absl::OkStatus();
  }

  absl::Status SetPrefetch(const v1::SetPrefetch& proto) {
    const auto prefetch = ToPrefetch(proto.prefetch_messages(), proto.prefetch_bytes());
    if (!prefetch.ok()) return prefetch.status();
    loop().Submit(core::SetPrefetch{consumer_, *prefetch});
    return absl::OkStatus();
  }

  void OnAccessChanged() override {
    Stream::OnAccessChanged();
    if (!denied().ok() || !consumer_) return;
    const absl::Status s =
        Permit(core::Get{.virtual_host = reads_.virtual_host, .queue = reads_.queue});
    if (!s.ok()) End(s);
  }

  bool MayTake() const override {
    return answers_.size() < kMaxAnswersInOutbox && failures_ < kMaxFailuresInOutbox;
  }

  // Deliveries go on; the client settles with Ack.
  void HalfClosed() override {
    if (!consumer_) End(ProtocolFault("the stream was closed before it subscribed"));
  }

  bool FillFrame(grpc::ByteBuffer& frame) override {
    // Answers and deliveries take turns, so that neither waits for the other's end.
    if (!subscribed_.has_value() && !deliveries_.empty() && (answers_.empty() || answered_last_)) {
      answered_last_ = false;
      frame = FillDeliveries(api().scratch.deliveries);
      return true;
    }
    v1::ConsumeResponse response;
    if (subscribed_.has_value()) {
      response.mutable_subscribed()->set_consumer(subscribed_->consumer_name);
      response.mutable_subscribed()->set_queue(subscribed_->queue);
      response.mutable_subscribed()->set_message_count(subscribed_->message_count);
      subscribed_.reset();
    } else if (!answers_.empty()) {
      answered_last_ = true;
      FillAnswer(*response.mutable_settle_results());
    } else if (drained_) {
      drained_ = false;
      response.mutable_drained();
    } else if (cancelled_.has_value()) {
      response.mutable_cancelled()->set_reason(static_cast<v1::CancelReason>(cancelled_->reason));
      response.mutable_cancelled()->set_message(cancelled_->message);
      cancelled_.reset();
    } else {
      return false;
    }
    frame = Serialize(response);
    return true;
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
    while (!deliveries_.empty() && count < kMaxDeliveriesInFrame) {
      const core::Delivery& delivery = deliveries_.front();
      if (count > 0 && bytes + delivery.message->body.size() > kMaxFrameBytes) break;
      bytes += SetDelivery(delivery, frame.add_deliveries());
      ++count;
      written_up_to_ = delivery.tag;
      deliveries_.pop_front();
    }
    grpc::ByteBuffer buffer = Serialize(response);
    if (bytes > kMaxScratchBytes) response.Clear();
    return buffer;
  }

  void Written() override {
    if (!auto_ack_ || handed_over_up_to_ == written_up_to_) return;
    handed_over_up_to_ = written_up_to_;
    loop().Submit(core::HandedOver{consumer_, written_up_to_});
  }

  void Leave() override {
    if (consumer_) loop().Close(consumer_);
  }

  runtime::SessionKind kind() const override { return runtime::SessionKind::kConsumer; }

  // ---- runtime::ConsumerSink ----

  const runtime::Session& session() const override { return *this; }

  void OnSubscribed(core::Subscribed subscribed) override {
    reads_.queue = subscribed.queue;
    subscribed_ = std::move(subscribed);
    Filled();
  }

  void OnDelivered(core::Delivery delivery) override {
    deliveries_.push_back(std::move(delivery));
    Filled();
  }

  void OnSettleAnswered(core::SettleAnswered answer) override {
    failures_ += answer.failures.size();
    answers_.push_back(std::move(answer));
    Filled();
  }

  void OnDrained() override {
    drained_ = true;
    Filled();
  }

  void OnCancelled(core::Cancelled cancelled) override {
    cancelled_ = std::move(cancelled);
    End(absl::OkStatus());
  }

  void OnClosed(const absl::Status& status) override { End(status); }

  struct Reads {
    std::string virtual_host;
    std::string queue;
  };

  core::ConsumerId consumer_;  // 0 before subscribe
  Reads reads_;                // once subscribed
  bool auto_ack_ = false;
  core::DeliveryTag written_up_to_;
  core::DeliveryTag handed_over_up_to_;

  // Outbox; deliveries are bounded by the prefetch.
  std::optional<core::Subscribed> subscribed_;
  std::deque<core::Delivery> deliveries_;
  std::deque<core::SettleAnswered> answers_;
  size_t failures_ = 0;  // of answers_
  bool answered_last_ = false;
  bool drained_ = false;
  std::optional<core::Cancelled> cancelled_;
};

}  // namespace

void ServeConsume(Api& api) { ConsumeStream::Serve(api).Detach(); }

}  // namespace warren::api
