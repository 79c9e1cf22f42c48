// A bare relay with Warren's frames: the ceiling of any broker that speaks gRPC with this message
// shape. What a publisher sends goes to the consumer of the queue that the routing key names, and is
// confirmed at once; it knows no exchanges, no settlement, no store.
//
//   warren_relay      says `listening on HOST:PORT`, and runs until it is ended
//
// It serves what warren-bench calls, and no more. One thread, one completion queue, one write at a
// time a stream; what piles up meanwhile leaves as one frame, as Warren does.
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "warren/v1/broker.grpc.pb.h"

namespace warren::bench {
namespace {

using Service = v1::BrokerService::AsyncService;
// What the completion queue gives back: told whether the operation went well.
using Tag = std::function<void(bool ok)>;

// Messages of a queue that may wait for its consumer; then its publishers aren't read.
constexpr int kMostWaiting = 4'096;
constexpr uint64_t kMostMessageBytes = 16 << 20;

class ConsumeStream;
class PublishStream;

struct Queue {
  v1::ConsumeResponse waiting;  // what goes to the consumer as the next frame
  ConsumeStream* consumer = nullptr;
  uint64_t last_tag = 0;
  std::vector<PublishStream*> held;

  bool full() const { return waiting.deliveries().deliveries_size() >= kMostWaiting; }
};

struct Relay {
  Service service;
  grpc::ServerCompletionQueue* calls = nullptr;
  std::unordered_map<std::string, Queue> queues;
};

// A call with one answer. Serves all calls of a method, one object a call.
template <typename Request, typename Response>
class UnaryCall {
 public:
  using Method = void (Service::*)(grpc::ServerContext*, Request*,
                                   grpc::ServerAsyncResponseWriter<Response>*,
                                   grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);
  using Answer = Response (*)(Relay&, const Request&);

  static void Serve(Relay& relay, Method method, Answer answer) {
    auto* call = new UnaryCall;  // deletes itself
    call->arrived_ = [=, &relay](bool ok) {
      if (!ok) return delete call;
      Serve(relay, method, answer);
      call->writer_.Finish(answer(relay, call->request_), grpc::Status::OK, &call->finished_);
    };
    call->finished_ = [=](bool /*ok*/) { delete call; };
    (relay.service.*method)(&call->context_, &call->request_, &call->writer_, relay.calls,
                            relay.calls, &call->arrived_);
  }

 private:
  UnaryCall() : writer_(&context_) {}

  grpc::ServerContext context_;
  Request request_;
  grpc::ServerAsyncResponseWriter<Response> writer_;
  Tag arrived_;
  Tag finished_;
};

// What both streams have in common: one read and one write underway at most, and the end, once
// neither is. Deletes itself then.
template <typename Derived, typename Request, typename Response>
class StreamCall {
 public:
  using Method = void (Service::*)(grpc::ServerContext*,
                                   grpc::ServerAsyncReaderWriter<Response, Request>*,
                                   grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);

  static void Serve(Relay& relay, Method method) {
    auto* call = new Derived(relay);
    call->arrived_ = [=, &relay](bool ok) {
      if (!ok) return delete call;
      Serve(relay, method);
      call->Read();
    };
    (relay.service.*method)(&call->context_, &call->stream_, relay.calls, relay.calls,
                            &call->arrived_);
  }

 protected:
  explicit StreamCall(Relay& relay) : relay_(relay), stream_(&context_) {
    read_ = [this](bool ok) {
      reading_ = false;
      ended_ = ended_ || !ok;
      if (ok) derived().Take(request_);
      EndIfOver();
    };
    written_ = [this](bool ok) {
      writing_ = false;
      ended_ = ended_ || !ok;
      if (ok) WriteNext();
      EndIfOver();
    };
    finished_ = [this](bool /*ok*/) { delete &derived(); };
  }

  void Read() {
    reading_ = true;
    stream_.Read(&request_, &read_);
  }
  // Unless a write is underway, after which it comes.
  void WriteNext() {
    if (writing_ || ended_ || !derived().Fill(response_)) return;
    writing_ = true;
    stream_.Write(response_, &written_);  // serialises now
  }

  Relay& relay_;

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  void EndIfOver() {
    if (!ended_ || reading_ || writing_ || finishing_) return;
    finishing_ = true;
    derived().Leave();
    stream_.Finish(grpc::Status::OK, &finished_);
  }

  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<Response, Request> stream_;
  Request request_;
  Response response_;
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;
  bool finishing_ = false;
  Tag arrived_;
  Tag read_;
  Tag written_;
  Tag finished_;
};

class ConsumeStream : public StreamCall<ConsumeStream, v1::ConsumeRequest, v1::ConsumeResponse> {
 public:
  explicit ConsumeStream(Relay& relay) : StreamCall(relay) {}

  void Take(const v1::ConsumeRequest& request) {
    if (request.has_subscribe()) {
      name_ = request.subscribe().queue();
      queue_ = &relay_.queues[name_];
      queue_->consumer = this;
    }
    if (request.settle().settle_id() != 0) settle_id_ = request.settle().settle_id();
    Read();
    WriteNext();
  }
  // There is something in the queue.
  void Deliver() { WriteNext(); }

  bool Fill(v1::ConsumeResponse& response);

  void Leave() {
    if (queue_ != nullptr && queue_->consumer == this) queue_->consumer = nullptr;
  }

 private:
  std::string name_;
  Queue* queue_ = nullptr;
  bool subscribed_ = false;
  uint64_t settle_id_ = 0;  // to be answered
};

class PublishStream
    : public StreamCall<PublishStream, v1::PublishStreamRequest, v1::PublishStreamResponse> {
 public:
  explicit PublishStream(Relay& relay) : StreamCall(relay) {}

  void Take(v1::PublishStreamRequest& request) {
    Queue* full = nullptr;
    if (request.has_batch()) {
      v1::PublishBatch& batch = *request.mutable_batch();
      const uint64_t last = batch.first_sequence() + batch.publications_size() - 1;
      if (last_ == 0) first_ = batch.first_sequence();
      last_ = last;
      full = HandOver(batch);
    }
    WriteNext();
    if (full == nullptr) return Read();
    full->held.push_back(this);
  }
  void GoOn() { Read(); }

  bool Fill(v1::PublishStreamResponse& response) {
    if (!opened_) {
      opened_ = true;
      response.mutable_opened()->set_max_message_bytes(kMostMessageBytes);
      return true;
    }
    if (last_ == 0) return false;
    v1::PublishConfirms& confirms = *response.mutable_confirms();
    confirms.clear_confirms();
    v1::PublishConfirm& confirm = *confirms.add_confirms();
    confirm.set_first_sequence(first_);
    confirm.set_last_sequence(last_);
    confirm.set_outcome(v1::OUTCOME_ACCEPTED);
    last_ = 0;
    return true;
  }

  void Leave() {
    for (auto& [name, queue] : relay_.queues) std::erase(queue.held, this);
  }

 private:
  // A queue that has become full, if any.
  Queue* HandOver(v1::PublishBatch& batch) {
    Queue* full = nullptr;
    Queue* queue = nullptr;
    const std::string* key = nullptr;
    for (v1::Publication& publication : *batch.mutable_publications()) {
      if (key == nullptr || *key != publication.routing_key()) {
        if (queue != nullptr && queue->consumer != nullptr) queue->consumer->Deliver();
        queue = &relay_.queues[publication.routing_key()];
      }
      v1::Delivery& delivery = *queue->waiting.mutable_deliveries()->add_deliveries();
      delivery.set_delivery_tag(++queue->last_tag);
      delivery.mutable_exchange()->swap(*publication.mutable_exchange());
      delivery.mutable_routing_key()->swap(*publication.mutable_routing_key());
      key = &delivery.routing_key();
      // Pointers alone move; the body stays where it was parsed to.
      delivery.mutable_message()->Swap(publication.mutable_message());
      if (queue->full()) full = queue;
    }
    if (queue != nullptr && queue->consumer != nullptr) queue->consumer->Deliver();
    return full != nullptr && full->full() ? full : nullptr;
  }

  bool opened_ = false;
  // To be confirmed, unless last_ is 0.
  uint64_t first_ = 0;
  uint64_t last_ = 0;
};

bool ConsumeStream::Fill(v1::ConsumeResponse& response) {
  if (queue_ == nullptr) return false;
  if (!subscribed_) {
    subscribed_ = true;
    response.mutable_subscribed()->set_queue(name_);
    return true;
  }
  if (settle_id_ != 0) {
    response.mutable_settle_results()->set_settle_id(std::exchange(settle_id_, 0));
    return true;
  }
  if (queue_->waiting.deliveries().deliveries_size() == 0) return false;
  // What the last frame held is filled anew, so nothing is allocated.
  response.Swap(&queue_->waiting);
  queue_->waiting.mutable_deliveries()->clear_deliveries();
  for (PublishStream* held : std::exchange(queue_->held, {})) held->GoOn();
  return true;
}

int Run() {
  Relay relay;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&relay.service);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  const std::unique_ptr<grpc::ServerCompletionQueue> calls = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  relay.calls = calls.get();

  UnaryCall<v1::DeclareQueueRequest, v1::DeclareQueueResponse>::Serve(
      relay, &Service::RequestDeclareQueue, [](Relay& r, const v1::DeclareQueueRequest& request) {
        r.queues.try_emplace(request.name());
        v1::DeclareQueueResponse response;
        response.set_name(request.name());
        return response;
      });
  // Streams may still know it, so it stays.
  UnaryCall<v1::DeleteQueueRequest, v1::DeleteQueueResponse>::Serve(
      relay, &Service::RequestDeleteQueue,
      [](Relay&, const v1::DeleteQueueRequest&) { return v1::DeleteQueueResponse(); });
  PublishStream::Serve(relay, &Service::RequestPublishStream);
  ConsumeStream::Serve(relay, &Service::RequestConsume);

  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  void* tag = nullptr;
  bool ok = false;
  while (calls->Next(&tag, &ok)) (*static_cast<Tag*>(tag))(ok);
  return 0;
}

}  // namespace
}  // namespace warren::bench

int main() { return warren::bench::Run(); }
