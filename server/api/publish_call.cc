// Publish: a batch in one call, answered when every message in it is confirmed.
//
// To the core it is a publisher that opens, publishes one batch, and closes.
#include <grpcpp/support/async_unary_call.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "server/api/call.h"
#include "server/api/confirm_clock.h"
#include "server/api/convert/confirm.h"
#include "server/api/convert/error.h"
#include "server/api/convert/limits.h"
#include "server/api/handlers.h"

namespace warren::api {
namespace {

class PublishCall final : public Call, public runtime::PublisherSink {
 public:
  static runtime::Task Serve(Api& api, runtime::RpcCells& rpc) {
    PublishCall call(api, rpc);
    const bool arrived = co_await runtime::Operation([&](void* tag) {
      api.service.RequestPublish(&call.context(), &call.request_, &call.responder_, &api.queue,
                                 &api.queue, tag);
    });
    if (!arrived) co_return;
    Serve(api, rpc).Detach();
    co_await call.Arrived();
    co_await api.loop.turnstile().Pass(call.request_.Length());
    while (call.MustWait()) co_await call.wake_.Wait();
    call.Submit();
    while (call.AwaitsConfirms()) co_await call.wake_.Wait();
    call.Close();
    co_await runtime::Operation([&](void* tag) { call.Finish(tag); });
    while (!call.gone()) co_await call.over().Wait();
  }

 private:
  PublishCall(Api& api, runtime::RpcCells& rpc)
      : Call(api, rpc), responder_(&context()), wake_(api.loop.ready()) {}
  ~PublishCall() { loop().stats().messages_unconfirmed.Subtract(unconfirmed_); }

  bool MustWait() { return loop().flow().held() && !gone() && Refusal().ok(); }

  absl::Status Refusal() {
    if (!denied().ok()) return denied();
    return stopped().ok() ? loop().shutdown().stopping() : stopped();
  }

  // From the request to the broker; sets status_ if it doesn't get there.
  void Submit() {
    status_ = gone() ? absl::CancelledError("the client has gone") : Refusal();
    if (!status_.ok()) return;
    v1::PublishRequest request;
    status_ = Parse(request_, request);
    request_.Clear();
    if (status_.ok()) status_ = Check(request);
    if (!status_.ok()) return;
    first_sequence_ = request.producer_id().empty() ? 1 : request.first_sequence();
    unconfirmed_ = request.publications_size();
    response_.mutable_results()->Reserve(request.publications_size());
    for (int i = 0; i < request.publications_size(); ++i) response_.add_results();
    loop().stats().messages_received.Add(unconfirmed_);
    loop().stats().messages_unconfirmed.Add(unconfirmed_);
    if (unconfirmed_ > 0) clock_.Arrived(first_sequence_, first_sequence_ + unconfirmed_ - 1);

    core::OpenPublisher open{.virtual_host = VirtualHostName(request.virtual_host()),
                             .producer_id = request.producer_id()};
    status_ = Permit(open);
    if (!status_.ok()) return;
    auto publications = api().publications.TakeAll(*request.mutable_publications());
    auth::PublishAccess(access(), open.virtual_host)
        .Check(publications, [this](const absl::Status& refusal, bool is_new) {
          NoteRefusal(refusal, is_new);
        });
    publisher_ = loop().registry().Add(*this);
    open.publisher = publisher_;
    loop().Submit(std::move(open));
    // If opening failed, the core ignores it and status_ says why.
    loop().Submit(core::Publish{.publisher = publisher_,
                                .first_sequence = first_sequence_,
                                .publications = std::move(publications)});
    clock_.Stepped();
  }

  static absl::Status Check(const v1::PublishRequest& request) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("producer_id", request.producer_id()); !s.ok()) return s;
    if (absl::Status s = CheckBatchSize(request.publications_size()); !s.ok()) return s;
    if (request.producer_id().empty()) return absl::OkStatus();
    return CheckFirstSequence(request.first_sequence(), request.publications_size());
  }

  bool AwaitsConfirms() const {
    return status_.ok() && unconfirmed_ > 0 && !gone() && stopped().ok();
  }

  void Close() {
    if (publisher_) loop().Close(publisher_);
  }

  void Finish(void* tag) {
    if (status_.ok() && unconfirmed_ > 0) {
      status_ = gone() ? absl::CancelledError("the client has gone") : stopped();
    }
    Answered(status_.code());
    if (status_.ok()) {
      responder_.Finish(Serialize(response_), grpc::Status::OK, tag);
    } else {
      responder_.FinishWithError(ToGrpcStatus(status_), tag);
    }
  }

  // ---- runtime::PublisherSink ----

  void OnOpened(const core::PublisherOpened&) override {}

  void OnClosed(const absl::Status& status) override {
    status_ = status;
    wake_.Set();
  }

  void OnConfirmed(core::Confirmed confirmed) override {
    CountConfirmed(confirmed, loop().stats());
    clock_.Confirmed(confirmed, loop().stats());
    for (uint64_t s = confirmed.first_sequence; s <= confirmed.last_sequence; ++s) {
      SetResult(confirmed, response_.mutable_results(static_cast<int>(s - first_sequence_)));
      --unconfirmed_;
    }
    if (unconfirmed_ == 0) wake_.Set();
  }

  void Wake() override { wake_.Set(); }

  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  runtime::Event wake_;
  core::PublisherId publisher_;
  uint64_t first_sequence_ = 1;
  uint64_t unconfirmed_ = 0;
  ConfirmClock clock_;
  v1::PublishResponse response_;
  absl::Status status_;
};

}  // namespace

void ServePublish(Api& api) {
  PublishCall::Serve(api, CountersOf(api, runtime::RpcType::kUnary, "Publish")).Detach();
}

}  // namespace warren::api
