// ListConsumers.
#include <string>
#include <utility>

#include "server/api/admin/list.h"
#include "server/api/handlers.h"

namespace warren::api {
namespace {

class ListConsumers : public PlainList {
 public:
  using Request = v1::ListConsumersRequest;
  using Response = v1::ListConsumersResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListConsumers;
  static constexpr std::string_view kName = "consumers";
  static constexpr size_t kNumbers = 1;

  void GoTo(const PagePlace& place) { after_ = {place.numbers[0]}; }
  PagePlace Place() const { return {.numbers = {after_.value}, .text = {}}; }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = CheckName("queue", request.queue()); !s.ok()) return s;
    queue_ = request.queue();
    return hosts_.Choose(caller, request.virtual_host());
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto part = caller.broker().WalkConsumers(
        after_, limits, [&](const std::string& host, const std::string& queue) {
          return (queue_.empty() || queue == queue_) && hosts_.Has(caller, host);
        });
    for (const core::ConsumerView& consumer : part.items) {
      Set(caller, consumer, *response.add_consumers());
    }
    after_ = part.last;
    return part.done;
  }
  static int Size(const Response& response) { return response.consumers_size(); }

 private:
  static void Set(const Caller& caller, const core::ConsumerView& consumer, v1::Consumer& proto) {
    proto.set_virtual_host(consumer.virtual_host);
    proto.set_queue(consumer.queue);
    proto.set_name(consumer.name);
    if (const auto* session = caller.api.loop.registry().SessionOf(consumer.id)) {
      const runtime::SessionView view = session->View();
      proto.set_peer(view.peer.data(), view.peer.size());
      proto.set_user(view.user.data(), view.user.size());
    }
    proto.set_prefetch_messages(consumer.prefetch.messages);
    proto.set_prefetch_bytes(consumer.prefetch.bytes);
    proto.set_unsettled_messages(consumer.unsettled);
    proto.set_auto_ack(consumer.auto_ack);
    proto.set_exclusive(consumer.exclusive);
  }

  HostChoice hosts_;
  std::string queue_;
  core::ConsumerId after_;
};

}  // namespace

void ServeAdminConsumers(Api& api) { ServeList<ListConsumers>(api, "ListConsumers"); }

}  // namespace warren::api
