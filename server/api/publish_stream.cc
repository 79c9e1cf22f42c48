// PublishStream: batch after batch, confirmed as it is due. Steps 1 and 8 of a message's life.
#include <google/protobuf/arena.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/api/confirm_clock.h"
#include "server/api/convert/confirm.h"
#include "server/api/convert/limits.h"
#include "server/api/handlers.h"
#include "server/api/stream.h"

namespace warren::api {
namespace {

// Most confirms a frame carries; a frame of that size has about 40 KiB.
constexpr size_t kMaxConfirmsInFrame = 4096;
// A publisher that doesn't read its confirms isn't read from either.
constexpr size_t kMaxConfirmsInOutbox = 16'384;

google::protobuf::ArenaOptions ArenaStart() {
  google::protobuf::ArenaOptions options;
  options.start_block_size = size_t{16} << 10;
  options.max_block_size = size_t{64} << 10;
  return options;
}

class PublishStream final : public Stream, public runtime::PublisherSink {
 public:
  PublishStream(Api& api, runtime::RpcCells& rpc) : Stream(api, rpc) {}
  ~PublishStream() { loop().stats().messages_unconfirmed.Subtract(unconfirmed_); }

  static runtime::Task Serve(Api& api) {
    return ServeWith<PublishStream>(
        api, &RawBrokerService::RequestPublishStream,
        CountersOf(api, runtime::RpcType::kBidiStream, "PublishStream"));
  }

 private:
  // ---- Stream ----

  bool Publishes() const override { return true; }

  absl::Status Take(grpc::ByteBuffer& frame) override {
    // Most of a frame is small objects that live no longer than this.
    google::protobuf::Arena arena(ArenaStart());
    auto& request = *google::protobuf::Arena::CreateMessage<v1::PublishStreamRequest>(&arena);
    if (absl::Status s = Parse(frame, request); !s.ok()) return s;
    switch (request.frame_case()) {
      case v1::PublishStreamRequest::kOpen:
        return Open(request.open());
      case v1::PublishStreamRequest::kBatch:
        return Publish(*request.mutable_batch());
      default:
        return ProtocolFault("a frame is empty; each carries open or batch");
    }
  }

  absl::Status Open(const v1::PublishOpen& open) {
    if (publisher_) return ProtocolFault("open came twice; only the first frame is one");
    if (absl::Status s = CheckName("virtual_host", open.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckName("producer_id", open.producer_id()); !s.ok()) return s;
    core::OpenPublisher command{.virtual_host = VirtualHostName(open.virtual_host()),
                                .producer_id = open.producer_id(),
                                .takes_over = true};
    if (absl::Status s = Permit(command); !s.ok()) return s;
    publish_access_.emplace(access(), command.virtual_host);
    publisher_ = loop().registry().Add(*this);
    command.publisher = publisher_;
    loop().Submit(std::move(command));
    return absl::OkStatus();
  }

  absl::Status Publish(v1::PublishBatch& batch) {
    const int entries = batch.publications_size();
    if (!publisher_) return ProtocolFault("the first frame must be open");
    if (absl::Status s = CheckBatchSize(entries); !s.ok()) return s;
    if (absl::Status s = CheckFirstSequence(batch.first_sequence(), entries); !s.ok()) return s;
    if (batch.first_sequence() <= last_sequence_) {
      return ProtocolFault(std::string(absl::StrCat(
          "first_sequence is ", batch.first_sequence(), " but ", last_sequence_,
          " was sent on this stream already; sequences grow from batch to batch")));
    }
    last_sequence_ = batch.first_sequence() + entries - 1;
    unconfirmed_ += entries;
    loop().stats().messages_received.Add(entries);
    loop().stats().messages_unconfirmed.Add(entries);
    clock_.Arrived(batch.first_sequence(), last_sequence_);
    auto publications = api().publications.TakeAll(*batch.mutable_publications());
    if (batch.resent()) {
      for (core::Publication& publication : publications) publication.resent = true;
    }
    publish_access_->Check(publications, [this](const absl::Status& refusal, bool is_new) {
      NoteRefusal(refusal, is_new);
    });
    loop().Submit(core::Publish{.publisher = publisher_,
                                .first_sequence = batch.first_sequence(),
                                .publications = std::move(publications)});
    clock_.Stepped();
    return absl::OkStatus();
  }

  void OnAccessChanged() override {
    Stream::OnAccessChanged();
    if (!denied().ok() || !publish_access_) return;
    const std::string virtual_host = publish_access_->virtual_host();
    if (absl::Status s = access()->MayEnter(virtual_host); !s.ok()) return End(s);
    publish_access_.emplace(access(), virtual_host);
  }

  bool MayTake() const override {
    // The opening frame is never held: the client learns from its answer why the next one is.
    return !publisher_ || (!loop().flow().held() && confirms_.size() < kMaxConfirmsInOutbox);
  }

  void HalfClosed() override {
    half_closed_ = true;
    EndIfAllConfirmed();
  }

  bool FillFrame(grpc::ByteBuffer& frame) override {
    v1::PublishStreamResponse response;
    if (opened_.has_value()) {
      response.mutable_opened()->set_last_sequence(opened_->last_sequence);
      response.mutable_opened()->set_max_message_bytes(api().publications.max_message_bytes());
      opened_.reset();
      answered_ = true;
    } else if (answered_ && told_ != loop().flow().announced().reason) {
      Tell(loop().flow().announced(), response);
    } else if (!confirms_.empty()) {
      frame = FillConfirms(api().scratch.confirms);
      return true;
    } else {
      return false;
    }
    frame = Serialize(response);
    return true;
  }

  grpc::ByteBuffer FillConfirms(v1::PublishStreamResponse& response) {
    v1::PublishConfirms& frame = *response.mutable_confirms();
    frame.clear_confirms();
    const size_t count = std::min(confirms_.size(), kMaxConfirmsInFrame);
    for (size_t i = 0; i < count; ++i) SetConfirm(confirms_[i], frame.add_confirms());
    confirms_.erase(confirms_.begin(), confirms_.begin() + static_cast<ptrdiff_t>(count));
    return Serialize(response);
  }

  void Tell(const runtime::Hold& hold, v1::PublishStreamResponse& response) {
    told_ = hold.reason;
    if (told_ == runtime::HoldReason::kNone) {
      response.mutable_unblocked();
      return;
    }
    response.mutable_blocked()->set_reason(std::string(runtime::HoldReasonName(told_)));
    response.mutable_blocked()->set_message(hold.message);
  }

  void Leave() override {
    if (publisher_) loop().Close(publisher_);
  }

  runtime::SessionKind kind() const override { return runtime::SessionKind::kPublisher; }

  // ---- runtime::PublisherSink ----

  void OnOpened(const core::PublisherOpened& opened) override {
    opened_ = opened;
    Filled();
  }

  void OnClosed(const absl::Status& status) override { End(status); }

  void OnConfirmed(core::Confirmed confirmed) override {
    CountConfirmed(confirmed, loop().stats());
    clock_.Confirmed(confirmed, loop().stats());
    unconfirmed_ -= confirmed.last_sequence - confirmed.first_sequence + 1;
    if (confirms_.empty() || !MergeConfirms(confirms_.back(), confirmed)) {
      confirms_.push_back(std::move(confirmed));
    }
    Filled();
    EndIfAllConfirmed();
  }

  void EndIfAllConfirmed() {
    if (half_closed_ && unconfirmed_ == 0) End(absl::OkStatus());
  }

  core::PublisherId publisher_;  // 0 before open
  std::optional<auth::PublishAccess> publish_access_;  // once open
  uint64_t last_sequence_ = 0;   // sent by the client
  uint64_t unconfirmed_ = 0;
  ConfirmClock clock_;
  bool half_closed_ = false;

  // Outbox:
  std::optional<core::PublisherOpened> opened_;
  std::vector<core::Confirmed> confirms_;
  bool answered_ = false;  // `opened` has left
  runtime::HoldReason told_ = runtime::HoldReason::kNone;
};

}  // namespace

void ServePublishStream(Api& api) { PublishStream::Serve(api).Detach(); }

}  // namespace warren::api
