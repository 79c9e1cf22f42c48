// warren-bench's load on NATS JetStream, by its C client: a work queue on files, with acknowledged
// publishing and explicit acknowledgements. Run by hand, or by tests/bench/compare.py.
//
// JetStream confirms what is in the page cache; it syncs every few minutes. Persistent means kept in
// files here, transient kept in memory. It knows no acknowledgement of several messages on a work
// queue, so --ack-batch above 1 counts as 1.
#include <nats/nats.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/bench/command_line.h"

namespace warren::tools {
namespace {

constexpr std::chrono::seconds kFlushPatience{60};
constexpr int64_t kFlushMs = 60'000;

absl::Status Failed(const char* doing, natsStatus status, jsErrCode code = {}) {
  if (status == NATS_OK) return absl::OkStatus();
  const std::string text = absl::StrCat(doing, ": ", natsStatus_GetText(status), " (JetStream ",
                                        static_cast<int>(code), ")");
  return status == NATS_NO_SERVER || status == NATS_CONNECTION_CLOSED
             ? absl::UnavailableError(text)
             : absl::InternalError(text);
}

template <auto destroy>
struct Destroyer {
  void operator()(auto* object) const { destroy(object); }
};
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription_Destroy>>;
using JetStream = std::unique_ptr<jsCtx, Destroyer<jsCtx_Destroy>>;

absl::StatusOr<Connection> Connect(const std::string& url) {
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_ConnectTo(&connection, url.c_str());
  if (status != NATS_OK) return Failed(absl::StrCat("can't reach ", url).c_str(), status);
  return Connection(connection);
}

std::string_view DataOf(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))};
}

// Each message asks for an answer under a subject that ends in its number.
class NatsPublishLink : public PublishLink {
 public:
  NatsPublishLink(std::string url, const Workload& workload)
      : url_(std::move(url)), workload_(workload) {}

  absl::Status Open(OnConfirm on_confirm) override {
    on_confirm_ = std::move(on_confirm);
    auto connection = Connect(url_);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    natsInbox* inbox = nullptr;
    if (natsStatus s = natsInbox_Create(&inbox); s != NATS_OK) return Failed("make an inbox", s);
    answers_ = absl::StrCat(inbox, ".");
    natsInbox_Destroy(inbox);
    natsSubscription* subscription = nullptr;
    const natsStatus status = natsConnection_Subscribe(
        &subscription, connection_.get(), absl::StrCat(answers_, "*").c_str(),
        [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
          static_cast<NatsPublishLink*>(self)->OnAnswer(message);
        },
        this);
    subscription_.reset(subscription);
    return Failed("subscribe", status);
  }

  absl::Status Publish(const std::string& queue, const std::string& body) override {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || published_ - answered_ < workload_.window; });
      if (closed_) return absl::CancelledError("closed");
      ++published_;
    }
    return Failed("publish",
                  natsConnection_PublishRequest(connection_.get(), queue.c_str(),
                                                absl::StrCat(answers_, published_).c_str(),
                                                body.data(), static_cast<int>(body.size())));
  }

  absl::Status Flush() override {
    std::unique_lock lock(mutex_);
    const bool all = changed_.wait_for(
        lock, kFlushPatience, [this] { return closed_ || published_ == answered_; });
    if (published_ == answered_) return absl::OkStatus();
    return all ? absl::CancelledError("closed")
               : absl::DeadlineExceededError("the server doesn't confirm");
  }

  void Close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  void OnAnswer(natsMsg* message) {
    const std::string_view subject = natsMsg_GetSubject(message);
    const std::string_view digits = subject.substr(answers_.size());
    uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    // {"stream": …, "seq": …}, or {"error": …}; empty if no stream takes the subject.
    const std::string_view answer = DataOf(message);
    const bool taken =
        answer.find("\"seq\"") != answer.npos && answer.find("\"error\"") == answer.npos;
    natsMsg_Destroy(message);
    on_confirm_(number, number, taken);
    const std::lock_guard lock(mutex_);
    ++answered_;
    changed_.notify_all();
  }

  const std::string url_;
  const Workload& workload_;
  OnConfirm on_confirm_;
  std::string answers_;  // where answers go, up to the number
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  uint64_t published_ = 0;  // written by the producer's thread alone
  uint64_t answered_ = 0;
  Connection connection_;
  Subscription subscription_;
};

class NatsConsumeLink : public ConsumeLink {
 public:
  NatsConsumeLink(std::string url, const Workload& workload)
      : url_(std::move(url)), workload_(workload) {}

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    on_delivery_ = std::move(on_delivery);
    auto connection = Connect(url_);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    jsCtx* context = nullptr;
    natsStatus status = natsConnection_JetStream(&context, connection_.get(), nullptr);
    context_.reset(context);
    if (status != NATS_OK) return Failed("JetStream", status);
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.ManualAck = true;
    options.Config.AckPolicy = workload_.ack_batch == 0 ? js_AckNone : js_AckExplicit;
    options.Config.MaxAckPending = workload_.ack_batch == 0 ? 0 : workload_.prefetch;
    jsErrCode code = {};
    natsSubscription* subscription = nullptr;
    status = js_Subscribe(
        &subscription, context_.get(), queue.c_str(),
        [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
          static_cast<NatsConsumeLink*>(self)->OnMessage(message);
        },
        this, nullptr, &options, &code);
    subscription_.reset(subscription);
    return Failed("subscribe", status, code);
  }

  absl::Status Stop() override {
    const natsStatus flushed = natsConnection_FlushTimeout(connection_.get(), kFlushMs);
    natsSubscription_Unsubscribe(subscription_.get());
    subscription_.reset();
    connection_.reset();
    return Failed("flush acknowledgements", flushed);
  }

 private:
  void OnMessage(natsMsg* message) {
    on_delivery_(DataOf(message), Redelivered(message));
    if (workload_.ack_batch > 0) natsMsg_Ack(message, nullptr);
    natsMsg_Destroy(message);
  }

  // The answer's subject is $JS.ACK.STREAM.CONSUMER.DELIVERIES. …
  static bool Redelivered(natsMsg* message) {
    std::string_view rest = natsMsg_GetReply(message);
    for (int i = 0; i < 4; ++i) rest.remove_prefix(std::min(rest.find('.') + 1, rest.size()));
    return !rest.starts_with("1.");
  }

  const std::string url_;
  const Workload& workload_;
  OnDelivery on_delivery_;
  Connection connection_;
  JetStream context_;
  Subscription subscription_;
};

// A queue is a stream of the same name, which takes the subject of the same name.
class NatsTarget : public Target {
 public:
  NatsTarget(std::string url, Connection connection, JetStream context)
      : url_(std::move(url)), connection_(std::move(connection)), context_(std::move(context)) {}

  absl::Status DeclareQueue(const std::string& name, bool durable) override {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subjects[] = {name.c_str()};
    config.Name = name.c_str();
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_WorkQueuePolicy;
    config.Storage = durable ? js_FileStorage : js_MemoryStorage;
    jsErrCode code = {};
    return Failed("make a stream",
                  js_AddStream(nullptr, context_.get(), &config, nullptr, &code), code);
  }
  absl::Status DeleteQueue(const std::string& name) override {
    jsErrCode code = {};
    return Failed("delete a stream",
                  js_DeleteStream(context_.get(), name.c_str(), nullptr, &code), code);
  }
  std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) override {
    return std::make_unique<NatsPublishLink>(url_, workload);
  }
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload& workload) override {
    return std::make_unique<NatsConsumeLink>(url_, workload);
  }

 private:
  const std::string url_;
  const Connection connection_;
  const JetStream context_;
};

absl::StatusOr<std::unique_ptr<Target>> ConnectTarget(const std::string& url) {
  auto connection = Connect(url);
  if (!connection.ok()) return connection.status();
  jsCtx* context = nullptr;
  const natsStatus status = natsConnection_JetStream(&context, connection->get(), nullptr);
  if (status != NATS_OK) return Failed("JetStream", status);
  return std::make_unique<NatsTarget>(url, *std::move(connection), JetStream(context));
}

int Main(int argc, char** argv) {
  std::string url = "nats://127.0.0.1:4222";
  BenchProgram program{.name = "nats_bench",
                       .description = "nats_bench: load NATS JetStream as warren-bench does"};
  program.add_flags = [&url](CLI::App& app) {
    app.add_option("--url", url, "Server")->capture_default_str();
  };
  program.connect = [&url] { return ConnectTarget(url); };
  program.explain = [](const absl::Status& status) { return std::string(status.message()); };
  return RunBenchProgram(program, argc, argv);
}

}  // namespace
}  // namespace warren::tools

int main(int argc, char** argv) { return warren::tools::Main(argc, argv); }
