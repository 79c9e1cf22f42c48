// warren-bench's load on RabbitMQ, by librabbitmq: classic or quorum queues, publisher confirms,
// manual acknowledgements. Run by hand, or by tests/bench/compare.py.
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/bench/command_line.h"

namespace warren::tools {
namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr int kFrameMax = 131'072;
constexpr std::chrono::seconds kConnectPatience{10};
constexpr std::chrono::milliseconds kLook{100};
constexpr std::chrono::seconds kFlushPatience{60};
// Confirms are looked for once in so many messages, when none has to be waited for.
constexpr uint64_t kMessagesPerLook = 32;

struct Address {
  std::string host = "127.0.0.1";
  int port = 5672;
  std::string user = "guest";
  std::string password = "guest";
};

timeval ToTimeval(std::chrono::microseconds time) {
  return {.tv_sec = time.count() / 1'000'000, .tv_usec = time.count() % 1'000'000};
}

amqp_bytes_t Bytes(const std::string& text) {
  return {.len = text.size(), .bytes = const_cast<char*>(text.data())};
}

std::string Text(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

absl::Status FromLibrary(const char* doing, int status) {
  if (status == AMQP_STATUS_OK) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(doing, ": ", amqp_error_string2(status)));
}

absl::Status FromReply(const char* doing, const amqp_rpc_reply_t& reply) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return absl::OkStatus();
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    return FromLibrary(doing, reply.library_error);
  }
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* closed = static_cast<const amqp_channel_close_t*>(reply.reply.decoded);
    return absl::InternalError(absl::StrCat(doing, ": ", Text(closed->reply_text)));
  }
  return absl::UnavailableError(absl::StrCat(doing, ": the server closed the connection"));
}

struct Deleter {
  void operator()(amqp_connection_state_t connection) const { amqp_destroy_connection(connection); }
};
// Open, with channel kChannel.
using Connection = std::unique_ptr<amqp_connection_state_t_, Deleter>;

absl::StatusOr<Connection> Connect(const Address& address) {
  Connection connection(amqp_new_connection());
  amqp_socket_t* socket = amqp_tcp_socket_new(connection.get());
  const timeval patience = ToTimeval(kConnectPatience);
  const std::string doing = absl::StrCat("can't reach ", address.host, ":", address.port);
  absl::Status status = FromLibrary(
      doing.c_str(),
      amqp_socket_open_noblock(socket, address.host.c_str(), address.port, &patience));
  if (!status.ok()) return status;
  status = FromReply("login", amqp_login(connection.get(), "/", 0, kFrameMax, 0,
                                         AMQP_SASL_METHOD_PLAIN, address.user.c_str(),
                                         address.password.c_str()));
  if (!status.ok()) return status;
  amqp_channel_open(connection.get(), kChannel);
  status = FromReply("open a channel", amqp_get_rpc_reply(connection.get()));
  if (!status.ok()) return status;
  return connection;
}

// Reads confirms on the thread that publishes, since the library's connections know one thread.
class RabbitPublishLink : public PublishLink {
 public:
  RabbitPublishLink(const Address& address, const Workload& workload)
      : address_(address), workload_(workload) {}

  absl::Status Open(OnConfirm on_confirm) override {
    on_confirm_ = std::move(on_confirm);
    auto connection = Connect(address_);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    amqp_confirm_select(connection_.get(), kChannel);
    return FromReply("confirm.select", amqp_get_rpc_reply(connection_.get()));
  }

  absl::Status Publish(const std::string& queue, const std::string& body) override {
    absl::Status status;
    if (published_ % kMessagesPerLook == 0) status = ReadConfirms(std::chrono::seconds(0));
    while (status.ok() && published_ - up_to_ >= workload_.window) {
      if (closed_) return absl::CancelledError("closed");
      status = ReadConfirms(kLook);
    }
    if (!status.ok()) return status;
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = workload_.persistent ? 2 : 1;
    status = FromLibrary("publish",
                         amqp_basic_publish(connection_.get(), kChannel, amqp_empty_bytes,
                                            Bytes(queue), 0, 0, &properties, Bytes(body)));
    ++published_;
    return status;
  }

  void PassTime(std::chrono::nanoseconds time) override {
    const auto until = std::chrono::steady_clock::now() + time;
    for (auto left = time; left.count() > 0; left = until - std::chrono::steady_clock::now()) {
      // A broken connection shows in Publish.
      if (!ReadConfirms(std::chrono::ceil<std::chrono::microseconds>(left)).ok()) return;
    }
  }

  absl::Status Flush() override {
    const auto until = std::chrono::steady_clock::now() + kFlushPatience;
    while (up_to_ < published_ && !closed_) {
      if (std::chrono::steady_clock::now() > until) {
        return absl::DeadlineExceededError("the server doesn't confirm");
      }
      if (absl::Status status = ReadConfirms(kLook); !status.ok()) return status;
    }
    return up_to_ < published_ ? absl::CancelledError("closed") : absl::OkStatus();
  }

  void Close() override { closed_ = true; }

 private:
  // Takes all confirms that are there; waits for the first so long.
  absl::Status ReadConfirms(std::chrono::microseconds patience) {
    while (true) {
      amqp_maybe_release_buffers(connection_.get());
      const timeval time = ToTimeval(patience);
      amqp_frame_t frame;
      const int got = amqp_simple_wait_frame_noblock(connection_.get(), &frame, &time);
      if (got == AMQP_STATUS_TIMEOUT) return absl::OkStatus();
      if (got != AMQP_STATUS_OK) return FromLibrary("read confirms", got);
      if (absl::Status status = OnFrame(frame); !status.ok()) return status;
      patience = std::chrono::seconds(0);
    }
  }

  absl::Status OnFrame(const amqp_frame_t& frame) {
    if (frame.frame_type != AMQP_FRAME_METHOD) return absl::OkStatus();
    const void* method = frame.payload.method.decoded;
    switch (frame.payload.method.id) {
      case AMQP_BASIC_ACK_METHOD: {
        const auto* ack = static_cast<const amqp_basic_ack_t*>(method);
        OnTag(ack->delivery_tag, ack->multiple != 0, true);
        return absl::OkStatus();
      }
      case AMQP_BASIC_NACK_METHOD: {
        const auto* nack = static_cast<const amqp_basic_nack_t*>(method);
        OnTag(nack->delivery_tag, nack->multiple != 0, false);
        return absl::OkStatus();
      }
      case AMQP_CHANNEL_CLOSE_METHOD:
      case AMQP_CONNECTION_CLOSE_METHOD:
        return absl::UnavailableError("the server closed the channel of a producer");
      default: return absl::OkStatus();
    }
  }

  // Single tags may overtake each other; `multiple` means all before that aren't confirmed.
  void OnTag(uint64_t tag, bool multiple, bool taken) {
    const size_t size = early_.size();
    if (!multiple && tag != up_to_ + 1) {
      early_[tag % size] = true;
      on_confirm_(tag, tag, taken);
      return;
    }
    while (up_to_ < tag || early_[(up_to_ + 1) % size]) {
      ++up_to_;
      if (early_[up_to_ % size]) {
        early_[up_to_ % size] = false;
        continue;
      }
      on_confirm_(up_to_, up_to_, taken);
    }
  }

  const Address address_;
  const Workload& workload_;
  OnConfirm on_confirm_;
  Connection connection_;
  std::atomic<bool> closed_{false};
  uint64_t published_ = 0;
  // All up to this tag are confirmed, and behind it those that are set here, by tag modulo the size.
  uint64_t up_to_ = 0;
  std::vector<bool> early_ = std::vector<bool>(workload_.window + 1);
};

class RabbitConsumeLink : public ConsumeLink {
 public:
  RabbitConsumeLink(const Address& address, const Workload& workload)
      : address_(address), workload_(workload) {}
  ~RabbitConsumeLink() override { End(); }

  absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
    on_delivery_ = std::move(on_delivery);
    auto connection = Connect(address_);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    amqp_basic_qos(connection_.get(), kChannel, 0, static_cast<uint16_t>(workload_.prefetch), 0);
    absl::Status status = FromReply("basic.qos", amqp_get_rpc_reply(connection_.get()));
    if (!status.ok()) return status;
    amqp_basic_consume(connection_.get(), kChannel, Bytes(queue), amqp_empty_bytes, 0,
                       workload_.ack_batch == 0, 0, amqp_empty_table);
    status = FromReply("basic.consume", amqp_get_rpc_reply(connection_.get()));
    if (!status.ok()) return status;
    thread_ = std::thread([this] { status_ = Consume(); });
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    End();
    if (!status_.ok()) return status_;
    if (unsettled_ > 0 && workload_.ack_batch > 1) status_ = Ack(last_tag_, true);
    // An answer comes when all acks before it were taken.
    const amqp_rpc_reply_t reply = amqp_channel_close(connection_.get(), kChannel, 200);
    return status_.ok() ? FromReply("close a channel", reply) : status_;
  }

 private:
  void End() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Consume() {
    while (!stop_) {
      amqp_maybe_release_buffers(connection_.get());
      const timeval time = ToTimeval(kLook);
      amqp_envelope_t envelope;
      const amqp_rpc_reply_t reply = amqp_consume_message(connection_.get(), &envelope, &time, 0);
      if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
          reply.library_error == AMQP_STATUS_TIMEOUT) {
        continue;
      }
      if (absl::Status status = FromReply("consume", reply); !status.ok()) return status;
      const amqp_bytes_t body = envelope.message.body;
      on_delivery_({static_cast<const char*>(body.bytes), body.len}, envelope.redelivered != 0);
      last_tag_ = envelope.delivery_tag;
      amqp_destroy_envelope(&envelope);
      if (workload_.ack_batch == 0 || ++unsettled_ < workload_.ack_batch) continue;
      unsettled_ = 0;
      absl::Status acked = Ack(last_tag_, workload_.ack_batch > 1);
      if (!acked.ok()) return acked;
    }
    return absl::OkStatus();
  }

  absl::Status Ack(uint64_t tag, bool multiple) {
    return FromLibrary("acknowledge",
                       amqp_basic_ack(connection_.get(), kChannel, tag, multiple ? 1 : 0));
  }

  const Address address_;
  const Workload& workload_;
  OnDelivery on_delivery_;
  Connection connection_;
  std::atomic<bool> stop_{false};
  // The thread's, until it has ended.
  absl::Status status_;
  uint32_t unsettled_ = 0;
  uint64_t last_tag_ = 0;
  std::thread thread_;
};

class RabbitTarget : public Target {
 public:
  RabbitTarget(Address address, std::string queue_type, Connection connection)
      : address_(std::move(address)),
        queue_type_(std::move(queue_type)),
        connection_(std::move(connection)) {}

  absl::Status DeclareQueue(const std::string& name, bool durable) override {
    amqp_table_entry_t type{.key = amqp_cstring_bytes("x-queue-type"),
                            .value = {.kind = AMQP_FIELD_KIND_UTF8,
                                      .value = {.bytes = Bytes(queue_type_)}}};
    amqp_queue_declare(connection_.get(), kChannel, Bytes(name), 0, durable ? 1 : 0, 0, 0,
                       {.num_entries = 1, .entries = &type});
    return FromReply("declare a queue", amqp_get_rpc_reply(connection_.get()));
  }
  absl::Status DeleteQueue(const std::string& name) override {
    amqp_queue_delete(connection_.get(), kChannel, Bytes(name), 0, 0);
    return FromReply("delete a queue", amqp_get_rpc_reply(connection_.get()));
  }
  std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) override {
    return std::make_unique<RabbitPublishLink>(address_, workload);
  }
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload& workload) override {
    return std::make_unique<RabbitConsumeLink>(address_, workload);
  }

 private:
  const Address address_;
  const std::string queue_type_;
  const Connection connection_;
};

int Main(int argc, char** argv) {
  Address address;
  std::string queue_type = "classic";
  BenchProgram program{.name = "rabbitmq_bench",
                       .description = "rabbitmq_bench: load a RabbitMQ server as warren-bench does"};
  program.add_flags = [&address, &queue_type](CLI::App& app) {
    app.add_option("--host", address.host, "Server")->capture_default_str();
    app.add_option("--port", address.port, "Its AMQP port")->capture_default_str();
    app.add_option("--user", address.user, "User")->capture_default_str();
    app.add_option("--password", address.password, "Password")->capture_default_str();
    app.add_option("--queue-type", queue_type, "Of the queues: classic, or quorum, always durable")
        ->check(CLI::IsMember({"classic", "quorum"}))
        ->capture_default_str();
  };
  program.connect = [&address, &queue_type]() -> absl::StatusOr<std::unique_ptr<Target>> {
    auto connection = Connect(address);
    if (!connection.ok()) return connection.status();
    return std::make_unique<RabbitTarget>(address, queue_type, *std::move(connection));
  };
  program.explain = [](const absl::Status& status) { return std::string(status.message()); };
  return RunBenchProgram(program, argc, argv);
}

}  // namespace
}  // namespace warren::tools

int main(int argc, char** argv) { return warren::tools::Main(argc, argv); }
